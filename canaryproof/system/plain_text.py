"""Text of others as plain text: nothing in it moves a cursor or colours a terminal; pure."""

from __future__ import annotations


def printable(line: str) -> str:
    """Return *line* with its indentation, but without anything that moves a cursor or turns the direction of text."""
    if line.isprintable():
        return line.rstrip()
    return "".join(it if it.isprintable() else " " for it in line.expandtabs(4)).rstrip()


def escaped(text: object) -> str:
    """Return a text that no terminal and no report is hurt by: line ends, control characters and the like escaped."""
    return "".join(each if each.isprintable() else each.encode("unicode_escape").decode() for each in str(text))


def printable_lines(text: str) -> tuple[str, ...]:
    """Return the lines of *text*, each `printable`."""
    return tuple(map(printable, text.splitlines()))
