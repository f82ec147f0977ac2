"""Reads submitted folders and archives entry by entry. It follows no links and trusts no file names."""

from __future__ import annotations

import bz2
import encodings.ascii
import encodings.cp437
import encodings.unicode_escape
import encodings.utf_8_sig
import errno
import gzip
import io
import lzma
import os
import posixpath
import stat
import tarfile
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import islice
from pathlib import Path, PurePosixPath
from typing import BinaryIO, Self

from canaryproof.errors import SubmissionError, UnsafeError
from canaryproof.submissions.limits import (
    CHART_FILE,
    LARGEST,
    MOST_ENTRIES,
    Member,
    is_drive,
    is_ignored,
    parts_of,
    shown,
)

LARGEST_ARCHIVE = 256 * 2**20
"""The maximum size of an archive in bytes, both packed and unpacked."""
UNSUSPICIOUS = 16 * 2**20
"""The unpacked size in bytes up to which any compression ratio is allowed."""
TIGHTEST = 200
"""The maximum compression ratio. Text has a ratio of 5 to 20, and a file of zeros has a ratio of 1000."""
LONGEST_LINK = 4096
ENCRYPTED = 1
"""The bit in the flags of a zip entry that marks it as encrypted."""

_SEARCH = getattr(os, "O_PATH", os.O_RDONLY) | os.O_DIRECTORY | os.O_NOFOLLOW
"""Flags that open a folder on the way to a file. With Linux's ``O_PATH``, search permission is sufficient."""

PRELOADED = (
    bz2,
    encodings.ascii,
    encodings.cp437,
    encodings.unicode_escape,
    encodings.utf_8_sig,
    gzip,
    lzma,
)
"""Modules that are otherwise imported while an archive is read.

The reading process can no longer read Python's library by then.
"""

DAMAGED = (
    tarfile.TarError,
    zipfile.BadZipFile,
    zlib.error,
    EOFError,
    OSError,
    RuntimeError,  # an unknown compression method
    ValueError,
    OverflowError,
)
"""The exceptions raised by the reading of a damaged archive."""


class _AmbiguousError(tarfile.ReadError):
    """Other programs may read the archive differently from `tarfile`."""


class _StrictTarInfo(tarfile.TarInfo):
    """A tar header that raises an error when it is damaged.

    `tarfile` treats a damaged header as the end of the archive, but other programs continue to read.
    """

    @classmethod
    def frombuf(cls, buf: bytes | bytearray, encoding: str, errors: str) -> Self:
        """Read a header.

        Raises _AmbiguousError when the header is damaged, and a HeaderError of `tarfile` at the end of the archive.
        """
        try:
            return super().frombuf(buf, encoding, errors)
        except tarfile.HeaderError as error:
            if not bytes(buf).strip(b"\0") and len(buf) in {0, tarfile.BLOCKSIZE}:
                raise  # the end of the archive
            raise _AmbiguousError(f"a header is damaged: {error}") from error


def in_folder(folder: Path) -> Iterator[Member]:
    """Yield the entries of a folder and its subfolders, except the contents of ignored folders.

    *folder* must be absolute and resolved. If a component of *folder* or of a path below it has been replaced by a
    symbolic link in the meantime, the link is not followed.

    Raises OSError when the folder cannot be read.
    """
    waiting = [PurePosixPath()]
    while waiting:
        here = waiting.pop()
        with opened(folder / here, os.O_RDONLY | os.O_DIRECTORY) as handle:
            with os.scandir(handle) as entries:
                found = sorted(islice(entries, MOST_ENTRIES + 1), key=lambda each: each.name)
            members = [_in_folder(entry, folder, here / entry.name, handle) for entry in found]
        for member in members:
            yield member
            if member.folder and not is_ignored(member.path.name, folder=True):
                waiting.append(member.path)


def _in_folder(entry: os.DirEntry[str], folder: Path, path: PurePosixPath, handle: int) -> Member:
    if entry.is_symlink():
        return Member(path, 0, bytes, link=os.readlink(entry.name, dir_fd=handle))
    if entry.is_dir(follow_symlinks=False):
        return Member(path, 0, bytes, folder=True)
    if not entry.is_file(follow_symlinks=False):
        return Member(path, 0, bytes, special=True)
    return Member(path, entry.stat(follow_symlinks=False).st_size, lambda: read_file(folder / path))


def read_file(path: Path) -> bytes:
    """Read at most `LARGEST` bytes and one more from a regular file.

    This function never blocks on a pipe or device, and follows no symbolic link in any part of the path.

    Raises OSError when the file cannot be read, or is no longer a regular file.
    """
    with open_file(path) as file:
        return file.read(LARGEST + 1)


