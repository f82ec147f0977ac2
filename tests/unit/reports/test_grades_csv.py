"""The grades file has numbers that a spreadsheet can sum, and no text that it would evaluate."""

from __future__ import annotations

import csv

import pytest

from canaryproof.checks.results import SubmissionResult
from canaryproof.reports.grades_csv import cell, grades_csv
from tests.unit.reports.hostile import BY_HAND, EVIDENCE, hostile_evidence, judged, remarkable


def rows(*submissions: SubmissionResult) -> list[dict[str, str]]:
    """Return the rows as dictionaries by column name."""
    return list(csv.DictReader(grades_csv(submissions).splitlines(keepends=True)))


def test_a_row_has_the_verdict_and_the_points_of_each_check() -> None:
    """Each row has the verdict, and the points of each check. A skipped check has zero points."""
    (row,) = rows(judged(EVIDENCE, failed="it did not"))

    assert row == {
        "name": "shop",
        "verdict": "rejected",
        "outcome": "crash-loop",
        "score": "3",
        "max_score": "5",
        "reason": "it did not",
        "passes": "2",
        "canary-outcome": "0",
        "waits": "0",
        "breaks": "1",
        "remarks": "",
    }


def test_remarks_are_the_last_column() -> None:
    """The last column lists the codes of the remarks, and the columns before it stay unchanged."""
    (row,) = rows(judged(remarkable()))

    assert list(row)[-1] == "remarks"
    assert row["remarks"] == "program-replaced, program-mounted, workloads-added"
    assert (row["verdict"], row["score"]) == ("accepted", "5")


def test_an_error_is_no_grade() -> None:
    """The score of an error is empty instead of 0, because a spreadsheet would count 0."""
    (row,) = rows(judged(EVIDENCE, error="etcd ended"))

    assert (row["verdict"], row["score"], row["max_score"], row["breaks"]) == ("error", "", "5", "")


def test_what_cannot_be_known_is_neither_won_nor_lost() -> None:
    """The cell of a check that cannot be judged is empty and does not count."""
    (row,) = rows(judged(BY_HAND, failed="it did not"))

    assert (row["waits"], row["score"], row["max_score"]) == ("", "3", "4")


@pytest.mark.parametrize(
    "formula",
    ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r\n=1", " =1", "\N{FULLWIDTH EQUALS SIGN}1", "\x00=1"],
)
def test_no_text_is_a_formula(formula: str) -> None:
    """Text that a spreadsheet would evaluate gets a leading apostrophe, whatever characters precede the formula."""
    assert str(cell(formula)).startswith("'")


def test_hostile_text_stays_in_its_cell() -> None:
    """Hostile text creates no rows or columns, even where semicolons separate them."""
    text = '=1;"x",y\nz;=2'

    (row,) = rows(judged(hostile_evidence(text), failed=text))

    assert row["name"] == row["reason"] == '\'=1;"x",y z;=2'
    assert '"\'=1;""x"",y z;=2"' in grades_csv([judged(hostile_evidence(text))])
    assert '"a;=2"' in grades_csv([judged(hostile_evidence("a;=2"))])
