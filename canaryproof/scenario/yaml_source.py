"""Reads a YAML file as nodes, which know their lines and columns."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

import yaml

from canaryproof.errors import UsageError

LARGEST_FILE = 256 * 1024
"""The maximum size of a scenario file in bytes."""
DEEPEST = 50
"""The maximum depth of maps and lists. The parser needs stack for each level."""


@dataclass(frozen=True, order=True)
class Fault:
    """A fault of the file, at a line and a column that count from 1."""

    line: int
    column: int
    message: str


class FaultError(Exception):
    """The file has a fault after which nothing else can be read."""

    def __init__(self, line: int, column: int, message: str) -> None:
        """Store the fault."""
        super().__init__(message)
        self.fault = Fault(line, column, message)


def read_text(file: Path) -> str:
    """Return the text of *file*.

    Raises UsageError when the file cannot be read, and FaultError when it is not UTF-8 text.
    """
    if file.is_dir():
        raise UsageError(f"scenario file {file}: expected a file, found a folder; name a YAML file in it")
    try:
        with file.open("rb") as opened:
            content = opened.read(LARGEST_FILE + 1)
    except OSError as error:
        raise UsageError(f"scenario file {file}: {error.strerror}; give --scenario the path of a YAML file") from error
    if len(content) > LARGEST_FILE:
        raise UsageError(
            f"scenario file {file}: expected at most {LARGEST_FILE >> 10} KiB; move values into other files"
        )
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        before = content[: error.start].decode("utf-8-sig", errors="replace")
        raise FaultError(
            *_position(before), "expected UTF-8 text, found other bytes; save the file as UTF-8"
        ) from error


def root_of(text: str) -> yaml.Node:
    """Return the root node of the only YAML document in *text*.

    Raises FaultError when the text is not YAML, or has no document or several.
    """
    try:
        _measure(text)
        nodes = list(islice(yaml.compose_all(text, yaml.SafeLoader), 2))
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        said = ", ".join(filter(None, (error.context, error.problem)))
        raise FaultError(*(_position(text[: mark.index]) if mark else (1, 1)), f"expected YAML: {said}") from error
    except yaml.reader.ReaderError as error:
        character: Any = error.character  # an integer or a string of one character
        code = character if isinstance(character, int) else ord(character)
        message = f"expected text, found the character U+{code:04X}; delete it"
        raise FaultError(*_position(text[: error.position]), message) from error
    if not nodes:
        raise FaultError(1, 1, "expected a map with the keys of a scenario, found an empty file")
    if len(nodes) > 1:
        message = "expected one YAML document, found a second one; delete it, or put it into a file of its own"
        raise FaultError(*place_of(nodes[1].start_mark), message)
    return nodes[0]


def _measure(text: str) -> None:
    """Refuse a text that is nested too deeply for the parser."""
    depth = 0
    for event in yaml.parse(text, yaml.SafeLoader):
        depth += isinstance(event, yaml.CollectionStartEvent) - isinstance(event, yaml.CollectionEndEvent)
        if depth > DEEPEST:
            message = f"expected at most {DEEPEST} levels of maps and lists, found more; move values into other files"
            mark: Any = event.start_mark  # the stub includes None and the marks of the C parser
            raise FaultError(*place_of(mark), message)


def place_of(mark: yaml.Mark) -> tuple[int, int]:
    """Return the line and the column of a mark of the parser."""
    return mark.line + 1, mark.column + 1


def _position(before: str) -> tuple[int, int]:
    """Return the line and the column of the character after the text *before*."""
    lines = before.split("\n")
    return len(lines), len(lines[-1]) + 1
