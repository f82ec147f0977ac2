"""Writes files with grades and logs. Only their owner can read them, and the writing follows no symbolic links.

If this process is root, each new file or folder gets the owner of its parent folder. A teacher who runs canaryproof
with sudo can therefore read and remove the reports.
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
    """Write *content* atomically to *path*, which is relative to the folder *base*.

    Missing folders are created with mode 0700, regardless of the umask. Existing folders keep their mode. The file gets
    mode 0600. *base* may be a symbolic link, but links below it are not followed.

    Raises OSError when the file cannot be written, or when a part of *path* is a symbolic link.
    """
    with _folder(base, path.parent) as folder:
        unfinished = f".{secrets.token_hex(8)}.unfinished"
        handle = os.open(unfinished, _NEW_FILE, FILE_MODE, dir_fd=folder)
        try:
            # A descriptor, not a file object: after a signal, Python would warn about a file object left open.
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
    """Remove a file that `write_private` wrote. A missing file is ignored.

    Raises OSError when the file cannot be removed, or when a part of *path* is a symbolic link.
    """
    with suppress(FileNotFoundError), _folder(base, path.parent, create=False) as folder:
        os.unlink(path.name, dir_fd=folder)


@contextmanager
def _folder(base: Path, path: PurePath, *, create: bool = True) -> Iterator[int]:
    """Yield a descriptor of a folder below *base*, opened component by component."""
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
    """Open the folder *name* in the folder *parent*. With *create*, create a missing folder.

    Raises OSError when *name* is a symbolic link.
    """
    made = False
    if create:
        with suppress(FileExistsError):
            os.mkdir(name, FOLDER_MODE, dir_fd=parent)
            made = True
    handle = os.open(name, _FOLDER | os.O_NOFOLLOW, dir_fd=parent)
    if made and os.fstat(handle).st_uid == os.geteuid() and _is_empty(handle):  # it is the folder just created
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
