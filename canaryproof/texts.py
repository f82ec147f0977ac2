"""The text of a chart as its author wrote it: where a message points to, and what it quotes."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Iterator
from pathlib import Path

from canaryproof.evidence import ChartFile

MANY = 200
"""Files of one chart that are kept."""
LONG = 64 * 1024
"""Bytes of one file that are kept."""
KEPT = (".yaml", ".yml", ".tpl", ".json", ".txt", ".helmignore")


def read_texts(chart: Path) -> tuple[ChartFile, ...]:
    """Return the text files of a chart, sorted by path; links are not followed, and what is too much is left out."""
    found: list[ChartFile] = []
    for path in _paths(chart):
        if len(found) == MANY:
            break
        with path.open("rb") as file:
            text = file.read(LONG).decode(errors="replace")
        found.append(ChartFile(path.relative_to(chart).as_posix(), text))
    return tuple(found)


def _paths(chart: Path) -> Iterator[Path]:
    for folder, subfolders, names in os.walk(chart):
        subfolders.sort()
        for name in sorted(names):
            path = Path(folder, name)
            if (path.suffix in KEPT or name in KEPT) and path.is_file() and not path.is_symlink():
                yield path


def place(files: Iterable[ChartFile], template: str, *keys: str) -> str:
    """Return where one of *keys* stands in a template, ``templates/service.yaml:7``.

    The first key that stands there just once counts; where none does, the file alone is named: no line is guessed.
    """
    text = next((file.text for file in files if file.path == template), "")
    for key in keys:
        pattern = re.compile(rf"^\s*(-\s+)?[\"']?{re.escape(key)}[\"']?\s*:")
        lines = [number for number, line in enumerate(text.splitlines(), 1) if pattern.match(line)]
        if len(lines) == 1:
            return f"{template}:{lines[0]}"
    return template


def line_with(files: Iterable[ChartFile], text: str) -> str:
    """Return the one line of values and templates that has *text* as its value; empty where none has, or several."""
    pattern = re.compile(rf"[\s:\"']{re.escape(text)}[\"']?\s*(#.*)?$")
    lines = [
        f"{file.path}:{number}"
        for file in files
        if file.path == "values.yaml" or file.path.startswith("templates/")
        for number, line in enumerate(file.text.splitlines(), 1)
        if text in line and pattern.search(line)
    ]
    return lines[0] if len(lines) == 1 else ""
