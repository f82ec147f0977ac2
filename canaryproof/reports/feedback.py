"""Renders ``feedback/<name>.md``, the feedback for a student: first the cause, then hints.  This module is pure."""

from __future__ import annotations

from collections.abc import Iterator

from canaryproof.checks.remarks import NOTE
from canaryproof.checks.results import CheckResult, SubmissionResult
from canaryproof.model.evidence import Evidence
from canaryproof.reports.chronology import moments
from canaryproof.reports.markdown import block, code, text

LOG_LINES = 15
"""The number of log lines of the ended run of the canary that are shown."""


def feedback_md(result: SubmissionResult, evidence: Evidence | None, *, scenario: str) -> str:
    """Return the feedback on one submission."""
    return "\n\n".join((_title(result), text(scenario), *_body(result, evidence))) + "\n"


def _title(result: SubmissionResult) -> str:
    points = "no points given" if result.score is None else f"{result.score:g} of {result.max_score:g} points"
    return f"# {text(result.name)}: {result.standing}, {points}"


def _body(result: SubmissionResult, evidence: Evidence | None) -> Iterator[str]:
    failed = result.ended("failed")
    if result.note:
        yield result.note
    if not failed and result.reason:
        yield text(result.reason)
    if failed:
        yield "## What to do"
        yield "\n".join(_fault(number, each) for number, each in enumerate(failed, 1))
    if result.remarks:
        yield "## Remarks"
        yield NOTE
        yield "\n".join(f"- {text(each.message)}." for each in result.remarks)
    if evidence:
        yield from _last_words(evidence)
        yield from _happened(evidence)
    yield "## The checks"
    yield "\n".join(("| check | result | points |", "|---|---|---|", *map(_row, result.checks)))


def _fault(number: int, result: CheckResult) -> str:
    judgement, indent = result.judgement, " " * (len(str(number)) + 2)
    said = [f"{number}. **{text(result.check.title)}.** {text(judgement.message)}"]
    if judgement.where:
        said.append(f"{indent}Look at {code(judgement.where)}.")
    if judgement.hint:
        said.append(f"{indent}Try: {text(judgement.hint)}")
    return "  \n".join(said)  # two spaces break a line within a paragraph


def _last_words(evidence: Evidence) -> Iterator[str]:
    logs = sorted(evidence.logs, key=lambda log: not log.previous)
    for log in logs[:1]:
        yield "## What the canary said"
        yield f"The end of the log of container {code(log.container)}:"
        yield block(log.text.splitlines()[-LOG_LINES:])


def _happened(evidence: Evidence) -> Iterator[str]:
    if mattered := moments(evidence):
        yield "## What happened"
        yield "\n".join(f"- {moment.at:.1f} s: {text(moment.said)}" for moment in mattered)


def _row(result: CheckResult) -> str:
    status = result.status if result.was_run else "not run"
    why = f" ({text(result.judgement.message)})" if result.status == "skipped" and result.was_run else ""
    won = "" if result.won is None else f"{result.won:g} of {result.check.points:g}"
    return f"| {text(result.check.title)} | {status}{why} | {won} |"
