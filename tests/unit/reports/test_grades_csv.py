"""Grades for a spreadsheet: numbers that can be added up, text that calculates nothing."""

from __future__ import annotations

import csv

import pytest

from canaryproof.checks.results import SubmissionResult
from canaryproof.reports.grades_csv import cell, grades_csv
from tests.unit.reports.hostile import BY_HAND, EVIDENCE, hostile_evidence, judged, remarkable


def rows(*submissions: SubmissionResult) -> list[dict[str, str]]:
    """Return the rows by the names of their columns, as a program reads them."""
    return list(csv.DictReader(grades_csv(submissions).splitlines(keepends=True)))


def test_a_row_has_the_verdict_and_the_points_of_each_check() -> None:
    """Partial credit is what the checks brought; what was skipped brought nothing."""
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
    """By their codes, so that a spreadsheet filters by them; the columns before are as they were."""
    (row,) = rows(judged(remarkable()))

    assert list(row)[-1] == "remarks"
    assert row["remarks"] == "program-replaced, program-mounted, workloads-added"
    assert (row["verdict"], row["score"]) == ("accepted", "5")


def test_an_error_is_no_grade() -> None:
    """An empty score, never 0: a spreadsheet counts one and not the other."""
    (row,) = rows(judged(EVIDENCE, error="etcd ended"))

    assert (row["verdict"], row["score"], row["max_score"], row["breaks"]) == ("error", "", "5", "")


def test_what_cannot_be_known_is_neither_won_nor_lost() -> None:
    """Its cell is empty, and it counts for nothing."""
    (row,) = rows(judged(BY_HAND, failed="it did not"))

    assert (row["waits"], row["score"], row["max_score"]) == ("", "3", "4")


@pytest.mark.parametrize(
    "formula",
    ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r\n=1", " =1", "\N{FULLWIDTH EQUALS SIGN}1", "\x00=1"],
)
def test_no_text_is_a_formula(formula: str) -> None:
    """What a spreadsheet would calculate begins with an apostrophe, whatever stands before it."""
    assert str(cell(formula)).startswith("'")


def test_hostile_text_stays_in_its_cell() -> None:
    """It makes neither rows nor columns, not even where semicolons part them."""
    text = '=1;"x",y\nz;=2'

    (row,) = rows(judged(hostile_evidence(text), failed=text))

    assert row["name"] == row["reason"] == '\'=1;"x",y z;=2'
    assert '"\'=1;""x"",y z;=2"' in grades_csv([judged(hostile_evidence(text))])
    assert '"a;=2"' in grades_csv([judged(hostile_evidence("a;=2"))])
