"""Reads the source text of a chart, so that messages can quote it and refer to its lines."""

from __future__ import annotations

import errno
import os
import re
import stat
from collections.abc import Iterable
from pathlib import Path

from canaryproof.model.evidence import ChartFile

MANY = 200
"""The maximum number of files of one chart that are stored."""
LONG = 64 * 1024
"""The maximum number of bytes of one file that are stored."""
KEPT = (".yaml", ".yml", ".tpl", ".json", ".txt", ".helmignore")


def read_texts(chart: Path) -> tuple[ChartFile, ...]:
    """Return the text files of a chart in the order of a sorted directory walk.

    Links are not followed. Files beyond `MANY`, and bytes of a file beyond `LONG`, are left out.
    """
    found: list[ChartFile] = []
    for folder, subfolders, names, handle in os.fwalk(chart):
        subfolders.sort()
        for name in sorted(names):
            path = Path(folder, name)
            if path.suffix not in KEPT and name not in KEPT:
                continue
            if len(found) == MANY:
                return tuple(found)
            if (content := _read(name, handle)) is not None:
                found.append(ChartFile(path.relative_to(chart).as_posix(), content.decode(errors="replace")))
    return tuple(found)


def _read(name: str, folder: int) -> bytes | None:
    """Return the beginning of a file in an open folder, or None if it is not a regular file."""
    try:
        handle = os.open(name, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK, dir_fd=folder)
    except OSError as error:
        if error.errno in {errno.ELOOP, errno.ENXIO}:  # a link, a socket
            return None
        raise
    with os.fdopen(handle, "rb") as file:
        return file.read(LONG) if stat.S_ISREG(os.fstat(handle).st_mode) else None


def place(files: Iterable[ChartFile], template: str, *keys: str) -> str:
    """Return the line of one of *keys* in a template, such as ``templates/service.yaml:7``.

    The first key that occurs exactly once counts. If there is none, the result is the file without a line.
    """
    text = next((file.text for file in files if file.path == template), "")
    for key in keys:
        pattern = re.compile(rf"^\s*(-\s+)?[\"']?{re.escape(key)}[\"']?\s*:")
        lines = [number for number, line in enumerate(text.splitlines(), 1) if pattern.match(line)]
        if len(lines) == 1:
            return f"{template}:{lines[0]}"
    return template


def line_with(files: Iterable[ChartFile], text: str) -> str:
    """Return the only line of ``values.yaml`` and the templates that has *text* as its value.

    Returns an empty string if no line or several lines match.
    """
    pattern = re.compile(rf"[\s:\"']{re.escape(text)}[\"']?\s*(#.*)?$")
    lines = [
        f"{file.path}:{number}"
        for file in files
        if file.path == "values.yaml" or file.path.startswith("templates/")
        for number, line in enumerate(file.text.splitlines(), 1)
        if text in line and pattern.search(line)
    ]
    return lines[0] if len(lines) == 1 else ""
