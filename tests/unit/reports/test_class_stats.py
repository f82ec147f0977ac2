"""The statistics of a class are correct."""

from __future__ import annotations

from canaryproof.reports.class_stats import overview
from tests.unit.reports.hostile import EVIDENCE, judged

GOOD, BAD, ILL = judged(EVIDENCE), judged(EVIDENCE, failed="it did not"), judged(EVIDENCE, error="etcd ended")


def test_verdicts_outcomes_and_failures_are_counted() -> None:
    """The statistics count the verdicts, outcomes and failures that occur, most frequent first, with their share."""
    seen = overview([GOOD, BAD, BAD, ILL])

    assert [(bar.name, bar.count, bar.share) for bar in seen.standings] == [
        ("accepted", 1, 25),
        ("rejected", 2, 50),
        ("error", 1, 25),
    ]
    assert [(bar.name, bar.count) for bar in seen.outcomes] == [("crash-loop", 4)]
    assert [(bar.name, bar.title, bar.count) for bar in seen.failures] == [("canary-outcome", "It crash-loops", 2)]


def test_scores_are_those_that_were_given() -> None:
    """The score distribution leaves out errors instead of counting them as zero. Full points have their own step."""
    seen = overview([GOOD, BAD, BAD, ILL])

    assert {bar.name: bar.count for bar in seen.scores if bar.count} == {"60": 2, "100": 1}
    assert len(seen.scores) == 11
    assert seen.median == 60


def test_nobody_was_judged() -> None:
    """The statistics have no median if no submission has a score."""
    assert overview([ILL]).median is None
    assert overview([]).submissions == 0
