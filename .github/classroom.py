"""Prints the results of a run as the output ``result`` of a grader of GitHub Classroom's autograding.

``action.yml`` runs this program. The grading reporter of GitHub Classroom (``autograding-grading-reporter``) reads the
output: Base64 of a JSON object with a status, the points that can be won, and a list of tests with their scores. The
reporter adds up the scores of the tests. It reports no points for an object without ``max_score``.
"""

from __future__ import annotations

import base64
import json
import sys
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

STATUS = {"accepted": "pass", "rejected": "fail"}
"""The status of a run by its worst verdict. An infrastructure fault is an error."""


def graded(submissions: Iterable[Mapping[str, Any]]) -> dict[str, Any]:
    """Return the object for *submissions*, rows of ``results.json``.

    After an infrastructure fault there are no points, so that nobody gets 0 points for it.
    """
    rows = list(submissions)
    verdicts = {row["verdict"] for row in rows}
    if not rows or verdicts - STATUS.keys():
        faults = [_test(row["name"], "error", row["reason"]) for row in rows if row["verdict"] not in STATUS]
        nothing = _test("canaryproof", "error", "there is no result")
        return {"version": 1, "status": "error", "tests": faults or [nothing]}
    return {
        "version": 1,
        "status": STATUS["rejected" if "rejected" in verdicts else "accepted"],
        "max_score": sum(row["max_score"] for row in rows),
        "tests": [test for row in rows for test in _tests(row, alone=len(rows) == 1)],
    }


def _tests(row: Mapping[str, Any], *, alone: bool) -> Iterable[dict[str, Any]]:
    for check in row["checks"]:
        passed = check["status"] == "passed"
        name = check["title"] if alone else f"{row['name']}: {check['title']}"
        yield _test(name, "pass" if passed else "fail", check["message"], check["points"] if passed else 0)


def _test(name: str, status: str, message: str, score: float = 0) -> dict[str, Any]:
    return {"name": name, "status": status, "score": score, "message": message, "line_no": 0, "duration": 0}


def main(results: str) -> None:
    """Print the line for ``GITHUB_OUTPUT``."""
    rows = json.loads(Path(results).read_text(encoding="utf-8"))["submissions"]
    encoded = base64.b64encode(json.dumps(graded(rows)).encode()).decode()
    sys.stdout.write(f"result={encoded}\n")


if __name__ == "__main__":
    main(*sys.argv[1:])
