"""On a shared cluster, a run needs only the stated rights, and leaves nothing however it ends."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from canaryproof.cluster.embedded.provider import EmbeddedProvider
from canaryproof.cluster.embedded.toolchain import Toolchain
from canaryproof.cluster.existing.account_rights import ROLE
from canaryproof.errors import CommandError
from canaryproof.kube.running_cluster import Cluster
from canaryproof.scenario.scenario_file import load_scenario
from canaryproof.system.process import run
from canaryproof.system.wait import Ticks, wait_for
from canaryproof.timeouts import TimeLimits
from tests.cluster.commanding import Kubectl, kubectl_of

pytestmark = pytest.mark.cluster

REPOSITORY = Path(__file__).parents[2]
ROBOT = "system:serviceaccount:theirs:robot"
PLUGIN = """#!/bin/sh
# Gives the token that lies in the user's home, as the plugins of clouds do.
printf '{"apiVersion": "client.authentication.k8s.io/v1", "kind": "ExecCredential", "status": {"token": "%s"}}' \
    "$(cat "$HOME/token")"
"""


@pytest.fixture(scope="module")
def shared(toolchain: Toolchain, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    """A cluster with another owner."""
    with EmbeddedProvider(
        toolchain, tmp_path_factory.mktemp("theirs"), load_scenario().stand_ins, TimeLimits()
    ).lend() as cluster:
        yield cluster


@pytest.fixture(scope="module")
def kubectl(toolchain: Toolchain, shared: Cluster) -> Kubectl:
    """The kubectl of the cluster's owner."""
    return kubectl_of(toolchain, shared)


@pytest.fixture(scope="module")
def home(kubectl: Kubectl, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The home of an account with the ClusterRole's rights.

    Its kubeconfig is relative and uses a credentials plugin.
    """
    kubectl("create", "namespace", "theirs")
    kubectl("create", "configmap", "precious", "--namespace=theirs", "--from-literal=a=b")
    kubectl("create", "serviceaccount", "robot", "--namespace=theirs")
    kubectl("apply", "--filename", str(ROLE))
    kubectl("create", "clusterrolebinding", "robot", "--clusterrole=canaryproof", "--serviceaccount=theirs:robot")
    home = tmp_path_factory.mktemp("home")
    (home / "token").write_text(kubectl("create", "token", "robot", "--namespace=theirs").strip())
    admin = json.loads(kubectl("config", "view", "--raw", "--output=json"))["clusters"][0]["cluster"]
    ca = run(["base64", "--decode", str(_written(home / "ca.b64", admin["certificate-authority-data"]))], timeout=10)
    _written(home / "keys" / "ca.crt", ca)
    _written(home / "bin" / "plugin", PLUGIN).chmod(0o755)
    plugin = {"apiVersion": "client.authentication.k8s.io/v1", "command": "./bin/plugin", "interactiveMode": "Never"}
    config = {
        "current-context": "theirs",
        "contexts": [{"name": "theirs", "context": {"cluster": "theirs", "user": "robot", "namespace": "theirs"}}],
        "clusters": [
            {"name": "theirs", "cluster": {"server": admin["server"], "certificate-authority": "keys/ca.crt"}}
        ],
        "users": [{"name": "robot", "user": {"exec": plugin}}],
    }
    _written(home / "kubeconfig", json.dumps(config))
    return home


def test_an_account_with_no_more_rights_gets_the_same_verdict(home: Path, kubectl: Kubectl, tmp_path: Path) -> None:
    """An account with only the stated rights gets the same verdict, and nothing of the run stays."""
    before = _everything_of_theirs(kubectl)
    with pytest.raises(CommandError):
        kubectl("auth", "can-i", "create", "mutatingadmissionpolicies", "--as", ROBOT, "--quiet")

    with _job(home, tmp_path) as job:
        assert job.wait(300) == 0

    (row,) = _results(tmp_path)["submissions"]
    assert (row["verdict"], row["outcome"], row["score"]) == ("accepted", "crash-loop", 13)
    assert _results(tmp_path)["cluster"]["provider"] == "existing"
    _await_no_namespace_of_runs(kubectl)
    assert _everything_of_theirs(kubectl) == before


def test_two_runs_leave_each_other_alone(home: Path, kubectl: Kubectl, tmp_path: Path) -> None:
    """Two runs do not sweep each other's namespaces."""
    with _job(home, tmp_path / "one") as one, _job(home, tmp_path / "two") as two:
        codes = (one.wait(300), two.wait(300))

    told = [_results(tmp_path / run)["submissions"][0]["reason"] for run in ("one", "two")]
    assert codes == (0, 0), told
    _await_no_namespace_of_runs(kubectl)


def test_what_a_killed_run_left_is_swept_by_the_next(home: Path, kubectl: Kubectl, tmp_path: Path) -> None:
    """The next run removes everything of a run killed by SIGKILL in an experiment, and nothing else."""
    before = _everything_of_theirs(kubectl)
    with _job(home, tmp_path / "killed") as job:
        wait_for("experiment", lambda: _experiments(kubectl) or None, within=180, changes=Ticks(0.2))
        job.send_signal(signal.SIGKILL)
        job.wait(10)
    left = _namespaces_of_runs(kubectl)
    assert len(left) == 2

    with _job(home, tmp_path / "next") as job:
        wait_for("sweep", lambda: not left & _living_namespaces(kubectl) or None, within=180, changes=Ticks(0.2))
        assert job.wait(300) == 0

    _await_no_namespace_of_runs(kubectl)
    assert _everything_of_theirs(kubectl) == before


def test_a_missing_right_is_the_clusters_fault(home: Path, kubectl: Kubectl, tmp_path: Path) -> None:
    """A chart with a kind that the account may not create ends with an error that names it, not with a rejection."""
    chart = tmp_path / "upcommerce"
    run(["cp", "-r", str(REPOSITORY / "upcommerce"), str(chart)], timeout=10)
    config = "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: settings\n"
    _written(chart / "templates" / "settings.yaml", config)

    with _job(home, tmp_path / "reports", "--canaryproof-submissions", str(chart)) as job:
        assert job.wait(300) == 8

    (row,) = _results(tmp_path / "reports")["submissions"]
    assert row["verdict"] == "error"
    assert re.match(f'the account {ROBOT} of this cluster may not \\w+ resource "configmaps"', row["reason"])
    _await_no_namespace_of_runs(kubectl)


@contextmanager
def _job(home: Path, reports: Path, *arguments: str) -> Iterator[subprocess.Popen[bytes]]:
    """Run the main job as the account of *home*, from another folder than home or repository."""
    command = [
        sys.executable,
        "-m",
        "pytest",
        "-m",
        "e2e",
        "--canaryproof-cluster=existing",
        "--canaryproof-report-dir",
        str(reports),
    ]
    command += [f"--kubeconfig={home / 'kubeconfig'}", *arguments]
    cache = os.environ.get("XDG_CACHE_HOME") or str(Path.home() / ".cache")
    environment = {**os.environ, "HOME": str(home), "XDG_CACHE_HOME": cache}
    with subprocess.Popen(command, cwd=REPOSITORY, env=environment, stdout=subprocess.DEVNULL) as job:
        try:
            yield job
        finally:
            job.kill()


def _written(file: Path, text: str) -> Path:
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text)
    return file


