"""The next start of a cluster sweeps exactly what dead clusters have left."""

from __future__ import annotations

import fcntl
import os
from pathlib import Path

import pytest

from canaryproof.cluster.embedded.run_dirs import lent_run, sweep


def test_a_run_leaves_nothing(tmp_path: Path) -> None:
    """A run creates its folder and lock, and removes them after the block."""
    with lent_run(tmp_path / "runs", 60) as run:
        assert run.logs.is_dir()

    assert [it.name for it in (tmp_path / "runs").iterdir()] == [".sweeping"]


def test_a_run_that_fails_leaves_nothing(tmp_path: Path) -> None:
    """A run that raises an exception removes its folder and lock, too."""
    with pytest.raises(RuntimeError), lent_run(tmp_path / "runs", 60):
        raise RuntimeError

    assert [it.name for it in (tmp_path / "runs").iterdir()] == [".sweeping"]


def test_the_logs_of_a_cluster_that_failed_stay(tmp_path: Path) -> None:
    """The logs of a failed cluster stay, because messages name them."""
    with lent_run(tmp_path / "runs", 60) as good:
        (good.logs / "etcd.log").touch()
    with lent_run(tmp_path / "runs", 60) as bad:
        (bad.logs / "etcd.log").touch()
        bad.failed.set()

    assert [it.name for it in (tmp_path / "logs").iterdir()] == [bad.name]
    assert (bad.logs / "etcd.log").is_file()


def test_only_the_latest_logs_stay(tmp_path: Path) -> None:
    """Only the latest logs stay, so that repeated failures do not fill the disk."""
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
    """A start does not sweep a cluster that runs."""
    with lent_run(tmp_path / "runs", 60) as first, lent_run(tmp_path / "runs", 60) as second:
        assert first.folder.is_dir()
        assert second.folder != first.folder
        assert sweep(tmp_path / "runs", 60) == []


def test_dead_runs_are_swept(tmp_path: Path) -> None:
    """A start sweeps a folder whose lock is free, because its harness was killed."""
    dead = tmp_path / "runs" / "canaryproof-dead"
    dead.mkdir(parents=True)
    (dead / "lock").touch()

    with lent_run(tmp_path / "runs", 60):
        assert not dead.exists()


def test_a_first_process_that_lives_on_for_a_moment_keeps_its_run(tmp_path: Path) -> None:
    """A start does not sweep a run while its first process ends, because that shares the lock."""
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
    """A start sweeps the folder of a run that was killed before it had a lock."""
    (tmp_path / "runs" / "canaryproof-newborn").mkdir(parents=True)

    assert sweep(tmp_path / "runs", 60) == ["canaryproof-newborn"]
