"""On a real kind cluster, the verdicts are those of the other providers, and no run leaves traces."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from canaryproof.cluster.embedded import toolchain
from canaryproof.cluster.kind.docker import Docker
from canaryproof.cluster.kind.provider import KindProvider, StandIns
from canaryproof.errors import ClusterError
from canaryproof.scenario.scenario_file import load_scenario
from canaryproof.system.paths import cache_folder
from canaryproof.system.progress import Silence
from canaryproof.system.wait import Ticks, wait_for
from canaryproof.timeouts import TimeLimits
from tests.corpus.catalogue import CORPUS
from tests.corpus.trial import Told, expected, try_all

pytestmark = pytest.mark.kind

REPOSITORY = Path(__file__).parents[2]
OPTIONS = ("--canaryproof-cluster=kind", "--canaryproof-images=stand-in")
SAMPLE = (
    "reference",
    "pull-if-not-present",
    "crashes-after-5-s",
    "stays-healthy",
    "mistyped-tag",
    "unknown-host",
    "image-with-its-host",
    "no-such-config-map",
    "out-of-memory",
    "too-much-cpu",
    "two-replicas",
    "service-selects-nothing",
    "no-canary",
    "deployment-is-kept",
)
NAME = "canaryproof-trial"


@pytest.fixture(scope="module")
def said(tmp_path_factory: pytest.TempPathFactory) -> Mapping[str, Told]:
    """The results of one run over the sample on kind."""
    return try_all({name: CORPUS[name] for name in SAMPLE}, tmp_path_factory.mktemp("sample"), *OPTIONS)


@pytest.mark.parametrize("name", SAMPLE)
def test_a_mutation_is_judged_as_on_the_embedded_cluster(said: Mapping[str, Told], name: str) -> None:
    """A mutation gets the expected verdict, outcome, failed checks and skipped checks of every cluster."""
    assert said[name].verdict == expected(CORPUS[name]), str(said[name])


@dataclass(frozen=True)
class Machine:
    """The state of Docker at one time."""

    docker: Docker

    def things(self) -> dict[str, set[str]]:
        """Return the containers, networks and volumes."""
        lists = (["ps", "--all"], ["network", "ls"], ["volume", "ls"])
        return {words[0]: set(self.docker(*words, "--quiet").split()) for words in lists}

    def node(self) -> str:
        """Return the node of the cluster, or an empty string."""
        return self.docker("ps", "--all", "--quiet", f"--filter=name={NAME}").strip()


@pytest.fixture(scope="module")
def machine() -> Machine:
    """The Docker that tests/kind lends, or the machine's."""
    return Machine(Docker(os.environ, TimeLimits()))


@pytest.fixture(scope="module")
def provider() -> KindProvider:
    """A provider with its own cluster name and stand-ins."""
    cache = cache_folder(os.environ)
    agnhost = toolchain.provide(
        cache=cache, progress=Silence(), tools=["agnhost"], machine=toolchain.Machine(TimeLimits())
    ).path("agnhost")
    return KindProvider(
        binary=Path(os.environ["CANARYPROOF_KIND_BIN"]),
        name=NAME,
        environment=os.environ,
        cache=cache,
        stand_ins=StandIns(agnhost, load_scenario().stand_ins),
        node_image=os.environ["CANARYPROOF_KIND_IMAGE"],
        time_limits=TimeLimits(),
    )


@contextmanager
def nothing_stays(machine: Machine, folder: Path) -> Iterator[None]:
    """Check that neither Docker nor *folder* has more objects after the block than before."""
    before = machine.things()
    yield
    assert machine.things() == before
    assert list(folder.iterdir()) == []


