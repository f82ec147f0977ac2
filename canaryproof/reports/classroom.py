"""The file that GitHub Classroom's ``autograding-grading-reporter`` reads.  This module is pure.

The reporter adds up the scores of the tests (``src/notify-classroom.js``) and reports them unless the maximum is 0.
"""

from __future__ import annotations

from typing import Any

import msgspec

from canaryproof.checks.results import CheckResult, SubmissionResult
from canaryproof.system.progress import one_line

VERSION = 1
"""The version of the format."""
STATUSES = {"accepted": "pass", "rejected": "fail", "error": "error"}
"""The status of a submission by its verdict."""


def classroom_json(result: SubmissionResult) -> bytes:
    """Return the file. A submission without a score has a maximum of 0, so that the reporter gives no points."""
    graded = result.score is not None
    document = {
        "version": VERSION,
        "status": STATUSES[result.verdict],
        "max_score": result.max_score if graded else 0,
        "tests": [_test(each, graded=graded) for each in result.checks if each.counts],
    }
    return msgspec.json.format(msgspec.json.encode(document), indent=2) + b"\n"


def _test(result: CheckResult, *, graded: bool) -> dict[str, Any]:
    judgement = result.judgement
    hint = f"try: {judgement.hint}" if judgement.hint else ""
    status = {"passed": "pass", "error": "error"}.get(result.status, "fail" if graded else "error")
    return {
        "name": one_line(result.check.title),
        "status": status,
        "score": (result.won or 0) if graded else 0,
        "message": "\n".join(one_line(each) for each in (judgement.message, judgement.where, hint) if each),
        "test_code": result.check.id,
        "filename": "",
        "line_no": 0,
    }
