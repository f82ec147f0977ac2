"""The feedback for a student states the cause first, then the advice."""

from __future__ import annotations

from canaryproof.model.evidence import Evidence
from canaryproof.reports.feedback import feedback_md
from tests.unit.reports.hostile import ALL, EVIDENCE, hostile_evidence, judged, remarkable


def feedback(evidence: Evidence | None = EVIDENCE, *, failed: str = "", error: str = "") -> list[str]:
    """Return the lines of the feedback."""
    return feedback_md(judged(evidence, failed=failed, error=error), evidence, scenario="Releases").splitlines()


def test_a_rejection_begins_with_the_cause() -> None:
    """The feedback of a rejection states the failure, its place and the advice.

    The timeline and every check follow.
    """
    lines = feedback(failed="it did not")

    assert lines[0] == "# shop: rejected, 3 of 5 points"
    assert lines[4:8] == ["## What to do", "", "1. **It crash-loops.** it did not  ", "   Look at `it did not`.  "]
    assert lines[8] == "   Try: it did not"
    headings = [line for line in lines if line.startswith("## ")]
    assert headings == ["## What to do", "## What the canary said", "## What happened", "## The checks"]
    assert "| It waits | skipped (needs canary-outcome, which failed it did not) | 0 of 1 |" in lines
    assert "| It passes | passed | 2 of 2 |" in lines


def test_remarks_are_neutral() -> None:
    """The feedback lists remarks after the required changes, and states that they change no points."""
    lines = feedback(remarkable(), failed="it did not")

    place = lines.index("## Remarks")
    assert lines.index("## What to do") < place < lines.index("## What the canary said")
    assert "no faults, and they change neither the verdict nor the points" in lines[place + 2]
    assert lines[place + 4].startswith("- container false starts a program that the chart chooses")
    assert len([line for line in lines[place:] if line.startswith("- ") and line.endswith(".")]) == 3
    assert "## Remarks" not in feedback()


def test_the_last_words_of_the_canary_are_quoted() -> None:
    """The feedback quotes the last log lines of the canary as a code block."""
    lines = feedback(failed="it did not")

    place = lines.index("```text")
    assert lines[place : place + 4] == ["```text", "starting", "  bad flag", "```"]


def test_what_happened_is_told_in_order() -> None:
    """The feedback lists the events of the experiment in order, each with its time."""
    moments = [line for line in feedback() if line.startswith("- ")]

    assert moments[0] == "- 0.1 s: the chart is rendered; Helm installs the stable chart as revision 1"
    assert "- 3.5 s: the canary's outcome is certain: crash-loop" in moments


def test_an_acceptance_says_so() -> None:
    """The feedback of an acceptance lists no changes to make, and shows the timeline."""
    lines = feedback()

    assert lines[0] == "# shop: accepted, 5 of 5 points"
    assert "Every check holds." in lines
    assert "## What to do" not in lines


def test_an_error_blames_nobody() -> None:
    """The feedback of an error states the reason, and that no points were given or lost."""
    lines = feedback(error="etcd ended")

    assert lines[0] == "# shop: error, no points given"
    assert any(line.startswith("This submission could not be judged, and it is not at fault") for line in lines)
    assert "etcd ended" in lines
    assert "| It breaks | error |  |" in lines


def test_without_evidence_there_are_the_checks() -> None:
    """The feedback of a submission without evidence lists the checks."""
    assert "## What happened" not in feedback(None, error="no cluster")


def test_hostile_text_makes_no_markup() -> None:
    """Hostile text creates no tag, link, image, mention or extra line outside of code."""
    lines = feedback(hostile_evidence(), failed=ALL)

    fence = next(line for line in lines if line.startswith("`````"))
    inside, outside = False, []
    for line in lines:
        inside ^= line in {fence, fence.removesuffix("text")}
        outside += [] if inside or "`````" in line else [line]
    text = "\n".join(outside)
    assert "<script" not in text.replace("\\<", "")
    assert "](" not in text.replace("\\]", "")
    assert "@all" not in text
    assert "://" not in text
    assert [line for line in outside if line.startswith("#")] == [
        next(line for line in lines if line.startswith("# ")),
        *("## What to do", "## Remarks", "## What the canary said", "## What happened", "## The checks"),
    ]