def test_a_kept_cluster_is_used_again_from_anywhere(
    provider: KindProvider, machine: Machine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A kept cluster is reused from another folder, and left alone by other runs.

    It is replaced after its death, and finally removed.
    """
    here, there = tmp_path / "here", tmp_path / "there"
    here.mkdir()
    there.mkdir()
    monkeypatch.chdir(there)
    with nothing_stays(machine, there):
        monkeypatch.chdir(here)
        with replace(provider, keep=True).lend() as first:
            reach, end = first.stays
            node = machine.node()
        assert str(here) in reach
        assert f"delete cluster --name={NAME}" in end

        monkeypatch.chdir(there)
        _is_left_alone_by_others(provider, tmp_path / "cache")
        with replace(provider, keep=True).lend() as second:
            assert "re-used" in second.note
            assert second.ready_after < first.ready_after / 2
            assert machine.node() == node
            machine.docker("kill", node)
            fault = wait_for("fault", lambda: second.vitals.fault or None, within=10, changes=Ticks())
        assert f"{NAME}-control-plane ended: exit code 137" in fault

        with provider.lend() as third:
            assert "replaced" in third.note
            assert machine.node() != node


def _is_left_alone_by_others(provider: KindProvider, cache: Path) -> None:
    """Check that a harness without the record treats the cluster as the user's: usable, and never deleted."""
    stranger = replace(provider, cache=cache)
    with pytest.raises(ClusterError, match="made by somebody else"), stranger.lend():
        pass
    with replace(stranger, stand_ins=None).lend() as cluster:
        assert (cluster.images, cluster.stays) == ("upstream", ())


def test_an_experiment_is_isolated_by_a_network_policy(machine: Machine, tmp_path: Path) -> None:
    """The namespace of an experiment has a NetworkPolicy for all of its pods."""
    folder = tmp_path / "project"
    folder.mkdir()
    look = ("exec", "--env=KUBECONFIG=/etc/kubernetes/admin.conf")
    asked = ("kubectl", "get", "networkpolicy", "--all-namespaces", "--output=jsonpath={.items[*].spec.policyTypes}")
    with nothing_stays(machine, folder), _harness(folder, tmp_path / "log") as process:
        _await("the submission is tried", machine, process, tmp_path / "log")
        types = wait_for(
            "NetworkPolicy",
            lambda: machine.docker(*look, machine.node(), *asked) or None,
            within=60,
            changes=Ticks(),
            doomed=lambda: None if process.poll() is None else "the harness has ended",
        )
        os.killpg(process.pid, signal.SIGINT)
        assert process.wait(300) == pytest.ExitCode.INTERRUPTED

    assert types == '["Egress","Ingress"]'


@pytest.mark.parametrize("moment", ["the node is there", "the submission is tried"])
def test_ctrl_c_leaves_nothing(machine: Machine, tmp_path: Path, moment: str) -> None:
    """Ctrl-C at any time removes the cluster and everything that was made for it."""
    folder = tmp_path / "project"
    folder.mkdir()
    with nothing_stays(machine, folder), _harness(folder, tmp_path / "log") as process:
        _await(moment, machine, process, tmp_path / "log")
        os.killpg(process.pid, signal.SIGINT)
        assert process.wait(300) == pytest.ExitCode.INTERRUPTED


def test_what_a_killed_run_left_is_used_up_by_the_next(
    provider: KindProvider, machine: Machine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The next run with the same name takes over and removes the cluster of a run killed by SIGKILL."""
    folder, other = tmp_path / "project", tmp_path / "other"
    folder.mkdir()
    other.mkdir()
    monkeypatch.chdir(other)
    with nothing_stays(machine, other):
        with _harness(folder, tmp_path / "log") as process:
            _await("the submission is tried", machine, process, tmp_path / "log")
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()
        assert machine.node()

        with provider.lend() as cluster:
            assert "re-used" in cluster.note


@contextmanager
def _harness(folder: Path, log: Path) -> Iterator[subprocess.Popen[bytes]]:
    """Run the harness in *folder* in its own process group, as a shell does."""
    command = [
        sys.executable,
        "-m",
        "pytest",
        "-m",
        "e2e",
        f"--rootdir={REPOSITORY}",
        f"--cluster-name={NAME}",
        *OPTIONS,
    ]
    command += [
        f"--config-file={REPOSITORY / 'pyproject.toml'}",
        "--canaryproof-submissions",
        str(REPOSITORY / "upcommerce"),
    ]
    command += ["-p", "no:cacheprovider", str(REPOSITORY / "tests" / "e2e")]
    with (
        log.open("wb") as output,
        subprocess.Popen(command, cwd=folder, stdout=output, stderr=output, start_new_session=True) as process,
    ):
        yield process


def _await(moment: str, machine: Machine, process: subprocess.Popen[bytes], log: Path) -> None:
    looks: Mapping[str, Callable[[], object]] = {
        "the node is there": machine.node,
        "the submission is tried": lambda: "trying upcommerce" in log.read_text(encoding="utf-8"),
    }
    wait_for(
        moment,
        lambda: looks[moment]() or None,
        within=600,
        changes=Ticks(),
        doomed=lambda: None if process.poll() is None else "the harness has ended",
        seen=lambda: log.read_text(encoding="utf-8")[-2000:],
    )
