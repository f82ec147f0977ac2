"""Gradescope's ``results.json`` (Gradescope, "Autograder Specifications").  This module is pure.

One row for each check that is declared, always, so that the points that can be won stay the same for everybody.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import msgspec

from canaryproof.checks.remarks import NOTE, codes
from canaryproof.checks.results import CheckResult, SubmissionResult
from canaryproof.system.progress import one_line

TEXT = "text"
"""Gradescope shows such fields as they are: no HTML, no Markdown, no colours."""


def gradescope_json(result: SubmissionResult) -> bytes | None:
    """Return the file; None where there is no score to give.

    Gradescope takes a file without scores for a broken one and a zero for a grade, and says of a missing file that the
    autograder failed: that is what happened.
    """
    if result.score is None:
        return None
    document = {
        "score": result.score,
        "execution_time": result.timings.total,
        "output": "\n".join((f"{result.standing}: {one_line(result.reason)}", *_remarks(result))),
        "output_format": TEXT,
        "test_output_format": TEXT,
        "test_name_format": TEXT,
        "visibility": "visible",
        "tests": [_test(number, each) for number, each in enumerate(result.checks, 1)],
        "extra_data": {
            "verdict": result.verdict,
            "outcome": result.outcome,
            **({"remarks": codes(result.remarks)} if result.remarks else {}),
        },
    }
    return msgspec.json.format(msgspec.json.encode(document), indent=2) + b"\n"


def _remarks(result: SubmissionResult) -> Iterator[str]:
    """Yield the remarks as lines of their own; nothing where there are none."""
    if result.remarks:
        yield f"Remarks. {NOTE}"
        yield from (f"- {each.message}." for each in result.remarks)


def _score(result: CheckResult) -> dict[str, Any]:
    status = "passed" if result.status == "passed" else "failed"
    return {"score": result.won, "max_score": result.check.points, "status": status}


def _test(number: int, result: CheckResult) -> dict[str, Any]:
    judgement = result.judgement
    hint = f"Try: {one_line(judgement.hint)}" if judgement.hint else ""
    said = (one_line(judgement.message), one_line(judgement.where), hint)
    return {
        **(_score(result) if result.counts else {}),  # a row without is for information
        "name": one_line(result.check.title),
        "number": str(number),
        "output": "\n".join(
            filter(None, (f"not judged: {said[0]}" if result.status == "skipped" else said[0], *said[1:]))
        ),
        "tags": [result.check.id],
        "visibility": "visible",
    }
