"""The embedded cluster is a real Kubernetes, isolated from the host, and removes all traces however it ends."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from canaryproof.cluster.embedded.provider import EmbeddedProvider
from canaryproof.cluster.embedded.run_dirs import sweep
from canaryproof.cluster.embedded.toolchain import Toolchain
from canaryproof.errors import ClusterError, CommandError
from canaryproof.system.wait import Ticks, wait_for
from canaryproof.timeouts import TimeLimits
from tests.cluster.commanding import kubectl_of

pytestmark = pytest.mark.cluster

REPOSITORY = Path(__file__).parents[2]
STAND_INS = {"test/server:1": ("netexec", "--http-port=5000")}
LENDER = """
import json
import sys
from pathlib import Path
from canaryproof.cluster.embedded.provider import EmbeddedProvider
from canaryproof.cluster.embedded.toolchain import Toolchain
from canaryproof.system.wait import Ticks, wait_for
from canaryproof.timeouts import TimeLimits
from tests.cluster.commanding import kubectl_of
binaries = {name: Path(path) for name, path in json.loads(sys.argv[1]).items()}
with EmbeddedProvider(Toolchain(sys.argv[3], "", binaries), Path(sys.argv[2]), {}, TimeLimits()).lend() as cluster:
    print("ready", flush=True)
    sys.exit(wait_for("end", lambda: cluster.vitals.fault or None, within=600, changes=Ticks()))
"""


@pytest.fixture
def provider(toolchain: Toolchain, tmp_path: Path) -> EmbeddedProvider:
    """A provider whose clusters write to a folder of this test."""
    return EmbeddedProvider(toolchain, tmp_path, STAND_INS, TimeLimits())


@pytest.fixture
def surroundings() -> Iterator[None]:
    """The host's mounts and network devices, which must be unchanged after the test."""
    before = _surroundings()
    yield
    assert _surroundings() == before


@pytest.mark.usefixtures("surroundings")
def test_a_pod_runs_and_reaches_nothing_outside(provider: EmbeddedProvider, toolchain: Toolchain) -> None:
    """A pod is scheduled, pulled from the cluster's own registry and run, and cannot reach the host."""
    with provider.lend() as cluster, socket.create_server(("", 0)) as host_service:
        kubectl = kubectl_of(toolchain, cluster)
        kubectl("run", "curious", "--image=test/server:1")
        kubectl("wait", "--for=condition=Ready", "pod/curious", "--timeout=30s")
        connect = ("exec", "curious", "--", "/agnhost", "connect", "--timeout=2s")

        kubectl(*connect, "127.0.0.1:5000")
        for address in _host_addresses():
            with pytest.raises(CommandError, match=r"REFUSED|TIMEOUT|OTHER"):
                kubectl(*connect, f"{address}:{host_service.getsockname()[1]}")


def test_programs_run_wherever_they_are_installed(toolchain: Toolchain, tmp_path: Path) -> None:
    """The programs can lie below a folder that the cluster covers, and in one whose name has to be quoted.

    As in the wheel, all commands of Kubernetes are one file, named after one of them.
    """
    shared = toolchain.path("kubectl")
    with tempfile.TemporaryDirectory(prefix='canaryproof\'s "own" ', dir="/var/lib") as folder:
        binaries = {}
        for name, path in toolchain.binaries.items():
            file = Path(folder, "kubectl" if path.samefile(shared) else name)
            if not file.exists():
                file.symlink_to(path)
            binaries[name] = file
        moved = replace(toolchain, binaries=binaries)
        with EmbeddedProvider(moved, tmp_path, STAND_INS, TimeLimits()).lend() as cluster:
            kubectl = kubectl_of(moved, cluster)
            kubectl("run", "pod", "--image=test/server:1")
            kubectl("wait", "--for=condition=Ready", "pod/pod", "--timeout=30s")


