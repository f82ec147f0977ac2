"""Reads folders and archives that somebody handed in, entry by entry; follows no link and believes no name."""

from __future__ import annotations

import os
import stat
import tarfile
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import islice
from pathlib import Path, PurePosixPath

from canaryproof.errors import SubmissionError, UnsafeError
from canaryproof.vetting import LARGEST, MOST_ENTRIES, Member, is_ignored, parts_of, shown

LARGEST_ARCHIVE = 256 * 2**20
"""Bytes of an archive, packed and unpacked."""
UNSUSPICIOUS = 16 * 2**20
"""Bytes that may be packed as tightly as they will."""
TIGHTEST = 200
"""How many bytes may come of one: text gives 5 to 20, and nothing but zeros gives 1000."""
LONGEST_LINK = 4096
ENCRYPTED = 1
"""A bit of a zip entry's flags."""

DAMAGED = (
    tarfile.TarError,
    zipfile.BadZipFile,
    zlib.error,
    EOFError,
    OSError,
    RuntimeError,  # packed in a way that is not known
    ValueError,
    OverflowError,
)
"""What reading an archive raises when something is wrong with it."""


def in_folder(folder: Path) -> Iterator[Member]:
    """Yield what is in a folder, but not what is in folders of no account.

    Raises OSError when it cannot be read.
    """
    waiting = [folder]
    while waiting:
        with os.scandir(waiting.pop()) as entries:
            found = sorted(islice(entries, MOST_ENTRIES + 1), key=lambda each: each.name)
        for entry in found:
            member = _in_folder(entry, PurePosixPath(entry.path).relative_to(folder))
            yield member
            if member.folder and not is_ignored(entry.name, folder=True):
                waiting.append(Path(entry.path))


def _in_folder(entry: os.DirEntry[str], path: PurePosixPath) -> Member:
    if entry.is_symlink():
        return Member(path, 0, bytes, link=str(Path(entry.path).readlink()))
    if entry.is_dir(follow_symlinks=False):
        return Member(path, 0, bytes, folder=True)
    if not entry.is_file(follow_symlinks=False):
        return Member(path, 0, bytes, special=True)
    return Member(path, entry.stat(follow_symlinks=False).st_size, lambda: read_file(Path(entry.path)))


def read_file(path: Path) -> bytes:
    """Read a plain file, as far as a chart may have one; never waits, and follows no link.

    Raises OSError when it cannot be read, or is no plain file any more.
    """
    with os.fdopen(os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK), "rb") as file:
        if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
            raise OSError(f"{path} is no plain file")
        return file.read(LARGEST + 1)


@contextmanager
def in_archive(archive: Path) -> Iterator[Iterator[Member]]:
    """Yield what is in a zip, or a tar that may be compressed by gzip: what the file is decides, not its name.

    Raises UnsafeError when it unpacks to too much, and SubmissionError when it is damaged, or something else.
    """
    try:
        with archive.open("rb") as file:
            start = file.read(512)
            size = os.fstat(file.fileno()).st_size
        if size > LARGEST_ARCHIVE:
            raise UnsafeError(f"the archive has more than {LARGEST_ARCHIVE >> 20} MiB; pack the chart's folder alone")
        if start[:2] == b"PK":
            with zipfile.ZipFile(archive) as zipped:
                yield _in_zip(zipped)
        elif start[:2] == b"\x1f\x8b":
            with tarfile.open(archive, "r:gz") as compressed:
                yield _in_tar(compressed, max(UNSUSPICIOUS, TIGHTEST * size))
        elif start[257:262] == b"ustar":
            with tarfile.open(archive, "r:") as plain:
                yield _in_tar(plain, LARGEST_ARCHIVE)
        else:
            raise SubmissionError(f"the archive is {_kind(start)}; pack the chart's folder as .zip or .tar.gz")
    except DAMAGED as error:
        raise SubmissionError(
            f"the archive cannot be unpacked: {shown(error)}; pack the chart's folder anew, as .zip or .tar.gz"
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
            f"the archive unpacks to more than {LARGEST_ARCHIVE >> 20} MiB; pack the chart's folder alone"
        )
    if size > most:
        raise UnsafeError(
            f"the archive unpacks to more than {TIGHTEST} times its size, as archives do that are made to fill a disk; "
            "pack the chart's folder alone"
        )


def _in_zip(archive: zipfile.ZipFile) -> Iterator[Member]:
    infos = archive.infolist()
    most = max(UNSUSPICIOUS, TIGHTEST * sum(each.compress_size for each in infos))
    _check_size(sum(each.file_size for each in infos), most)
    if any(each.flag_bits & ENCRYPTED for each in infos):
        raise SubmissionError("the archive is encrypted; pack the chart's folder anew, without a password")
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
        _check_size(size, most)  # before the next entry is looked for, behind all of this one
        path = parts_of(info.name)
        target = info.linkname if info.issym() else None
        if info.islnk():  # its target is seen from the top
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
