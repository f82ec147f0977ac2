"""The file for Gradescope has a row for each declared check, and exists only for a graded submission."""

from __future__ import annotations

import json
from typing import Any

from canaryproof.checks.results import SubmissionResult
from canaryproof.reports.gradescope import gradescope_json
from tests.unit.reports.hostile import ALL, BY_HAND, EVIDENCE, hostile_evidence, judged, remarkable

KEYS = {"score", "execution_time", "output", "output_format", "test_output_format", "test_name_format", "visibility"}
TEST_KEYS = {"score", "max_score", "status", "name", "number", "output", "tags", "visibility"}


def document(result: SubmissionResult) -> dict[str, Any]:
    """Return the content of the file."""
    content = gradescope_json(result)
    assert content
    found: dict[str, Any] = json.loads(content)
    return found


def test_the_file_has_the_documented_shape() -> None:
    """The keys and types are those of Gradescope's specification, and the rows add up to the score."""
    written = document(judged(EVIDENCE, failed="it did not"))

    assert written.keys() == KEYS | {"tests", "extra_data"}
    assert (written["score"], written["execution_time"]) == (3, 6.0)
    assert written["extra_data"] == {"verdict": "rejected", "outcome": "crash-loop"}
    assert all(test.keys() == TEST_KEYS for test in written["tests"])
    assert sum(test["score"] for test in written["tests"]) == written["score"]
    assert sum(test["max_score"] for test in written["tests"]) == 5
    assert [test["status"] for test in written["tests"]] == ["passed", "failed", "failed", "passed"]


def test_a_row_says_what_is_wrong_and_what_to_try() -> None:
    """A row states the fault and the advice. The row of a skipped check names the failed check that it needs."""
    _, failed, skipped, _ = document(judged(EVIDENCE, failed="it did not"))["tests"]

    assert failed["output"] == "it did not\nit did not\nTry: it did not"
    assert skipped["output"].startswith("not judged: needs canary-outcome, which failed")
    assert failed["tags"] == ["canary-outcome"]


def test_what_cannot_be_known_is_for_information() -> None:
    """The row of a check that cannot be judged has no score."""
    written = document(judged(BY_HAND, failed="it did not"))

    assert [test["tags"][0] for test in written["tests"] if "score" not in test] == ["waits"]
    assert not [test for test in written["tests"] if "score" not in test and "status" in test]
    assert sum(test.get("max_score", 0) for test in written["tests"]) == 4


def test_remarks_change_no_points() -> None:
    """The file lists remarks below the verdict and in the extra data, and no row scores them."""
    plain, written = document(judged(EVIDENCE)), document(judged(remarkable()))

    assert written["extra_data"]["remarks"] == ["program-replaced", "program-mounted", "workloads-added"]
    assert written["output"].splitlines()[1].startswith("Remarks. These are no faults")
    assert written["output"].count("\n- ") == 3
    assert {key: written[key] for key in ("score", "tests")} == {key: plain[key] for key in ("score", "tests")}


def test_an_error_gives_no_file() -> None:
    """The file is not written for an error: a zero would be a grade, and fewer rows would change the maximum."""
    assert gradescope_json(judged(EVIDENCE, error="etcd ended")) is None


def test_text_is_shown_as_text() -> None:
    """Text in the file has no effect as HTML, Markdown, colour or control sequence."""
    written = document(judged(hostile_evidence(), failed=ALL))

    formats = {written[key] for key in ("output_format", "test_output_format", "test_name_format")}
    assert formats == {"text"}
    shown = [
        *written["output"].split("\n"),
        *(line for test in written["tests"] for line in test["output"].split("\n")),
    ]
    assert all(line.isprintable() for line in shown)
