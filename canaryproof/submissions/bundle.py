"""Stores several files in one stream: a line of JSON with the path and size of each file, then their contents.

The process that unpacks a chart exchanges files with its parent process in this format. Its output is as untrusted as
the submission, so the reader checks all of it.
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
"""The maximum length of the first line in bytes. 2000 paths of 250 bytes need half of it."""


def write_bundle(stream: BinaryIO, files: Files) -> None:
    """Write *files* to *stream*."""
    stream.write(json.dumps([[str(path), len(content)] for path, content in files.items()]).encode() + b"\n")
    stream.writelines(files.values())
    stream.flush()


def read_bundle(stream: BinaryIO) -> Iterator[tuple[PurePosixPath, bytes]]:
    """Yield the path and content of each file in *stream*, from its beginning. No path leads out of its folder.

    Raises UnsafeError when the stream is malformed, or contains a file that a chart must not contain.
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
