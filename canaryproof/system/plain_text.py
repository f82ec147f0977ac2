"""Converts untrusted text to plain text without control characters.  This module is pure."""

from __future__ import annotations


def printable(line: str) -> str:
    """Return *line* with its indentation, but without characters that move a cursor or change the text direction."""
    if line.isprintable():
        return line.rstrip()
    return "".join(it if it.isprintable() else " " for it in line.expandtabs(4)).rstrip()


def escaped(text: object) -> str:
    """Return *text* as a string that is safe for terminals and reports.

    Line ends, control characters and other unprintable characters are escaped.
    """
    return "".join(each if each.isprintable() else each.encode("unicode_escape").decode() for each in str(text))


def printable_lines(text: str) -> tuple[str, ...]:
    """Return the lines of *text*, each converted by `printable`."""
    return tuple(map(printable, text.splitlines()))
