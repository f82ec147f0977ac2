"""The file for GitHub Classroom adds up to the score, and gives no points where nothing was judged."""

from __future__ import annotations

import json
from typing import Any

from canaryproof.checks.registry import Check
from canaryproof.checks.results import Judgement, SubmissionResult, grade
from canaryproof.reports.classroom import classroom_json
from canaryproof.reports.gradescope import gradescope_json
from tests.unit.reports.hostile import ALL, EVIDENCE, judged

FRACTIONS = (
    Check("one", "One holds", points=0.5),
    Check("two", "Two holds", points=1.25),
    Check("three", "Three holds"),
)


def document(result: SubmissionResult) -> dict[str, Any]:
    """Return the content of the file."""
    found: dict[str, Any] = json.loads(classroom_json(result))
    return found


def test_the_scores_add_up() -> None:
    """The reporter adds up the scores of all tests. Its statuses are pass and fail, also for a skipped check."""
    result = judged(EVIDENCE, failed="it did not")
    written = document(result)

    assert (written["version"], written["status"], written["max_score"]) == (1, "fail", 5)
    assert sum(each["score"] for each in written["tests"]) == result.score
    assert [each["status"] for each in written["tests"]] == ["pass", "fail", "fail", "pass"]
    assert "it did not" in written["tests"][1]["message"]


def test_what_was_not_judged_gets_no_points() -> None:
    """An error has a maximum of 0, with which the reporter reports nothing, and still says what happened."""
    broken = {"one": Judgement("passed"), "two": Judgement("error", "the disk is full"), "three": Judgement("passed")}
    result = grade("Jörg 🎉", "", declared=FRACTIONS, judgements=broken, evidence=None)
    written = document(result)

    assert result.score is None
    assert (written["status"], written["max_score"]) == ("error", 0)
    assert {each["score"] for each in written["tests"]} == {0}
    assert "the disk is full" in written["tests"][1]["message"]


def test_fractions_of_points_are_kept() -> None:
    """Points may be fractions. Both graders get the same sum."""
    judgements = {"one": Judgement("passed"), "two": Judgement("passed"), "three": Judgement("failed", "no")}
    result = grade("Zoë Ω", "", declared=FRACTIONS, judgements=judgements, evidence=None)
    gradescope = json.loads(gradescope_json(result) or b"")

    assert (result.score, document(result)["max_score"]) == (1.75, 2.75)
    assert sum(each["score"] for each in document(result)["tests"]) == 1.75
    assert (gradescope["score"], sum(each["max_score"] for each in gradescope["tests"])) == (1.75, 2.75)


def test_messages_are_plain_text() -> None:
    """No text of a submission reaches the log of a workflow as a command or a control sequence."""
    messages = [each["message"] for each in document(judged(EVIDENCE, failed=ALL))["tests"]]

    assert not any("\x1b" in each or "\n::" in each or each.startswith("::") for each in messages)