@contextmanager
def open_file(path: Path) -> Iterator[BinaryIO]:
    """Open a regular file for reading, with the guarantees of `read_file`."""
    with opened(path, os.O_RDONLY | os.O_NONBLOCK) as handle:
        if not stat.S_ISREG(os.fstat(handle).st_mode):
            raise OSError(errno.EINVAL, "it is no plain file", str(path))
        with os.fdopen(handle, "rb", closefd=False) as file:
            yield file


@contextmanager
def opened(path: Path, flags: int) -> Iterator[int]:
    """Yield a descriptor of *path*, opened component by component.

    ``O_NOFOLLOW`` in a single call would protect only the last component.

    Raises OSError when the path cannot be opened, or when a component is a symbolic link.
    """
    handle = os.open(os.sep, _SEARCH)
    try:
        *folders, name = path.absolute().parts[1:] or (os.curdir,)
        for each in folders:
            parent, handle = handle, os.open(each, _SEARCH, dir_fd=handle)
            os.close(parent)
        parent, handle = handle, os.open(name, flags | os.O_NOFOLLOW, dir_fd=handle)
        os.close(parent)
        yield handle
    finally:
        os.close(handle)


@contextmanager
def in_archive(archive: BinaryIO) -> Iterator[Iterator[Member]]:
    """Yield an iterator over the entries of a zip archive, a tar archive or a tar archive compressed by gzip.

    The type is detected from the content, not from the file name.

    Raises UnsafeError when the archive or its unpacked content is too large. Raises SubmissionError when the archive is
    damaged or of another type.
    """
    with _reading():
        size = archive.seek(0, os.SEEK_END)
        archive.seek(0)
        start = archive.read(512)
        archive.seek(0)
        if size > LARGEST_ARCHIVE:
            raise UnsafeError(f"the archive has more than {LARGEST_ARCHIVE >> 20} MiB", "pack the chart's folder alone")
        if start[:2] == b"PK":
            with zipfile.ZipFile(archive) as zipped:
                yield _in_zip(zipped)
        elif start[:2] == b"\x1f\x8b":
            with tarfile.open(fileobj=archive, mode="r:gz", tarinfo=_StrictTarInfo) as compressed:
                yield _in_tar(compressed, max(UNSUSPICIOUS, TIGHTEST * size))
        elif start[257:262] == b"ustar":
            with tarfile.open(fileobj=archive, mode="r:", tarinfo=_StrictTarInfo) as plain:
                yield _in_tar(plain, LARGEST_ARCHIVE)
        else:
            raise SubmissionError(f"the archive is {_kind(start)}", "pack the chart's folder as .zip or .tar.gz")


@contextmanager
def in_packed_chart(name: PurePosixPath, content: bytes) -> Iterator[Iterator[Member]]:
    """Yield an iterator over the files of a packed subchart, with their paths in the chart as Helm reads them.

    Raises UnsafeError when the unpacked content is too large, or when other programs may read the archive differently.
    Raises SubmissionError when the archive is damaged, or is not a chart that Helm accepts.
    """
    if not content.startswith(b"\x1f\x8b"):
        raise SubmissionError(f"{shown(name)} is not compressed by gzip", "make it by helm package")
    try:
        with tarfile.open(fileobj=io.BytesIO(content), mode="r:gz", tarinfo=_StrictTarInfo) as archive:
            yield _in_packed_chart(name, archive, max(UNSUSPICIOUS, TIGHTEST * len(content)))
    except _AmbiguousError as error:
        raise UnsafeError(
            f"{shown(name)} can be read in several ways: {shown(error)}", "make it by helm package"
        ) from error
    except DAMAGED as error:
        raise SubmissionError(f"{shown(name)} cannot be unpacked: {shown(error)}", "make it by helm package") from error


def _in_packed_chart(name: PurePosixPath, archive: tarfile.TarFile, most: int) -> Iterator[Member]:
    size = 0
    for count, info in enumerate(archive):
        size += info.size
        _check_size(size, most)
        if count >= MOST_ENTRIES:
            raise UnsafeError(f"{shown(name)} has more than {MOST_ENTRIES} files", "make it by helm package")
        if info.issparse():
            raise _AmbiguousError(f"{shown(info.name)} is a sparse file")
        if not info.isdir():
            yield Member(
                path=_path_in_chart(name, info.name),
                size=info.size,
                read=lambda info=info: _read_tarred(archive, info),  # type: ignore[misc]  # the default binds
                special=not (info.isreg() or info.issym() or info.islnk()),
                link=info.linkname if info.issym() or info.islnk() else None,
            )
    if archive.fileobj is None:
        raise tarfile.ReadError("it is closed")
    while rest := archive.fileobj.read(UNSUSPICIOUS):
        size += len(rest)
        _check_size(size, most)
        if rest.strip(b"\0"):
            raise _AmbiguousError("something follows the end of the archive")


