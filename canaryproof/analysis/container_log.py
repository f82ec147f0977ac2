"""Finds the line of a container's log with the reason for which its program ended.  This module is pure."""

from __future__ import annotations

from canaryproof.system.progress import one_line

SAID = 200
"""Characters of the line that are kept."""
PANICS = ("panic: ", "fatal error: ")
"""How Go's runtime begins the message before its stack traces (``runtime/panic.go``)."""


def last_words(log: str) -> str:
    """Return the last line of *log* outside of lists, of limited length, or an empty string if all are in lists.

    A program often ends with a list below its message: its flags after a wrong one, or a stack trace. The lines of
    such lists are indented, or begin with a flag, and their headings end with a colon.
    """
    lines = [line.rstrip() for line in log.splitlines() if one_line(line)]
    panics = [line for line in lines if line.startswith(PANICS)]
    messages = [line for line in lines if not line[0].isspace() and not line.startswith("-") and line[-1] != ":"]
    said = one_line((panics or messages or lines or [""])[-1])
    return said if len(said) <= SAID else f"{said[:SAID]}..."