def test_the_cluster_is_of_the_version_that_it_tells(provider: EmbeddedProvider, toolchain: Toolchain) -> None:
    """The API server and the kubelet have the Kubernetes version that the results state."""
    with provider.lend() as cluster:
        kubectl = kubectl_of(toolchain, cluster)
        server = json.loads(kubectl("get", "--raw=/version"))["gitVersion"]
        node = kubectl("get", "nodes", "--output=jsonpath={.items[*].status.nodeInfo.kubeletVersion}")

    assert (server, node) == (f"v{cluster.kubernetes}", f"v{cluster.kubernetes}")


@pytest.mark.usefixtures("surroundings")
def test_two_clusters_live_side_by_side(provider: EmbeddedProvider, toolchain: Toolchain) -> None:
    """Two clusters run a pod at the same time, each with its own network, mounts and cgroups."""
    with provider.lend() as first, provider.lend() as second:
        both = [kubectl_of(toolchain, cluster) for cluster in (first, second)]
        for kubectl in both:
            kubectl("run", "server", "--image=test/server:1")
        for kubectl in both:
            kubectl("wait", "--for=condition=Ready", "pod/server", "--timeout=30s")


def test_a_request_no_node_could_hold_stays_unschedulable(provider: EmbeddedProvider, toolchain: Toolchain) -> None:
    """A pod that requests more than the node has stays Pending, although pods share the node."""
    with provider.lend() as cluster:
        kubectl = kubectl_of(toolchain, cluster)
        kubectl("run", "modest", "--image=test/server:1", _limits(cpu=cluster.cores))
        kubectl("run", "second", "--image=test/server:1", _limits(cpu=cluster.cores))
        kubectl("run", "greedy", "--image=test/server:1", _limits(cpu=cluster.cores + 1))

        kubectl("wait", "--for=condition=Ready", "pod/modest", "pod/second", "--timeout=30s")
        kubectl("wait", "--for=condition=PodScheduled=False", "pod/greedy", "--timeout=30s")


def test_a_pod_gets_a_token_where_it_can_use_one(provider: EmbeddedProvider, toolchain: Toolchain) -> None:
    """A stand-in pod gets an API token only if its spec requests one or names a ServiceAccount."""
    wanting = json.dumps({"spec": {"automountServiceAccountToken": True}})
    naming = json.dumps({"spec": {"serviceAccountName": "own"}})
    with provider.lend() as cluster:
        kubectl = kubectl_of(toolchain, cluster)
        kubectl("create", "namespace", "new")
        kubectl("create", "serviceaccount", "own", "--namespace=new")
        kubectl("wait", "--for=create", "serviceaccount/default", "--namespace=new", "--timeout=30s")
        for pod, overrides in {"silent": "{}", "wanting": wanting, "naming": naming}.items():
            kubectl("run", pod, "--namespace=new", "--image=test/server:1", f"--overrides={overrides}")

        with_volumes = "jsonpath={range .items[?(@.spec.volumes)]}{.metadata.name} {end}"
        names = kubectl("get", "pods", "--namespace=new", f"--output={with_volumes}").split()

    assert names == ["naming", "wanting"]


def test_who_has_no_token_is_refused(provider: EmbeddedProvider, toolchain: Toolchain) -> None:
    """The API server refuses a request without the kubeconfig's token."""
    with provider.lend() as cluster:
        kubectl = kubectl_of(toolchain, cluster)
        assert kubectl("auth", "whoami", "--output=jsonpath={.status.userInfo.username}") == "canaryproof"

        with pytest.raises(CommandError, match="You must be logged in"):
            kubectl("get", "nodes", "--token=guessed")


VICTIMS: dict[str, Callable[[subprocess.Popen[bytes], Path], tuple[int, int]]] = {
    "harness by SIGKILL": lambda harness, _: (harness.pid, signal.SIGKILL),
    "harness by SIGTERM": lambda harness, _: (harness.pid, signal.SIGTERM),
    "harness by Ctrl-C": lambda harness, _: (harness.pid, signal.SIGINT),
    "first process by SIGKILL": lambda _, runs: (_first_process(runs), signal.SIGKILL),
}
MOMENTS = ["etcd.log", "kube-apiserver.log", "kubelet.log", "kube-controller-manager.log", "ready"]


