"""Manages run folders, which outlive the processes of a cluster, and removes those of clusters that have ended.

The harness and the cluster's first process hold the lock of the run folder. The kernel releases the lock when both have
ended, for any reason. A cluster lives as long as its lock is held.
"""

from __future__ import annotations

import os
import secrets
import shutil
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

from canaryproof.cluster.embedded.cgroups import remove_cgroups
from canaryproof.system.locks import held, take, take_if_free
from canaryproof.system.logs import logger_of
from canaryproof.system.ownership import make_folder

_LOG = logger_of(__name__)
_LOCK = "lock"
_KEPT = 5
"""The number of failed clusters whose logs are kept."""


@dataclass(frozen=True)
class Run:
    """The objects of one cluster outside its namespaces: a folder, cgroups of the same name, and a lock for both."""

    folder: Path
    lock: int
    """The file descriptor of the lock, which the cluster's first process inherits."""
    failed: threading.Event = field(default_factory=threading.Event)
    """Set when the cluster failed, so that its logs are kept."""

    @property
    def name(self) -> str:
        """Return the name of the folder, of the cgroups and of the cluster."""
        return self.folder.name

    @property
    def logs(self) -> Path:
        """Return the folder of the components' logs, which is kept if the cluster fails."""
        return _logs_of(self.folder)


@contextmanager
def lent_run(runs: Path, within: float) -> Iterator[Run]:
    """Sweep *runs*, lend a new run folder below it, and remove that folder and its cgroups after the block.

    Raises WaitError when processes stay in a cgroup for longer than *within* (seconds).
    """
    make_folder(runs)
    sweep(runs, within)
    run = _new_run(runs)
    try:
        run.logs.mkdir(parents=True)
        yield run
    finally:
        try:
            _remove(run.folder, within, keep_logs=run.failed.is_set())
            _forget_old_logs(runs)
        finally:
            os.close(run.lock)


def sweep(runs: Path, within: float) -> list[str]:
    """Remove the folders and cgroups of ended clusters below *runs*, and return the names of these clusters."""
    return [folder.name for folder in sorted(runs.iterdir()) if _swept(folder, within)]


def _new_run(runs: Path) -> Run:
    """Create a locked run folder. The sweep lock keeps a concurrent sweep from removing it before it is locked."""
    with held(runs / ".sweeping"):
        folder = runs / f"canaryproof-{secrets.token_hex(4)}"
        folder.mkdir(mode=0o700)
        lock = os.open(folder / _LOCK, os.O_RDWR | os.O_CREAT, 0o600)
        take(lock)
        return Run(folder, lock)


def _swept(folder: Path, within: float) -> bool:
    if not folder.is_dir():
        return False
    with held(folder.parent / ".sweeping"), suppress(FileNotFoundError):
        lock = os.open(folder / _LOCK, os.O_RDWR | os.O_CREAT, 0o600)
        try:
            if take_if_free(lock):
                _LOG.info("removing what a cluster that has ended left in %s", folder)
                _remove(folder, within, keep_logs=False)
                return True
        finally:
            os.close(lock)
    return False


def _logs_of(folder: Path) -> Path:
    return folder.parent.parent / "logs" / folder.name


def _remove(folder: Path, within: float, *, keep_logs: bool) -> None:
    remove_cgroups(folder.name, within)
    if not keep_logs:
        shutil.rmtree(_logs_of(folder), ignore_errors=True)  # missing if the start was killed early
    shutil.rmtree(folder)


def _forget_old_logs(runs: Path) -> None:
    """Remove all logs of failed clusters but the latest few. Keeps the logs of clusters that have a run folder."""
    logs = runs.parent / "logs"
    failed = [it for it in logs.iterdir() if not (runs / it.name).exists()]
    for folder in sorted(failed, key=lambda it: it.stat().st_mtime)[:-_KEPT]:
        shutil.rmtree(folder, ignore_errors=True)  # another run may be doing the same
