"""What dead clusters leave behind is swept by the next start, and only that."""

from __future__ import annotations

import fcntl
import os
from pathlib import Path

import pytest

from canaryproof.cluster.embedded.run_dirs import lent_run, sweep


def test_a_run_leaves_nothing(tmp_path: Path) -> None:
    """Folder and lock exist for the length of the block."""
    with lent_run(tmp_path / "runs", 60) as run:
        assert run.logs.is_dir()

    assert [it.name for it in (tmp_path / "runs").iterdir()] == [".sweeping"]


def test_a_run_that_fails_leaves_nothing(tmp_path: Path) -> None:
    """An exception in the block cleans up like its end."""
    with pytest.raises(RuntimeError), lent_run(tmp_path / "runs", 60):
        raise RuntimeError

    assert [it.name for it in (tmp_path / "runs").iterdir()] == [".sweeping"]


def test_the_logs_of_a_cluster_that_failed_stay(tmp_path: Path) -> None:
    """Messages name the logs, so they must still be there when somebody reads the message."""
    with lent_run(tmp_path / "runs", 60) as good:
        (good.logs / "etcd.log").touch()
    with lent_run(tmp_path / "runs", 60) as bad:
        (bad.logs / "etcd.log").touch()
        bad.failed.set()

    assert [it.name for it in (tmp_path / "logs").iterdir()] == [bad.name]
    assert (bad.logs / "etcd.log").is_file()


def test_only_the_latest_logs_stay(tmp_path: Path) -> None:
    """A machine on which clusters fail again and again does not fill up."""
    names = []
    for moment in range(7):
        with lent_run(tmp_path / "runs", 60) as run:
            run.failed.set()
        os.utime(run.logs, (moment, moment))
        names.append(run.name)
    with lent_run(tmp_path / "runs", 60):
        pass

    assert {it.name for it in (tmp_path / "logs").iterdir()} == set(names[-5:])


def test_living_runs_are_not_swept(tmp_path: Path) -> None:
    """Two clusters side by side: the second start does not take the first for dead."""
    with lent_run(tmp_path / "runs", 60) as first, lent_run(tmp_path / "runs", 60) as second:
        assert first.folder.is_dir()
        assert second.folder != first.folder
        assert sweep(tmp_path / "runs", 60) == []


def test_dead_runs_are_swept(tmp_path: Path) -> None:
    """A folder whose lock nobody holds belonged to a harness that was killed."""
    dead = tmp_path / "runs" / "canaryproof-dead"
    dead.mkdir(parents=True)
    (dead / "lock").touch()

    with lent_run(tmp_path / "runs", 60):
        assert not dead.exists()


def test_a_first_process_that_lives_on_for_a_moment_keeps_its_run(tmp_path: Path) -> None:
    """The lock is shared with the cluster's first process: while that ends, nobody removes what it uses."""
    dying = tmp_path / "runs" / "canaryproof-dying"
    dying.mkdir(parents=True)
    lock = os.open(dying / "lock", os.O_RDWR | os.O_CREAT)
    fcntl.flock(lock, fcntl.LOCK_EX)
    inherited = os.dup(lock)
    os.close(lock)

    assert sweep(tmp_path / "runs", 60) == []
    os.close(inherited)

    assert sweep(tmp_path / "runs", 60) == ["canaryproof-dying"]


def test_a_run_killed_before_it_had_a_lock_is_swept(tmp_path: Path) -> None:
    """Whatever the moment of its death, a folder of ours does not stay."""
    (tmp_path / "runs" / "canaryproof-newborn").mkdir(parents=True)

    assert sweep(tmp_path / "runs", 60) == ["canaryproof-newborn"]
