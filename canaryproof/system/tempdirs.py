"""Folders for what nobody needs when a process has ended; what a killed one leaves, the next removes.

A folder is somebody's as long as they hold the lock on it, which the kernel takes from them however they end.
"""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from canaryproof.system.locks import take, take_if_free

PREFIX = "canaryproof-scratch-"
_UNLOCKED = f".{PREFIX}"
"""What a folder is called until it has its lock: nobody's yet, and not to be swept."""


@contextmanager
def scratch() -> Iterator[Path]:
    """Lend an empty folder that nobody else can read, and remove it."""
    unlocked = Path(tempfile.mkdtemp(prefix=_UNLOCKED)).resolve()
    with _opened(unlocked) as handle:
        take(handle)
        folder = unlocked.rename(unlocked.with_name(unlocked.name.removeprefix(".")))
        try:
            yield folder
        finally:
            shutil.rmtree(folder)


def sweep_scratch() -> list[Path]:
    """Remove the folders of this user's processes that were killed, and return where they were."""
    return [folder for folder in Path(tempfile.gettempdir()).glob(f"{PREFIX}*") if _swept(folder)]


def _swept(folder: Path) -> bool:
    try:
        with _opened(folder) as handle:
            if os.fstat(handle).st_uid != os.geteuid() or not take_if_free(handle):
                return False
            shutil.rmtree(folder)
    except OSError:  # somebody has just removed it
        return False
    return True


@contextmanager
def _opened(folder: Path) -> Iterator[int]:
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
    try:
        yield handle
    finally:
        os.close(handle)
