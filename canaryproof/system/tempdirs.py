"""Manages temporary folders. A later process removes the folders of a process that was killed.

A folder is in use as long as a process holds the lock on it. The kernel releases the lock when that process ends, even
after a crash.
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
"""The prefix of a folder that has no lock yet. `sweep_scratch` does not remove such a folder."""


@contextmanager
def scratch() -> Iterator[Path]:
    """Yield an empty folder that no other user can read, and remove it when the block ends."""
    unlocked = Path(tempfile.mkdtemp(prefix=_UNLOCKED)).resolve()
    with _opened(unlocked) as handle:
        take(handle)
        folder = unlocked.rename(unlocked.with_name(unlocked.name.removeprefix(".")))
        try:
            yield folder
        finally:
            shutil.rmtree(folder)


def sweep_scratch() -> list[Path]:
    """Remove the folders of killed processes of this user, and return their paths."""
    return [folder for folder in Path(tempfile.gettempdir()).glob(f"{PREFIX}*") if _swept(folder)]


def _swept(folder: Path) -> bool:
    try:
        with _opened(folder) as handle:
            if os.fstat(handle).st_uid != os.geteuid() or not take_if_free(handle):
                return False
            shutil.rmtree(folder)
    except OSError:  # another process has just removed it
        return False
    return True


@contextmanager
def _opened(folder: Path) -> Iterator[int]:
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
    try:
        yield handle
    finally:
        os.close(handle)
