"""Finds and reads the flight records that an earlier run left, so that its submissions can be judged again."""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from canaryproof.errors import UsageError
from canaryproof.model.evidence import Evidence
from canaryproof.model.flight_record import from_lines, head_from_line
from canaryproof.submissions.discovery import Submission

EVIDENCE = "evidence"
"""The folder of a ``--report-dir`` that has the flight records."""
SUFFIX = ".jsonl"


def find_records(place: Path) -> dict[Submission, Path]:
    """Return the flight records in *place*, a folder of reports or its ``evidence``, by what was tried.

    Raises UsageError when there are none, or one of them cannot be read.
    """
    folder = place / EVIDENCE if (place / EVIDENCE).is_dir() else place
    found = dict(_records(folder))
    if not found:
        raise UsageError(
            f"{place} should hold flight records, {EVIDENCE}/*{SUFFIX}, and has none; name the --report-dir of a run"
        )
    if len({each.name for each in found}) < len(found):
        raise UsageError(f"{folder} has several flight records of one submission; keep one of each")
    return found


def _records(folder: Path) -> Iterator[tuple[Submission, Path]]:
    for file in sorted(folder.glob(f"*{SUFFIX}")):
        try:
            with open_record(file) as lines:
                head = head_from_line(lines.readline())
        except (OSError, UsageError) as error:
            raise UsageError(f"{file}: {error}") from error
        yield Submission(head.name, head.source, file), file


@contextmanager
def open_record(file: Path) -> Iterator[BinaryIO]:
    """Lend a flight record to read.

    Raises OSError when it cannot be read, or is no plain file: a pipe would have the run wait, and a device never ends.
    """
    handle = os.open(file, os.O_RDONLY | os.O_NONBLOCK)
    with os.fdopen(handle, "rb") as lines:
        if not stat.S_ISREG(os.fstat(handle).st_mode):
            raise OSError(errno.EINVAL, "it is no plain file", str(file))
        yield lines


def read_evidence(file: Path) -> Evidence:
    """Return what a flight record holds.

    Raises UsageError when it cannot be read, or is none.
    """
    try:
        with open_record(file) as lines:
            return from_lines(lines.read())
    except (OSError, UsageError) as error:
        raise UsageError(f"{file}: {error}") from error