def _path_in_chart(archive: PurePosixPath, name: str) -> PurePosixPath:
    """Return the path of the entry *name* in the chart, which omits the first folder.

    The rule is Helm's (``LoadArchiveFiles`` in its ``pkg/chart/loader/archive``).

    Raises UnsafeError when the path leads out of the chart, and SubmissionError when Helm does not accept it.
    """
    first, *rest = name.split("\\" if "\\" in name else "/")
    path = "/".join(rest)
    inside = posixpath.normpath(path)
    if first == CHART_FILE or inside == os.curdir:
        raise SubmissionError(
            f"{shown(archive)} has {shown(name)} outside of the chart's folder, which Helm does not take",
            "make it by helm package",
        )
    if path.startswith("/") or inside.startswith(os.pardir) or is_drive(inside):
        raise UnsafeError(
            f"{shown(archive)} has an entry that leads out of it: {shown(name)}", "make it by helm package"
        )
    return PurePosixPath(inside)


@contextmanager
def _reading() -> Iterator[None]:
    try:
        yield
    except DAMAGED as error:
        raise SubmissionError(
            f"the archive cannot be unpacked: {shown(error)}", "pack the chart's folder anew, as .zip or .tar.gz"
        ) from error


def _kind(start: bytes) -> str:
    kinds = {
        b"Rar!": "a RAR archive",
        b"7z\xbc\xaf": "a 7-Zip archive",
        b"BZh": "compressed by bzip2",
        b"\xfd7zXZ": "an xz file",
    }
    if not start:
        return "empty"
    if start.lstrip()[:1] == b"<":
        return "a web page: something went wrong when it was downloaded"
    return next((kind for magic, kind in kinds.items() if start.startswith(magic)), "neither a zip nor a tar file")


def _check_size(size: int, most: int) -> None:
    if size > LARGEST_ARCHIVE:
        raise UnsafeError(
            f"the archive unpacks to more than {LARGEST_ARCHIVE >> 20} MiB", "pack the chart's folder alone"
        )
    if size > most:
        raise UnsafeError(
            f"the archive unpacks to more than {TIGHTEST} times its size, as archives do that are made to fill a disk",
            "pack the chart's folder alone",
        )


def _in_zip(archive: zipfile.ZipFile) -> Iterator[Member]:
    infos = archive.infolist()
    most = max(UNSUSPICIOUS, TIGHTEST * sum(each.compress_size for each in infos))
    _check_size(sum(each.file_size for each in infos), most)
    if any(each.flag_bits & ENCRYPTED for each in infos):
        raise SubmissionError("the archive is encrypted", "pack the chart's folder anew, without a password")
    for info in infos:
        mode = stat.S_IFMT(info.external_attr >> 16)
        yield Member(
            path=parts_of(info.filename),
            size=info.file_size,
            read=lambda info=info: _read_zipped(archive, info, LARGEST + 1),  # type: ignore[misc]  # the default binds
            folder=info.is_dir() or info.filename.endswith("\\"),
            special=mode not in {0, stat.S_IFREG, stat.S_IFDIR, stat.S_IFLNK},
            link=_read_zipped(archive, info, LONGEST_LINK).decode(errors="replace") if mode == stat.S_IFLNK else None,
        )


def _read_zipped(archive: zipfile.ZipFile, info: zipfile.ZipInfo, most: int) -> bytes:
    with archive.open(info) as file:
        return file.read(most)


def _in_tar(archive: tarfile.TarFile, most: int) -> Iterator[Member]:
    size = 0
    for info in archive:
        size += info.size
        _check_size(size, most)  # before tarfile unpacks this entry to find the next one
        path = parts_of(info.name)
        target = info.linkname if info.issym() else None
        if info.islnk():  # the target of a hard link is relative to the top of the archive
            target = "/".join([*[".."] * (len(path.parts) - 1), info.linkname])
        yield Member(
            path=path,
            size=info.size,
            read=lambda info=info: _read_tarred(archive, info),  # type: ignore[misc]  # the default binds
            folder=info.isdir(),
            special=not (info.isreg() or info.isdir() or info.issym() or info.islnk()),
            link=target,
        )


def _read_tarred(archive: tarfile.TarFile, info: tarfile.TarInfo) -> bytes:
    file = archive.extractfile(info)
    if file is None:
        raise tarfile.ReadError(f"{shown(info.name)} has no content")
    with file:
        return file.read(LARGEST + 1)