def _results(reports: Path) -> dict[str, Any]:
    written: dict[str, Any] = json.loads((reports / "results.json").read_text(encoding="utf-8"))
    return written


def _everything_of_theirs(kubectl: Kubectl) -> str:
    """Return all objects outside of the runs' namespaces with their versions, to detect any change."""
    kinds = "configmaps,secrets,serviceaccounts,deployments,services,pods"
    columns = "--output=custom-columns=:.kind,:.metadata.name,:.metadata.uid,:.metadata.resourceVersion"
    policies = "mutatingadmissionpolicies,clusterroles,clusterrolebindings,validatingwebhookconfigurations"
    return kubectl("get", kinds, "--namespace=theirs", columns) + kubectl("get", policies, columns)


def _namespaces_of_runs(kubectl: Kubectl) -> set[str]:
    return set(kubectl("get", "namespaces", "--selector=canaryproof/run", "--output=name").split())


def _living_namespaces(kubectl: Kubectl) -> set[str]:
    found = kubectl("get", "namespaces", "--field-selector=status.phase=Active", "--output=name")
    return set(found.split())


def _experiments(kubectl: Kubectl) -> str:
    """Return the pods of the release in any namespace of a run."""
    return kubectl("get", "pods", "--all-namespaces", "--field-selector=status.phase=Running", "--output=name")


def _await_no_namespace_of_runs(kubectl: Kubectl) -> None:
    wait_for(
        "end of all namespaces of runs",
        lambda: not _namespaces_of_runs(kubectl) or None,
        within=180,
        changes=Ticks(0.2),
        seen=lambda: ", ".join(_namespaces_of_runs(kubectl)),
    )
