"""Run folders: what outlives the processes of a cluster, and how the next start finds it.

A cluster lives as long as somebody holds the lock of its run folder: the harness and the cluster's first process do,
and the kernel takes it from them when they end, in whatever way.
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
"""Failed clusters whose logs are kept."""


@dataclass(frozen=True)
class Run:
    """One cluster's traces outside its namespaces: a folder, cgroups of the same name, and the lock on both."""

    folder: Path
    lock: int
    """A file descriptor, to be handed to the cluster's first process."""
    failed: threading.Event = field(default_factory=threading.Event)
    """Set when the logs are worth keeping."""

    @property
    def name(self) -> str:
        """Return the name of the folder, of the cgroups and of the cluster."""
        return self.folder.name

    @property
    def logs(self) -> Path:
        """Return the folder of the components' logs; it outlives a cluster that failed."""
        return _logs_of(self.folder)


@contextmanager
def lent_run(runs: Path, within: float) -> Iterator[Run]:
    """Sweep what dead clusters left below *runs*, lend a new run folder there, and remove it and its cgroups.

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
    """Remove what dead clusters left below *runs*; return their names.  Those that live are not touched."""
    return [folder.name for folder in sorted(runs.iterdir()) if _swept(folder, within)]


def _new_run(runs: Path) -> Run:
    """Make a locked run folder; another start that sweeps meanwhile must not take it for a dead one."""
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
        shutil.rmtree(_logs_of(folder), ignore_errors=True)  # a start may have been killed before it made them
    shutil.rmtree(folder)


def _forget_old_logs(runs: Path) -> None:
    """Keep the logs of the latest few failed clusters; those of living ones are nobody else's to remove."""
    logs = runs.parent / "logs"
    failed = [it for it in logs.iterdir() if not (runs / it.name).exists()]
    for folder in sorted(failed, key=lambda it: it.stat().st_mtime)[:-_KEPT]:
        shutil.rmtree(folder, ignore_errors=True)  # another run may be doing the same
