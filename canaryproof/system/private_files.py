"""Writes files that hold grades and logs: only their owner reads them, and no link leads the writing elsewhere.

Where this process is root, what it creates belongs to the owner of the folder in which it is created: a teacher who
ran it by sudo reads the reports, and removes them.
"""

from __future__ import annotations

import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path, PurePath

FOLDER_MODE, FILE_MODE = 0o700, 0o600
_FOLDER = os.O_RDONLY | os.O_DIRECTORY
_NEW_FILE = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW


def write_private(base: Path, path: PurePath, content: bytes) -> None:
    """Write *content* to *path*, which is relative to the folder *base*; whoever reads it sees all of it or nothing.

    Folders that are missing get mode 0700, whatever the umask; one that is there keeps its own.  The file gets mode
    0600.  *base* may be a link; nothing below it is followed.

    Raises OSError when it cannot be written, or a part of *path* is a link.
    """
    with _folder(base, path.parent) as folder:
        unfinished = f".{secrets.token_hex(8)}.unfinished"
        handle = os.open(unfinished, _NEW_FILE, FILE_MODE, dir_fd=folder)
        try:
            # By descriptor: a signal that comes in between leaves no file object behind, of which Python would warn.
            try:
                os.fchmod(handle, FILE_MODE)
                _give(handle, folder)
                _write(handle, content)
            finally:
                os.close(handle)
            os.replace(unfinished, path.name, src_dir_fd=folder, dst_dir_fd=folder)
        except BaseException:
            with suppress(OSError):
                os.unlink(unfinished, dir_fd=folder)
            raise


def _write(handle: int, content: bytes) -> None:
    rest = memoryview(content)
    while rest:
        rest = rest[os.write(handle, rest) :]


def remove_private(base: Path, path: PurePath) -> None:
    """Remove the file that `write_private` wrote, where there is one.

    Raises OSError when it cannot be removed, or a part of *path* is a link.
    """
    with suppress(FileNotFoundError), _folder(base, path.parent, create=False) as folder:
        os.unlink(path.name, dir_fd=folder)


@contextmanager
def _folder(base: Path, path: PurePath, *, create: bool = True) -> Iterator[int]:
    """Lend a descriptor of a folder below *base*, opened part by part."""
    if create:
        _make_base(base)
    handle = os.open(base, _FOLDER)
    try:
        for part in path.parts:
            parent, handle = handle, _step(handle, part, create=create)
            os.close(parent)
        yield handle
    finally:
        os.close(handle)


def _make_base(base: Path) -> None:
    missing = [each for each in (base, *base.parents) if not os.path.lexists(each)]
    for folder in reversed(missing):
        above = os.open(folder.parent, _FOLDER)
        try:
            os.close(_step(above, folder.name, create=True))
        finally:
            os.close(above)


def _step(parent: int, name: str, *, create: bool) -> int:
    """Open the folder *name*, which is no link, in another; make it where it is missing."""
    made = False
    if create:
        with suppress(FileExistsError):
            os.mkdir(name, FOLDER_MODE, dir_fd=parent)
            made = True
    handle = os.open(name, _FOLDER | os.O_NOFOLLOW, dir_fd=parent)
    if made and os.fstat(handle).st_uid == os.geteuid() and _is_empty(handle):  # so it is the one that was made
        os.fchmod(handle, FOLDER_MODE)
        _give(handle, parent)
    return handle


def _is_empty(folder: int) -> bool:
    with os.scandir(folder) as entries:
        return next(entries, None) is None


def _give(handle: int, folder: int) -> None:
    if os.geteuid() == 0:
        owner = os.fstat(folder)
        os.fchown(handle, owner.st_uid, owner.st_gid)
