"""The summary for a CI system shows errors first, and stays within the CI system's size limit."""

from __future__ import annotations

from dataclasses import replace

from canaryproof.checks.results import RunResults, SubmissionResult
from canaryproof.reports.summary import LIMIT, summary_md
from tests.unit.reports.hostile import ALL, EVIDENCE, hostile_evidence, judged, remarkable


def summary(*submissions: SubmissionResult, limit: int = LIMIT) -> list[str]:
    """Return the lines of the summary."""
    run = RunResults("2026-01-02T03:04:05+00:00", 12.3, EVIDENCE.setting, submissions)
    return summary_md(run, scenario="Releases", limit=limit).splitlines()


GOOD, BAD, ILL = judged(EVIDENCE), judged(EVIDENCE, failed="it did not"), judged(EVIDENCE, error="etcd ended")


def test_the_class_is_counted() -> None:
    """The summary has the counts of the verdicts, the median score and the most frequent failure."""
    lines = summary(GOOD, BAD, ILL)

    assert lines[:3] == [
        "## Releases",
        "",
        "3 submissions: **1 accepted**, **1 rejected**, **1 error**; median score 80 %.",
    ]
    assert "| canary-outcome | It crash-loops | 1 |" in lines


def test_what_needs_looking_at_comes_first() -> None:
    """The summary lists errors first, then rejections with their reasons, then the rest. An error has no score."""
    rows = [line for line in summary(GOOD, BAD, ILL) if line.startswith("| shop")]

    assert rows == [
        "| shop | error |  | crash-loop | etcd ended |",
        "| shop | rejected | 3 of 5 | crash-loop | it did not |",
        "| shop | accepted | 5 of 5 | crash-loop |  |",
    ]


def test_remarks_are_counted_and_named() -> None:
    """The summary counts the remarks of the class and lists the codes of each submission.

    It has no such lines without remarks.
    """
    lines = summary(GOOD, judged(remarkable()), judged(remarkable(), failed="it did not"))

    codes = "program-replaced, program-mounted, workloads-added"
    counts = codes.replace(",", " (2),") + " (2)"
    assert f"2 of them have remarks, which change no points: {counts}." in lines
    assert f"| shop | accepted | 5 of 5 | crash-loop | remarks: {codes} |" in lines
    assert f"| shop | rejected | 3 of 5 | crash-loop | it did not (remarks: {codes}) |" in lines
    assert "remark" not in "\n".join(summary(GOOD, BAD, ILL))


def test_a_summary_stays_within_its_limit() -> None:
    """The summary stays within its limit in bytes, cuts no line, and counts what it omits."""
    class_of_many = [judged(replace(EVIDENCE, name=f"é-{number}"), failed="it did not") for number in range(100)]

    lines = summary(*class_of_many, limit=2000)

    assert len("\n".join(lines).encode()) < 2000
    shown = sum(line.startswith("| é") for line in lines)
    assert lines[-1] == f"{100 - shown} more submissions have no room here; the reports have them all."
    assert shown > 10
    assert summary(*class_of_many, limit=50) == []
    assert len([line for line in summary(*class_of_many) if line.startswith("| é")]) == 100


def test_hostile_text_stays_in_its_cell() -> None:
    """Hostile text in a submission leaves it a single row of five cells."""
    lines = summary(judged(hostile_evidence(), failed=ALL))

    (row,) = [line for line in lines if "rejected | 3 of 5" in line]
    assert row.replace("\\|", "").count("|") == 6
    assert "@all" not in row
    assert "<" not in row.replace("\\<", "")
