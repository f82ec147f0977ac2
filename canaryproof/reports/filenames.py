"""File names for submissions: harmless on every system, and different for different submissions."""

from __future__ import annotations

import hashlib
import re
import unicodedata
from collections.abc import Iterable

LENGTH = 100
"""Bytes of the 255 that a file name may have: some go to what is put before and behind it."""
RESERVED = re.compile(r"(con|prn|aux|nul|com\d|lpt\d)(\.|$)", re.IGNORECASE)
"""Names that Windows keeps for devices, with any ending."""
RECORD = ".jsonl"
"""The ending of a flight record, which stands beside a folder without it."""


def file_names(names: Iterable[str]) -> dict[str, str]:
    """Return a file name for each of *names*.

    Where two of them would be one file on some system, if only for their case, the later one ends in a part of its
    hash: the same names in the same order always have the same file names.
    """
    given: dict[str, str] = {}
    taken: set[str] = set()
    for name in dict.fromkeys(names):
        chosen = file_name(name)
        if chosen.casefold() in taken:
            chosen = f"{chosen}-{hashlib.sha256(name.encode(errors='surrogateescape')).hexdigest()[:8]}"
        taken.add(chosen.casefold())
        given[name] = chosen
    return given


def file_name(text: str) -> str:
    """Return *text* as one harmless file name: no path, nothing hidden, no device, not too long."""
    name = re.sub(r"[^\w.+-]+", "_", unicodedata.normalize("NFC", text))
    name = name.encode()[:LENGTH].decode(errors="ignore").strip(".") or "_"
    if name.casefold().endswith(RECORD):
        name = f"{name[: -len(RECORD)]}_jsonl"
    return f"_{name}" if RESERVED.match(name) else name
