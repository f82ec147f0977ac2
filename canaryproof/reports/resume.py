"""Finds what an earlier run has left that is still good, so that a stopped run goes on where it ended."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

from canaryproof.errors import UsageError
from canaryproof.model.evidence import Evidence
from canaryproof.model.flight_record import head_from_line
from canaryproof.reports.reader import EVIDENCE, SUFFIX, open_record
from canaryproof.submissions.discovery import Submission


def unchanged(
    submissions: Iterable[Submission], reports: Path, fingerprint: Callable[[Submission], str]
) -> dict[str, Path]:
    """Return the flight records in *reports* of those of *submissions* that would be tried in the same way again.

    They go by the names of the submissions.  What an infrastructure fault ended was given no fair trial, and a record
    that cannot be read is none.
    """
    earlier = {head.name: (file, head) for file, head in _records(reports / EVIDENCE)}
    return {
        each.name: earlier[each.name][0]
        for each in submissions
        if each.name in earlier and _is_good(earlier[each.name][1], each, fingerprint)
    }


def _is_good(head: Evidence, submission: Submission, fingerprint: Callable[[Submission], str]) -> bool:
    return not head.fault and bool(head.fingerprint) and head.fingerprint == fingerprint(submission)


def _records(folder: Path) -> Iterator[tuple[Path, Evidence]]:
    for file in sorted(folder.glob(f"*{SUFFIX}")):
        try:
            with open_record(file) as lines:
                yield file, head_from_line(lines.readline())
        except (OSError, UsageError):
            continue
