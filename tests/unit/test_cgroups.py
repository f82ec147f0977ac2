"""A cluster gets cgroups of its own in whatever hierarchy the machine has, and none is left."""

from __future__ import annotations

from pathlib import Path

import pytest

from canaryproof.cluster.embedded.cgroups import make_cgroups, remove_cgroups
from canaryproof.cluster.embedded.supervisor import cgroup_delegation
from canaryproof.errors import ClusterError


@pytest.fixture
def legacy(tmp_path: Path) -> Path:
    """A machine with cgroup v1: a folder per hierarchy, and links from the short names."""
    for name in ("cpu,cpuacct", "cpuset", "memory"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "cgroup.procs").touch()
    (tmp_path / "cpuset" / "cpuset.cpus").write_text("0-1\n", encoding="ascii")
    (tmp_path / "cpuset" / "cpuset.mems").write_text("0\n", encoding="ascii")
    (tmp_path / "cpu").symlink_to("cpu,cpuacct")
    (tmp_path / "not-a-hierarchy").mkdir()
    return tmp_path


def test_every_legacy_hierarchy_gets_one(legacy: Path) -> None:
    """On cgroup v1 kubelet insists that its root exists in every hierarchy; links would name one twice."""
    made = make_cgroups("ours", legacy)

    assert [Path(seen_at).name for _, seen_at in made] == ["cpu,cpuacct", "cpuset", "memory"]
    assert all(Path(own) == Path(seen_at) / "ours" and Path(own).is_dir() for own, seen_at in made)


def test_a_legacy_cpuset_takes_over_processors_and_memory(legacy: Path) -> None:
    """A new cpuset takes no process before it has both."""
    make_cgroups("ours", legacy)

    assert (legacy / "cpuset" / "ours" / "cpuset.cpus").read_text(encoding="ascii") == "0-1\n"
    assert (legacy / "cpuset" / "ours" / "cpuset.mems").read_text(encoding="ascii") == "0\n"


def test_a_busy_machine_gives_the_cluster_its_share(legacy: Path) -> None:
    """A cgroup weighs as much as one process by default, and a cluster is more than that."""
    (legacy / "cpu,cpuacct" / "cpu.shares").write_text("1024\n", encoding="ascii")
    make_cgroups("ours", legacy)

    assert int((legacy / "cpu,cpuacct" / "ours" / "cpu.shares").read_text(encoding="ascii")) > 1024


def test_a_root_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    """Inside a container without a writable cgroup tree the message says so, and what to do."""
    with pytest.raises(ClusterError, match=r"cannot make the cgroup ours: .*needs a writable .*privileged"):
        make_cgroups("ours", tmp_path / "nowhere")


def test_removal_takes_the_deepest_first(tmp_path: Path) -> None:
    """A cgroup goes only when those below it are gone."""
    (tmp_path / "ours" / "kubepods" / "pod1").mkdir(parents=True)

    remove_cgroups("ours", 60, tmp_path)

    assert not (tmp_path / "ours").exists()


def test_removal_leaves_others_alone(legacy: Path) -> None:
    """Only the cgroup of that name goes."""
    make_cgroups("ours", legacy)
    make_cgroups("theirs", legacy)
    (legacy / "cpuset" / "ours" / "cpuset.cpus").unlink()
    (legacy / "cpuset" / "ours" / "cpuset.mems").unlink()

    remove_cgroups("ours", 60, legacy)

    assert not (legacy / "memory" / "ours").exists()
    assert (legacy / "memory" / "theirs").exists()


def test_removing_what_is_not_there_is_no_fault(legacy: Path) -> None:
    """A start that was killed before it made cgroups is swept like any other."""
    remove_cgroups("never-made", 60, legacy)


@pytest.mark.parametrize("contained", [False, True])
def test_a_containers_processes_make_way(tmp_path: Path, *, contained: bool) -> None:
    """A container's root hands on controllers only when no process is in it; the machine's own needs no such thing."""
    files = {"cgroup.controllers": "cpu memory pids", "cgroup.subtree_control": "memory", "cgroup.procs": "1\n7\n"}
    for name, text in files.items():
        (tmp_path / name).write_text(text)
    if contained:
        (tmp_path / "cgroup.type").write_text("domain\n")
    made = tmp_path / "ours"

    with pytest.raises(ClusterError, match="cannot make"):  # a plain folder gets no files from the kernel
        make_cgroups("ours", tmp_path)

    assert made.is_dir()
    assert (tmp_path / cgroup_delegation.LEAF).is_dir() is contained
    assert (tmp_path / "cgroup.subtree_control").read_text() == "+pids"
