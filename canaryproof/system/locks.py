"""Locks on files, which the kernel takes from their holder when it ends, in whatever way (``man 2 flock``).

A lock belongs to an open file.  A child that inherits its descriptor holds the lock too; no child inherits one unless
it is told to.  A holder may sign the file, so that those that wait can name it.
"""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO


def take(lock: int | IO[str]) -> None:
    """Take the lock of an open file, waiting for it."""
    fcntl.flock(lock, fcntl.LOCK_EX)


def take_if_free(lock: int | IO[str]) -> bool:
    """Take the lock of an open file unless somebody holds it; return whether it was free."""
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def is_taken(file: Path) -> bool:
    """Report whether somebody holds the lock of *file*, which need not exist.

    Raises OSError when it cannot be opened.
    """
    try:
        with file.open() as lock:
            fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)  # shared: two that look do not see each other
    except FileNotFoundError:
        return False
    except BlockingIOError:
        return True
    return False


@contextmanager
def held(file: Path) -> Iterator[IO[str]]:
    """Hold the lock of *file*, which is made if need be, for the length of the block, waiting for it."""
    with file.open("a+", encoding="ascii") as lock:
        take(lock)
        yield lock


def sign(lock: IO[str]) -> None:
    """Write into a lock file that was opened for appending that this process holds it."""
    lock.truncate(0)
    lock.write(str(os.getpid()))
    lock.flush()


def holder(file: Path) -> int | None:
    """Return the process that signed *file* last; None where none did."""
    signature = file.read_text(encoding="ascii")
    return int(signature) if signature else None
