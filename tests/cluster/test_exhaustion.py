"""A pod that exhausts its resources meets its own limits, and does not affect the node, control plane or other pods."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from canaryproof.cluster.embedded.resource_limits import POD_PROCESSES
from canaryproof.cluster.embedded.toolchain import Toolchain
from canaryproof.system.wait import Ticks, wait_for
from tests.cluster.intruding import IMAGE, Lab, lab

pytestmark = pytest.mark.cluster

WANTED_PROCESSES = 3000
WANTED_MEBIBYTES = 4096
EACH_MEBIBYTES = 200
"""The bytes that a pod may write on a machine of that size. A file system holds between one and three times as much."""
UNTIL_SANDBOXES_ARE_COLLECTED = 120
"""The seconds until the kubelet has removed dead sandboxes, for which it looks once a minute."""
READY = "--output=jsonpath={.status.containerStatuses[0].ready}"
KILLED = (137, 128)
"""The exit codes of a killed program, and of a container killed before its program starts."""
FILES = ("/scratch/file", "/file", "/dev/termination-log", "/etc/hosts", "/etc/hostname")
SMALL = 2 * 2**30
"""The memory in bytes of the smallest supported machine."""


@pytest.fixture
def cluster(toolchain: Toolchain, tmp_path: Path) -> Iterator[Lab]:
    """A cluster with another pod that serves. Afterwards it must still serve, and new pods must start."""
    with lab(toolchain, tmp_path, SMALL) as lent:
        lent.kubectl("run", "neighbour", f"--image={IMAGE}")
        lent.kubectl("wait", "--for=condition=Ready", "pod/neighbour", "--timeout=30s")
        yield lent
        assert not lent.cluster.vitals.fault
        assert lent.state("neighbour")["restartCount"] == 0
        assert lent.state("neighbour")["ready"]


def test_a_pod_that_forks_without_end_is_refused(cluster: Lab) -> None:
    """A pod that forks without end reaches its process limit, while the machine and other pods can start processes."""
    before = _processes()
    cluster.start("forker", "processes", str(WANTED_PROCESSES))

    said = cluster.said("forker")
    assert said[0].startswith("refused")
    assert int(said[1].removeprefix("started ")) < POD_PROCESSES
    assert _processes() - before < POD_PROCESSES + 100
    _starts(cluster, "later")


@pytest.mark.parametrize("limit", [None, "20Gi"])
def test_a_pod_that_takes_memory_without_end_is_ended_alone(cluster: Lab, limit: str | None) -> None:
    """A pod that takes memory without end is killed alone, even with no limit or one beyond the machine's memory."""
    cluster.start("hoarder", "memory", str(WANTED_MEBIBYTES), resources={"limits": {"memory": limit}} if limit else {})

    _is_killed_for_memory(cluster, "hoarder")
    _starts(cluster, "later")


@pytest.mark.parametrize("file", FILES)
def test_a_pod_that_fills_its_files_is_ended_alone(cluster: Lab, file: str) -> None:
    """A pod that fills volumes, layers or mounted files is killed alone, because these are in its memory."""
    cluster.start("writer", "file", file, str(WANTED_MEBIBYTES))

    _is_killed_for_memory(cluster, "writer")
    _starts(cluster, "later")


@pytest.mark.parametrize("file", ["/scratch/file", "/file", "/etc/hostname"])
def test_pods_that_fill_a_file_system_do_not_stop_the_cluster(cluster: Lab, file: str) -> None:
    """Pods that fill a file system together do not stop etcd, and their removal frees the space.

    A measurement of the machine finds the full file system.
    """
    assert cluster.cluster.exhausted() == ()
    writers = [f"writer-{number}" for number in range(3)]
    for name in writers:
        cluster.start(name, "file", file, str(EACH_MEBIBYTES))
    assert any(line.startswith("refused") for name in writers for line in cluster.said(name))
    assert any("has no space" in each for each in cluster.cluster.exhausted() or ())

    cluster.kubectl("create", "configmap", "large", f"--from-literal=text={'x' * 100_000}")
    cluster.kubectl("delete", "pod", *writers, "--now", "--timeout=60s")
    _starts(cluster, "later", within=UNTIL_SANDBOXES_ARE_COLLECTED)


def _is_killed_for_memory(cluster: Lab, name: str) -> None:
    wait_for(
        f"end of {name}",
        lambda: cluster.state(name)["restartCount"] or None,
        within=120,
        changes=Ticks(),
        seen=lambda: cluster.kubectl("describe", "pod", name),
    )
    assert cluster.state(name)["lastState"]["terminated"]["exitCode"] in KILLED


def _starts(cluster: Lab, name: str, within: int = 60) -> None:
    cluster.kubectl("run", name, f"--image={IMAGE}")
    wait_for(
        f"start of {name}",
        lambda: "true" in cluster.kubectl("get", "pod", name, READY) or None,
        within=within,
        changes=Ticks(),
        seen=lambda: cluster.kubectl("describe", "pod", name),
    )


def _processes() -> int:
    return sum(1 for _ in Path("/proc").glob("[0-9]*"))