@pytest.mark.usefixtures("surroundings")
@pytest.mark.parametrize("victim", VICTIMS)
@pytest.mark.parametrize("moment", MOMENTS)
def test_nothing_survives_a_kill(toolchain: Toolchain, tmp_path: Path, victim: str, moment: str) -> None:
    """After a kill of any process at any time, all processes end, and the next start sweeps folder and cgroups."""
    runs = tmp_path / "runs"
    with _lender(toolchain, tmp_path) as harness:
        wait_for(moment, lambda: _has_come(moment, harness, runs), within=60, changes=Ticks(0.01))

        os.kill(*VICTIMS[victim](harness, runs))
        name = _name_of_run(runs)
        assert harness.wait(15) != 0

        wait_for("end of every process", lambda: not _processes_in(name) or None, within=10, changes=Ticks())
    sweep(runs, 60)
    assert [it.name for it in runs.iterdir()] == [".sweeping"]
    assert not _cgroups_named(name)


@pytest.mark.usefixtures("surroundings")
def test_a_harness_killed_before_the_cluster_began_is_swept(toolchain: Toolchain, tmp_path: Path) -> None:
    """The next start removes the run folder of a harness that was killed before the cluster began."""
    runs = tmp_path / "runs"
    with _lender(toolchain, tmp_path) as harness:
        wait_for("run folder", lambda: any(runs.glob("canaryproof-*")) or None, within=60, changes=Ticks(0.001))
        harness.kill()
    name = _name_of_run(runs)

    wait_for("end of every process", lambda: not _processes_in(name) or None, within=10, changes=Ticks())
    assert sweep(runs, 60) == [name]
    assert not _cgroups_named(name)


@pytest.mark.parametrize("component", ["etcd", "kube-apiserver", "kubelet", "containerd", "kube-scheduler"])
def test_a_component_that_dies_is_named_at_once(provider: EmbeddedProvider, component: str) -> None:
    """The error names a component within seconds of its death, and has the end of its log."""
    with provider.lend() as cluster:
        os.kill(_component(_name_of_run(provider.cache / "runs"), component), signal.SIGKILL)

        fault = wait_for("fault", lambda: cluster.vitals.fault or None, within=5, changes=Ticks())

    assert fault.startswith(f"{component} ended with code -9\nthe end of its log (")


@pytest.mark.usefixtures("surroundings")
def test_a_component_that_fails_at_the_start_is_named(toolchain: Toolchain, tmp_path: Path) -> None:
    """The error names a component that fails at the start, and has the end of its log."""
    broken = _toolchain_with(toolchain, tmp_path, "kube-scheduler", "echo 'unknown flag: --sense' >&2; exit 3")

    with (
        pytest.raises(ClusterError, match=r"kube-scheduler ended with code 3\n(?s:.*)unknown flag: --sense"),
        EmbeddedProvider(broken, tmp_path, STAND_INS, TimeLimits()).lend(),
    ):
        pass


@pytest.mark.usefixtures("surroundings")
def test_a_cluster_that_never_gets_ready_says_what_is_missing(toolchain: Toolchain, tmp_path: Path) -> None:
    """A cluster whose component hangs fails at the time limit.

    The error names what is missing, the component and its log.
    """
    idle = _toolchain_with(toolchain, tmp_path, "kubelet", "echo 'thinking' >&2; exec sleep 600")
    provider = EmbeddedProvider(idle, tmp_path, STAND_INS, time_limits=replace(TimeLimits(), cluster_start=6))

    with (
        pytest.raises(ClusterError, match=r"no Ready node within 6 s(?s:.*)kubelet\.log\):\nthinking"),
        provider.lend(),
    ):
        pass


