"""``summary.md``: the class on one page of Markdown, such as a CI system shows beside a run.  This module is pure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from canaryproof.checks.remarks import codes
from canaryproof.checks.results import RunResults, SubmissionResult
from canaryproof.reports.class_stats import Overview, overview
from canaryproof.reports.markdown import text
from canaryproof.system.progress import cut

LIMIT = 1024 * 1024
"""Bytes of the summary of one step that GitHub Actions takes; it shows nothing of a longer one."""
REASON = 300
"""Columns of a reason."""
ORDER = ("error", "incomplete", "rejected", "accepted")
TABLE = "| submission | verdict | score | outcome | reason |\n|---|---|---|---|---|\n"


def summary_md(results: RunResults, *, scenario: str, limit: int = LIMIT) -> str:
    """Return the summary in at most *limit* bytes.

    Rows that do not fit are only counted.  If not even the count fits, the summary is empty.
    """
    seen = overview(results.submissions)
    head = "\n\n".join((f"## {text(scenario)}", _counts(seen), *_remarks(seen), *_failures(seen), TABLE))
    rows = [_row(each) for each in sorted(results.submissions, key=lambda each: ORDER.index(each.standing))]
    whole = head + "".join(rows)
    if len(whole.encode()) <= limit:
        return whole
    return _shortened(head, rows, limit)


def _shortened(head: str, rows: Sequence[str], limit: int) -> str:
    room = limit - len(head.encode()) - len(_more(len(rows)).encode())
    kept = 0
    while kept < len(rows) and (room := room - len(rows[kept].encode())) >= 0:
        kept += 1
    short = head + "".join(rows[:kept]) + _more(len(rows) - kept)
    return short if len(short.encode()) <= limit else ""


def _more(count: int) -> str:
    return f"\n{count} more submissions have no room here; the reports have them all.\n"


def _counts(seen: Overview) -> str:
    counts = ", ".join(f"**{bar.count} {bar.name}**" for bar in seen.standings)
    middle = "" if seen.median is None else f"; median score {seen.median:.0f} %"
    return f"{seen.submissions} submission{'' if seen.submissions == 1 else 's'}: {counts}{middle}."


def _failures(seen: Overview) -> Iterator[str]:
    if seen.failures:
        rows = "\n".join(f"| {text(bar.name)} | {text(bar.title)} | {bar.count} |" for bar in seen.failures)
        yield f"| check | what does not hold | failed |\n|---|---|---|\n{rows}"


def _remarks(seen: Overview) -> Iterator[str]:
    if seen.remarks:
        counts = ", ".join(f"{bar.name} ({bar.count})" for bar in seen.remarks)
        yield (
            f"{seen.remarked} of them {'has' if seen.remarked == 1 else 'have'} remarks, which change no points:"
            f" {counts}."
        )


def _row(result: SubmissionResult) -> str:
    score = "" if result.score is None else f"{result.score:g} of {result.max_score:g}"
    reason = "" if result.standing == "accepted" else text(cut(result.reason, REASON))
    if result.remarks:
        remarks = f"remarks: {', '.join(codes(result.remarks))}"
        reason = f"{reason} ({remarks})" if reason else remarks
    return f"| {text(result.name)} | {result.standing} | {score} | {result.outcome} | {reason} |\n"
