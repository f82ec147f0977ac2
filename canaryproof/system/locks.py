"""Locks files. The kernel releases a lock when its holder ends, even after a crash (``man 2 flock``).

A lock belongs to an open file description. A child process that inherits the descriptor holds the lock too. Children
inherit only the descriptors that are passed to them explicitly. A holder may write its process ID into the file, so
that waiting processes can name the holder.
"""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO


def take(lock: int | IO[str]) -> None:
    """Acquire the lock of an open file. Blocks until the lock is free."""
    fcntl.flock(lock, fcntl.LOCK_EX)


def take_if_free(lock: int | IO[str]) -> bool:
    """Acquire the lock of an open file without blocking. Returns False if another holder has the lock."""
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def is_taken(file: Path) -> bool:
    """Report whether *file* is locked. A missing file is not locked.

    Raises OSError when the file cannot be opened for another reason.
    """
    try:
        with file.open() as lock:
            fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)  # shared: concurrent checks do not block each other
    except FileNotFoundError:
        return False
    except BlockingIOError:
        return True
    return False


@contextmanager
def held(file: Path) -> Iterator[IO[str]]:
    """Hold the lock of *file* during the block. Creates a missing file, and blocks until the lock is free."""
    with file.open("a+", encoding="ascii") as lock:
        take(lock)
        yield lock


def sign(lock: IO[str]) -> None:
    """Write the ID of this process into a lock file, which must be open in append mode."""
    lock.truncate(0)
    lock.write(str(os.getpid()))
    lock.flush()


def holder(file: Path) -> int | None:
    """Return the ID of the process that last signed *file*, or None if none did."""
    signature = file.read_text(encoding="ascii")
    return int(signature) if signature else None