def test_a_cluster_runs_no_python_file_of_the_current_folder(
    toolchain: Toolchain, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The cluster runs no Python file of the current folder as root, because that may be a submission."""
    folder, marks = tmp_path / "repository", tmp_path / "marks"
    folder.mkdir()
    marks.mkdir()
    for name in ("socket", "json", "ssl", "canaryproof", "sitecustomize", "usercustomize"):
        (folder / f"{name}.py").write_text(f"open({str(marks / name)!r}, 'w').close()")
    monkeypatch.chdir(folder)

    with EmbeddedProvider(
        toolchain, Path("cache"), STAND_INS, TimeLimits()
    ).lend() as cluster:  # a relative path, which XDG_CACHE_HOME may be
        assert not cluster.vitals.fault

    assert not list(marks.iterdir())


def test_a_port_that_is_taken_is_named(provider: EmbeddedProvider) -> None:
    """The error names a fixed port that is already in use, before anything is started."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with (
            pytest.raises(ClusterError, match=f"cannot listen on 127.0.0.1:{port}: .*choose another port"),
            replace(provider, port=port).lend(),
        ):
            pass


def _limits(cpu: float) -> str:
    resources = {"limits": {"cpu": str(cpu)}}
    container = {"name": "server", "image": "test/server:1", "resources": resources}
    return f"--overrides={json.dumps({'spec': {'containers': [container]}})}"


def _host_addresses() -> list[str]:
    """Return the host's addresses, including loopback, none of which a pod may reach."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as unconnected:
        unconnected.connect(("192.0.2.1", 9))  # sends nothing: the kernel only selects the source address
        return [unconnected.getsockname()[0], "192.0.2.10", "10.244.0.1"]


@contextmanager
def _lender(toolchain: Toolchain, cache: Path) -> Iterator[subprocess.Popen[bytes]]:
    """Run a harness that only lends a cluster. It is killed at the end of the block if it still runs."""
    binaries = json.dumps({name: str(path) for name, path in toolchain.binaries.items()})
    command = [sys.executable, "-c", LENDER, binaries, str(cache), toolchain.kubernetes]
    with subprocess.Popen(command, cwd=REPOSITORY, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as harness:
        try:
            yield harness
        finally:
            harness.kill()
            if harness.stdout:
                harness.stdout.close()


def _has_come(moment: str, harness: subprocess.Popen[bytes], runs: Path) -> bool | None:
    if moment == "ready":
        assert harness.stdout
        return harness.stdout.readline() == b"ready\n" or None
    return any(runs.parent.glob(f"logs/*/{moment}")) or None


def _name_of_run(runs: Path) -> str:
    (folder,) = runs.glob("canaryproof-*")
    return folder.name


def _processes_in(name: str) -> list[int]:
    """Return the processes of the cluster *name*, found by cgroup."""
    found = []
    for file in Path("/proc").glob("[0-9]*/cgroup"):
        try:
            if f"/{name}" in file.read_text(encoding="ascii"):
                found.append(int(file.parent.name))
        except (FileNotFoundError, ProcessLookupError):
            continue  # the process has ended in the meantime
    return found


def _first_process(runs: Path) -> int:
    return min(_processes_in(_name_of_run(runs)))


def _component(name: str, component: str) -> int:
    (pid,) = [pid for pid in _processes_in(name) if Path(f"/proc/{pid}/exe").readlink().name == component]
    return pid


def _cgroups_named(name: str) -> list[Path]:
    root = Path("/sys/fs/cgroup")
    return [folder for folder in (root / name, *root.glob(f"*/{name}")) if folder.exists()]


def _surroundings() -> tuple[list[str], list[str]]:
    mounts = Path("/proc/self/mountinfo").read_text(encoding="utf-8").splitlines()
    return sorted(line.split()[4] for line in mounts), sorted(it.name for it in Path("/sys/class/net").iterdir())


def _toolchain_with(toolchain: Toolchain, folder: Path, name: str, script: str) -> Toolchain:
    """Return the toolchain with a shell script in place of one binary."""
    file = folder / name
    file.write_text(f"#!/bin/sh\n{script}\n", encoding="ascii")
    file.chmod(0o755)
    return replace(toolchain, binaries={**toolchain.binaries, name: file})
