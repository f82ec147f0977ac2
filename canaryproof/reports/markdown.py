"""Escapes untrusted text for Markdown, so that it creates no markup, links, images or mentions.  Pure module."""

from __future__ import annotations

import re
from collections.abc import Iterable

from canaryproof.system.plain_text import printable
from canaryproof.system.progress import one_line

ZERO_WIDTH = "&#8203;"
"""Keeps ``@somebody``, ``#12`` and ``https://`` from being taken for a mention, an issue or a link."""

_PUNCTUATION = re.compile(r"[\\`*_\[\]<>|~$]")
_CALLS = re.compile(r"(?<=[@#])|(?<=:)(?=//)|(?<=www)(?=\.)", re.IGNORECASE)
_BLOCK = re.compile(r"^(?=[-+=:]|\d+[.)])")


def text(words: str) -> str:
    """Return *words* as one line that reads as it is written, at any place of a paragraph, a list or a table."""
    escaped = _PUNCTUATION.sub(r"\\\g<0>", one_line(words).replace("&", "&amp;"))
    return _BLOCK.sub(ZERO_WIDTH, _CALLS.sub(ZERO_WIDTH, escaped))


def code(words: str) -> str:
    """Return *words* as one line of code, at any place of a paragraph or a list."""
    line = one_line(words) or " "
    ticks = "`" * (1 + _longest_run("`", line))
    inside = f" {line} " if line.startswith("`") or line.endswith("`") else line
    return f"{ticks}{inside}{ticks}"


def block(lines: Iterable[str], language: str = "text") -> str:
    """Return *lines* as a block of code, whose fence is longer than any that they could close it with."""
    shown = [printable(line) for line in lines]
    fence = "`" * max(3, 1 + max((_longest_run("`", line) for line in shown), default=0))
    return "\n".join((f"{fence}{language}", *shown, fence))


def _longest_run(character: str, line: str) -> int:
    return max((len(run) for run in re.findall(f"{re.escape(character)}+", line)), default=0)
