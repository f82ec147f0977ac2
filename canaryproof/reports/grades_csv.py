"""``grades.csv``: a row for each submission, for a spreadsheet or a learning management system.  Pure module."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence

from canaryproof.checks.remarks import codes
from canaryproof.checks.results import SubmissionResult
from canaryproof.system.progress import one_line

COLUMNS = ("name", "verdict", "outcome", "score", "max_score", "reason")
REMARKS = "remarks"
"""The last column: the codes of the remarks, which change no points."""
FORMULA = tuple(
    "=+-@\N{FULLWIDTH EQUALS SIGN}\N{FULLWIDTH PLUS SIGN}\N{FULLWIDTH HYPHEN-MINUS}\N{FULLWIDTH COMMERCIAL AT}"
)
"""The prefixes that make a spreadsheet interpret a cell as a formula (OWASP, "CSV Injection")."""


def grades_csv(submissions: Sequence[SubmissionResult]) -> str:
    """Return the table: after `COLUMNS` one for each check, with the points that it brought, and `REMARKS`.

    What was not judged has an empty score, never 0: an empty cell is no grade.
    """
    ids = list(dict.fromkeys(each.check.id for result in submissions for each in result.checks))
    text = io.StringIO()
    # All text in quotes: where a semicolon parts cells, none in a name begins another one.
    writer = csv.writer(text, quoting=csv.QUOTE_NONNUMERIC)
    writer.writerow([*COLUMNS, *map(cell, ids), REMARKS])
    for result in submissions:
        won = {each.check.id: each.won for each in result.checks}
        said = (result.name, result.verdict, result.outcome, result.score, result.max_score, result.reason)
        remarks = ", ".join(codes(result.remarks))
        writer.writerow([cell(value) for value in (*said, *(won.get(id_) for id_ in ids), remarks)])
    return text.getvalue()


def cell(value: str | float | None) -> str | float:
    """Return the content of a cell: a number, nothing for None, or text that no spreadsheet evaluates as a formula."""
    if value is None:
        return ""
    if not isinstance(value, str):
        return value
    line = one_line(value)
    return f"'{line}" if line.startswith(FORMULA) else line
