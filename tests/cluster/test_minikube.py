"""The minikube provider on a real cluster: an embedded cluster behind a fake command."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest
import yaml

from canaryproof.cluster import pod_requests
from canaryproof.cluster.embedded.provider import EmbeddedProvider
from canaryproof.cluster.embedded.toolchain import Toolchain
from canaryproof.kube.running_cluster import Cluster
from canaryproof.scenario.scenario_file import load_scenario
from canaryproof.system.process import run
from canaryproof.timeouts import TimeLimits

pytestmark = pytest.mark.cluster

REPOSITORY = Path(__file__).parents[2]
FAKE = """\
#!/bin/sh
case "$1 $2" in
  "profile list") echo '{"invalid":[],"valid":[{"Name":"week4","Active":true}]}' ;;
  status*) echo '{"Host":"Running","Kubelet":"Running","APIServer":"Running","Kubeconfig":"Configured"}' ;;
  *) echo "minikube $* was not to be called" >&2; exit 1 ;;
esac
"""


@pytest.fixture(scope="module")
def shared(toolchain: Toolchain, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    """A running cluster."""
    with EmbeddedProvider(
        toolchain, tmp_path_factory.mktemp("theirs"), load_scenario().stand_ins, TimeLimits()
    ).lend() as cluster:
        yield cluster


def test_the_profile_that_runs_takes_submissions(shared: Cluster, toolchain: Toolchain, tmp_path: Path) -> None:
    """The running profile accepts the reference. Neither namespaces nor the rule for shared nodes stay behind."""
    kubectl = [str(toolchain.path("kubectl")), f"--kubeconfig={shared.kubeconfig}"]
    _forget_sharing(kubectl)
    document = msgspec.json.encode(yaml.safe_load(shared.kubeconfig.read_text(encoding="utf-8"))).decode()
    (tmp_path / "kubeconfig").write_text(document.replace('"canaryproof"', '"week4"'), encoding="utf-8")
    (tmp_path / "minikube").write_text(FAKE, encoding="utf-8")
    (tmp_path / "minikube").chmod(0o755)
    environment = {
        **os.environ,
        "PATH": f"{tmp_path}:{os.environ['PATH']}",
        "KUBECONFIG": str(tmp_path / "kubeconfig"),
    }
    command = [
        sys.executable,
        "-m",
        "pytest",
        "-m",
        "e2e",
        "-q",
        "--canaryproof-cluster=minikube",
        f"--canaryproof-report-dir={tmp_path / 'out'}",
    ]

    said = run(command, timeout=180, cwd=REPOSITORY, env=environment)

    assert "profile week4, which ran already" in said
    results = json.loads((tmp_path / "out" / "results.json").read_text(encoding="utf-8"))
    assert (results["cluster"]["provider"], results["images"]) == ("minikube", "upstream")
    assert [it["verdict"] for it in results["submissions"]] == ["accepted"]
    assert pod_requests.NAME not in run([*kubectl, "get", "mutatingadmissionpolicies", "--output=name"], timeout=60)
    left = run([*kubectl, "get", "namespaces", "--selector=canaryproof/run", "--output=json"], timeout=60)
    assert all("deletionTimestamp" in it["metadata"] for it in json.loads(left)["items"])


def _forget_sharing(kubectl: list[str]) -> None:
    """Remove what an embedded cluster has and a minikube has not."""
    for kind in ("mutatingadmissionpolicybinding", "mutatingadmissionpolicy"):
        run([*kubectl, "delete", kind, pod_requests.NAME], timeout=60)
