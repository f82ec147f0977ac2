"""The minikube provider with a fake minikube, whose answers are shortened from real versions."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from canaryproof.cluster.minikube.minikube_status import is_running, read_profiles, read_status, shortcoming
from canaryproof.cluster.minikube.provider import MinikubeProvider
from canaryproof.errors import CanaryproofError, ClusterError, UsageError
from canaryproof.timeouts import TimeLimits

RUNNING = '{"Name":"minikube","Host":"Running","Kubelet":"Running","APIServer":"Running","Kubeconfig":"Configured"}'
STOPPED = '{"Name":"minikube","Host":"Stopped","Kubelet":"Stopped","APIServer":"Stopped","Kubeconfig":"Stopped"}'
PAUSED = '{"Host":"Running","Kubelet":"Stopped","APIServer":"Paused","Kubeconfig":"Configured"}'
WITHOUT = '{"Name":"minikube","Host":"Running","Kubelet":"Running","APIServer":"Stopped","Kubeconfig":"Configured"}'
MOVED = '{"Name":"minikube","Host":"Running","Kubelet":"Running","APIServer":"Running","Kubeconfig":"Misconfigured"}'
WORKER = (
    '{"Name":"minikube-m02","Host":"Running","Kubelet":"Running","APIServer":"Irrelevant","Kubeconfig":"Irrelevant"}'
)
OLD = '{"invalid":[],"valid":[{"Name":"minikube","Status":"Running","Config":{"CPUs":2,"Driver":"docker"}}]}'
NEW = json.dumps(
    {
        "invalid": [{"Name": "broken", "Status": "", "Config": None, "Active": False, "ActiveKubeContext": False}],
        "valid": [
            {"Name": "minikube", "Status": "Stopped", "Config": {}, "Active": False, "ActiveKubeContext": False},
            {"Name": "week4", "Status": "OK", "Config": {}, "Active": True, "ActiveKubeContext": True},
        ],
    }
)
NONE = '{"invalid":[],"valid":[]}'
KUBECONFIG = """
current-context: theirs
contexts: [{name: minikube, context: {cluster: minikube, user: minikube}}]
clusters: [{name: minikube, cluster: {server: 'https://127.0.0.1:1'}}]
users: [{name: minikube, user: {token: t}}]
"""
FAKE = """\
#!/bin/sh
echo "$*" >> {folder}/calls
case "$1 $2" in
  "profile list") cat {folder}/profiles; exit $(cat {folder}/code) ;;
  status*) cat {folder}/status; exit $(cat {folder}/code) ;;
  start*) if [ -e {folder}/broken ]; then echo "X Exiting due to DRV_NOT_HEALTHY" >&2; exit 69; fi ;;
