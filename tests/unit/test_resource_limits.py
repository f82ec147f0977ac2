"""A cluster leaves resources to its machine, and pods leave resources to the control plane."""

from __future__ import annotations

from pathlib import Path

import pytest

from canaryproof.cluster.embedded.resource_limits import Limits, Machine, limits_on, measure, memory_sizes
from canaryproof.cluster.embedded.supervisor import cgroup_delegation

MIB = 2**20
SIZES = [1024, 2048, 4096, 24576, 262144]


def limits(mebibytes: int, processes: int = 32768, *, pulls_images: bool = False) -> Limits:
    """Return the limits on a machine of this size."""
    machine = Machine(mebibytes * MIB, mebibytes * MIB, processes)
    return limits_on(machine, pulls_images=pulls_images)


@pytest.mark.parametrize("size", SIZES)
def test_every_part_leaves_something_to_the_next(size: int) -> None:
    """The machine has more memory than the cluster may use, and the cluster has more than its pods."""
    found = limits(size)

    assert 0 < found.pods_memory < found.memory < size * MIB
    assert 0 < found.pod_processes < found.pods_processes < found.processes <= 32768 // 2
    assert found.reserved_memory == size * MIB - found.pods_memory


@pytest.mark.parametrize(("size", "cluster", "pods"), [(2048, 1664, 896), (24576, 22528, 19456)])
def test_most_of_the_memory_is_for_pods(size: int, cluster: int, pods: int) -> None:
    """A virtual machine of 2 GiB has room for a control plane and small pods."""
    found = limits(size)

    assert (found.memory // MIB, found.pods_memory // MIB) == (cluster, pods)


def test_a_pod_of_any_program_gets_more_than_a_stand_in() -> None:
    """Pods with real images get more memory than stand-ins."""
    assert limits(2048, pulls_images=True).pod_memory == 2 * limits(2048).pod_memory == 448 * MIB


@pytest.mark.parametrize("size", SIZES)
def test_what_pods_can_fill_is_less_than_the_memory_that_they_share(size: int) -> None:
    """The file systems for layers and volumes are smaller than the memory that all pods share.

    A pod that fills them therefore meets a full file system before the pods run out of memory.
    """
    found = limits(size)
    sizes = memory_sizes(found, pulls_images=False)

    assert sizes.layers + sizes.sandboxes + sizes.volumes < found.pods_memory
    assert min(sizes.layers, sizes.sandboxes, sizes.volumes) > found.pod_memory
    assert memory_sizes(found, pulls_images=True).layers == found.memory // 2


def test_a_machine_with_few_processes_gives_its_pods_what_it_has() -> None:
    """The process limit of a pod never exceeds that of all pods."""
    found = limits(2048, processes=600)

    assert found.pod_processes == found.pods_processes == 225


def test_a_cgroup_that_limits_the_harness_limits_the_cluster(tmp_path: Path) -> None:
    """The limits of the cluster follow the smallest cgroup limit, not the size of the machine."""
    cgroup = tmp_path / "sys" / "user.slice" / "mine.scope"
    cgroup.mkdir(parents=True)
    (cgroup / "memory.max").write_text("max\n")
    (cgroup.parent / "memory.max").write_text("1073741824\n")
    (cgroup.parent / "pids.max").write_text("4096\n")
    kernel = tmp_path / "proc/sys/kernel"
    kernel.mkdir(parents=True)
    (kernel / "pid_max").write_text("32768\n")
    (kernel / "threads-max").write_text("15000\n")

    found = measure([cgroup], tmp_path)

    assert found.memory > found.available_memory == 2**30
    assert found.available_processes == 4096


def test_a_cgroup_of_version_1_without_limit_leaves_the_machines(tmp_path: Path) -> None:
    """The huge number that cgroup v1 uses for no limit leaves the machine's size in effect."""
    (tmp_path / "memory.limit_in_bytes").write_text("9223372036854771712\n")

    found = measure([tmp_path])

    assert found.available_memory == found.memory


def test_settings_are_applied_where_a_cgroup_has_them(tmp_path: Path) -> None:
    """The settings are written to the files of cgroup v2, or of each hierarchy of cgroup v1."""
    for name in ("memory.max", "pids.max"):
        (tmp_path / name).write_text("max")

    cgroup_delegation.apply(limits(2048).cgroup_settings, tmp_path)

    assert {file.name: file.read_text() for file in tmp_path.iterdir()} == {
        "memory.max": str(1664 * MIB),
        "pids.max": "16384",
    }
