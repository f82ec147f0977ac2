"""Lets one run at a time build. The other runs wait and show the process that they wait for."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from canaryproof.errors import ToolchainError, WaitError
from canaryproof.system.locks import holder, sign, take_if_free
from canaryproof.system.ownership import make_folder
from canaryproof.system.progress import Progress, Say
from canaryproof.system.wait import Ticks, wait_for


@contextmanager
def locked(file: Path, progress: Progress, *, within: float) -> Iterator[None]:
    """Hold the lock *file* for the length of the block. The kernel releases it if the holder ends for any reason.

    Raises ToolchainError when another run still holds the lock after *within* seconds, or when its folder is not
    writable.
    """
    with _opened(file) as lock:
        if not take_if_free(lock):
            with progress.step("waiting for the tools") as say:
                _await(file, lock, say, within)
        sign(lock)
        yield


def _opened(file: Path) -> IO[str]:
    """Open *file*. Python opens files close-on-exec, so that no child process holds the lock."""
    try:
        make_folder(file.parent)
        return file.open("a+")
    except OSError as error:
        raise ToolchainError(
            f"cannot write to {file.parent}: {error.strerror}; set XDG_CACHE_HOME to a folder of yours"
        ) from error


@contextmanager
def work_folder(folder: Path) -> Iterator[Path]:
    """Lend a work folder below *folder*, on the same disk. First removes the work folders of killed runs.

    The caller must hold the lock of *folder*.
    """
    for left in folder.glob("work-*"):
        shutil.rmtree(left, ignore_errors=True)
    with tempfile.TemporaryDirectory(dir=folder, prefix="work-", ignore_cleanup_errors=True) as work:
        yield Path(work)


def _await(file: Path, lock: IO[str], say: Say, within: float) -> None:
    def other() -> str:
        return f"process {holder(file) or 'unknown'}"

    def look() -> bool | None:
        say(f"another run ({other()}) is building them")
        return take_if_free(lock) or None

    try:
        wait_for("end of a build by another run", look, within=within, changes=Ticks(), seen=other)
    except WaitError as error:
        raise ToolchainError(f"{error}; if it hangs, end that process") from error