esac
"""


def test_profiles_of_old_and_new_versions_are_read() -> None:
    """The provider reads profiles of all versions.

    An older version does not mark the active one, which is ``minikube``.
    """
    old, new, none = read_profiles(OLD), read_profiles(NEW), read_profiles(NONE)

    assert (old.active, new.active, none.active) == ("minikube", "week4", "minikube")
    assert (old.has("minikube"), none.has("minikube")) == (True, False)
    assert new.broken == ("broken",)


@pytest.mark.parametrize(
    ("said", "running", "why"),
    [
        (RUNNING, True, ""),
        (f"[{RUNNING},{WORKER}]", True, ""),
        (STOPPED, False, ""),
        ("", False, ""),
        (PAUSED, True, "minikube unpause --profile week4"),
        (WITHOUT, True, "runs without Kubernetes; minikube start --profile week4"),
        (MOVED, True, "its kubeconfig is Misconfigured; minikube update-context --profile week4"),
    ],
)
def test_a_status_says_whether_a_cluster_does(said: str, running: bool, why: str) -> None:  # noqa: FBT001  # parameters
    """The provider accepts a healthy status of one or several nodes, and otherwise names the command that helps."""
    nodes = read_status(said)

    assert is_running(nodes) is running
    assert why in shortcoming(nodes, "week4")
    assert bool(shortcoming(nodes, "week4")) is bool(why)


@pytest.mark.parametrize("said", ["Profile not found", "[1]", "{"])
def test_an_answer_that_is_none_is_shown(said: str) -> None:
    """The provider quotes a message between the JSON lines as it is."""
    with pytest.raises(ClusterError, match="minikube status should print JSON, and prints"):
        read_status(said)
    with pytest.raises(ClusterError, match="minikube profile list should print JSON, and prints"):
        read_profiles(said)


@dataclass(frozen=True)
class Stage:
    """A folder with a fake minikube, whose cluster is unreachable."""

    folder: Path

    def says(self, *, profiles: str, status: str = "", code: int = 0) -> None:
        for name, text in (("profiles", profiles), ("status", status), ("code", str(code))):
            (self.folder / name).write_text(text, encoding="utf-8")

    @property
    def provider(self) -> MinikubeProvider:
        environment = {"PATH": f"{self.folder}:/usr/bin:/bin", "KUBECONFIG": str(self.folder / "kubeconfig")}
        return MinikubeProvider(environment, time_limits=replace(TimeLimits(), request=1, cluster_start=1))

    def calls(self) -> list[str]:
        """Return the calls that change something."""
        lines = (self.folder / "calls").read_text(encoding="utf-8").splitlines()
        return [line for line in lines if not line.startswith(("profile", "status"))]


@pytest.fixture
def stage(tmp_path: Path) -> Stage:
    """A stage with a kubeconfig whose current context is another one."""
    (tmp_path / "minikube").write_text(FAKE.format(folder=tmp_path), encoding="utf-8")
    (tmp_path / "minikube").chmod(0o755)
    (tmp_path / "kubeconfig").write_text(KUBECONFIG, encoding="utf-8")
    return Stage(tmp_path)


def _lend(provider: MinikubeProvider) -> None:
    with provider.lend():
        raise AssertionError("its cluster cannot be reached")


def test_the_profile_that_runs_is_left_alone(stage: Stage) -> None:
    """The provider neither starts nor stops a running profile, and uses its context whatever the current one is."""
    stage.says(profiles=OLD, status=RUNNING)

    with pytest.raises(CanaryproofError, match=r"127\.0\.0\.1:1 cannot be reached"):
        _lend(stage.provider)

    assert stage.calls() == []


def test_a_profile_that_sleeps_is_stopped_again(stage: Stage) -> None:
    """The provider stops a profile that it started, also after a failure.

    The exit code for a stopped profile is no error.
    """
    stage.says(profiles=OLD, status=STOPPED, code=7)

    with pytest.raises(CanaryproofError, match="cannot be reached"):
        _lend(stage.provider)

    assert [line.split()[0] for line in stage.calls()] == ["start", "stop"]


def test_where_there_is_none_one_is_made_and_deleted(stage: Stage) -> None:
    """The provider creates a missing profile and deletes it, without a question or a change of the current context."""
    stage.says(profiles=NONE)

    with pytest.raises(CanaryproofError, match="cannot be reached"):
        _lend(replace(stage.provider, mirror="http://mirror:5000"))

    start, delete = stage.calls()
    assert "--profile=minikube --interactive=false --keep-context --registry-mirror=http://mirror:5000" in start
    assert delete == "delete --profile=minikube"


def test_one_that_is_to_stay_stays(stage: Stage) -> None:
    """The provider leaves a profile running with ``--keep-cluster``."""
    stage.says(profiles=NONE)

    with pytest.raises(CanaryproofError, match="cannot be reached"):
        _lend(replace(stage.provider, keep=True))

    assert [line.split()[0] for line in stage.calls()] == ["start"]


def test_one_that_does_not_start_says_why(stage: Stage) -> None:
    """The provider's error quotes minikube if the start fails, and the incomplete profile is deleted."""
    stage.says(profiles=NONE)
    (stage.folder / "broken").touch()

    with pytest.raises(ClusterError, match=r"(?s)minikube did not start.*DRV_NOT_HEALTHY"):
        _lend(stage.provider)

    assert [line.split()[0] for line in stage.calls()] == ["start", "delete"]


def test_one_that_does_not_do_is_not_mended(stage: Stage) -> None:
    """The provider does not repair an unhealthy running profile, and its error names the command that helps."""
    stage.says(profiles=OLD, status=PAUSED, code=2)

    with pytest.raises(ClusterError, match="minikube unpause"):
        _lend(stage.provider)

    assert stage.calls() == []


def test_a_broken_profile_is_told(stage: Stage) -> None:
    """The provider reports a broken profile, on which a start would fail."""
    stage.says(profiles=NEW)

    with pytest.raises(ClusterError, match="minikube delete --profile broken"):
        _lend(replace(stage.provider, profile="broken"))


def test_looking_starts_nothing(stage: Stage) -> None:
    """The provider starts nothing for ``--observe``, because a stopped cluster has nothing to judge."""
    stage.says(profiles=OLD, status=STOPPED, code=7)

    with pytest.raises(UsageError, match="--observe looks at a cluster that runs"):
        _lend(replace(stage.provider, reading=True))

    assert stage.calls() == []


def test_a_context_that_is_missing_is_told(stage: Stage) -> None:
    """The provider reports a missing context, and names minikube's command that writes it."""
    stage.says(profiles=NEW, status=RUNNING)

    with pytest.raises(ClusterError, match=r"no context 'week4'.*minikube update-context --profile week4"):
        _lend(stage.provider)


def test_without_the_command_the_others_are_named() -> None:
    """The provider's error names the alternatives if minikube is not installed."""
    with pytest.raises(ClusterError, match="no command minikube on PATH"):
        _lend(MinikubeProvider({"PATH": "/nowhere"}, TimeLimits()))
