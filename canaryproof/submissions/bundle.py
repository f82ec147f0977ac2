"""A sequence of files in one stream: a line of JSON with path and size of each, then their contents.

The process that unpacks a chart and the one that wrote the submission down hand files to each other in this form.  What
comes from the unpacking process is as untrusted as the submission, so the reader checks all of it.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping
from pathlib import PurePosixPath
from typing import BinaryIO

from canaryproof.errors import UnsafeError
from canaryproof.submissions.limits import Allowance, shown

Files = Mapping[PurePosixPath, bytes]
LONGEST_INDEX = 2**20
"""Bytes of the first line: 2000 paths of 250 bytes are half of it."""


def write_bundle(stream: BinaryIO, files: Files) -> None:
    """Write *files* to *stream*."""
    stream.write(json.dumps([[str(path), len(content)] for path, content in files.items()]).encode() + b"\n")
    stream.writelines(files.values())
    stream.flush()


def read_bundle(stream: BinaryIO) -> Iterator[tuple[PurePosixPath, bytes]]:
    """Yield the files of *stream*, from its beginning; a path has no part that leads elsewhere.

    Raises UnsafeError when something is in there that no chart may have.
    """
    stream.seek(0)
    allowance = Allowance()
    for path, size in _index(stream.readline(LONGEST_INDEX)):
        allowance.take(path, size)
        content = stream.read(size)
        if len(content) != size:
            raise UnsafeError(f"{shown(path)} was not unpacked as a whole", "pack the chart's folder anew")
        yield path, content


def _index(line: bytes) -> list[tuple[PurePosixPath, int]]:
    refused = UnsafeError("the files that were unpacked are not what was announced", "pack the chart's folder anew")
    try:
        entries = json.loads(line)
    except (ValueError, RecursionError) as error:
        raise refused from error
    if not isinstance(entries, list):
        raise refused
    found = []
    for entry in entries:
        match entry:
            case [str(name), int(size)] if size >= 0 and _stays_inside(name):
                found.append((PurePosixPath(name), size))
            case _:
                raise refused
    return found


def _stays_inside(name: str) -> bool:
    return bool(name) and "\0" not in name and not {"", os.curdir, os.pardir} & set(name.split("/"))
