"""A cluster gets its own cgroups in either version of the hierarchy, and leaves none behind."""

from __future__ import annotations

from pathlib import Path

import pytest

from canaryproof.cluster.embedded.cgroups import make_cgroups, remove_cgroups
from canaryproof.cluster.embedded.supervisor import cgroup_delegation
from canaryproof.errors import ClusterError


@pytest.fixture
def legacy(tmp_path: Path) -> Path:
    """A machine with cgroup v1, which has a folder per hierarchy and links from the short names."""
    for name in ("cpu,cpuacct", "cpuset", "memory"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "cgroup.procs").touch()
    (tmp_path / "cpuset" / "cpuset.cpus").write_text("0-1\n", encoding="ascii")
    (tmp_path / "cpuset" / "cpuset.mems").write_text("0\n", encoding="ascii")
    (tmp_path / "cpu").symlink_to("cpu,cpuacct")
    (tmp_path / "not-a-hierarchy").mkdir()
    return tmp_path


def test_every_legacy_hierarchy_gets_one(legacy: Path) -> None:
    """The cluster gets a cgroup in each v1 hierarchy, because kubelet requires its root in all of them.

    Links do not count.
    """
    made = make_cgroups("ours", legacy)

    assert [Path(seen_at).name for _, seen_at in made] == ["cpu,cpuacct", "cpuset", "memory"]
    assert all(Path(own) == Path(seen_at) / "ours" and Path(own).is_dir() for own, seen_at in made)


def test_a_legacy_cpuset_takes_over_processors_and_memory(legacy: Path) -> None:
    """A new v1 cpuset copies the processors and memory nodes, because it accepts no process before it has both."""
    make_cgroups("ours", legacy)

    assert (legacy / "cpuset" / "ours" / "cpuset.cpus").read_text(encoding="ascii") == "0-1\n"
    assert (legacy / "cpuset" / "ours" / "cpuset.mems").read_text(encoding="ascii") == "0\n"


def test_a_busy_machine_gives_the_cluster_its_share(legacy: Path) -> None:
    """The cluster's cgroup gets a larger weight than the default, which is that of one process."""
    (legacy / "cpu,cpuacct" / "cpu.shares").write_text("1024\n", encoding="ascii")
    make_cgroups("ours", legacy)

    assert int((legacy / "cpu,cpuacct" / "ours" / "cpu.shares").read_text(encoding="ascii")) > 1024


def test_a_root_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    """The error names the cgroup root and the remedy if a container's cgroup tree is not writable."""
    with pytest.raises(ClusterError, match=r"cannot make the cgroup ours: .*needs a writable .*privileged"):
        make_cgroups("ours", tmp_path / "nowhere")


def test_removal_takes_the_deepest_first(tmp_path: Path) -> None:
    """The removal starts with the deepest cgroup, because a cgroup with children cannot be removed."""
    (tmp_path / "ours" / "kubepods" / "pod1").mkdir(parents=True)

    remove_cgroups("ours", 60, tmp_path)

    assert not (tmp_path / "ours").exists()


def test_removal_leaves_others_alone(legacy: Path) -> None:
    """The removal affects only the cgroup with that name."""
    make_cgroups("ours", legacy)
    make_cgroups("theirs", legacy)
    (legacy / "cpuset" / "ours" / "cpuset.cpus").unlink()
    (legacy / "cpuset" / "ours" / "cpuset.mems").unlink()

    remove_cgroups("ours", 60, legacy)

    assert not (legacy / "memory" / "ours").exists()
    assert (legacy / "memory" / "theirs").exists()


def test_removing_what_is_not_there_is_no_fault(legacy: Path) -> None:
    """The removal of a missing cgroup succeeds, for example after a start that was killed early."""
    remove_cgroups("never-made", 60, legacy)


@pytest.mark.parametrize("contained", [False, True])
def test_a_containers_processes_make_way(tmp_path: Path, *, contained: bool) -> None:
    """The processes in a container's root cgroup move away, because it delegates controllers only without processes.

    The machine's own root cgroup does not need this.
    """
    files = {"cgroup.controllers": "cpu memory pids", "cgroup.subtree_control": "memory", "cgroup.procs": "1\n7\n"}
    for name, text in files.items():
        (tmp_path / name).write_text(text)
    if contained:
        (tmp_path / "cgroup.type").write_text("domain\n")
    made = tmp_path / "ours"

    with pytest.raises(ClusterError, match="cannot make"):  # the kernel adds no files to a plain folder
        make_cgroups("ours", tmp_path)

    assert made.is_dir()
    assert (tmp_path / cgroup_delegation.LEAF).is_dir() is contained
    assert (tmp_path / "cgroup.subtree_control").read_text() == "+pids"
