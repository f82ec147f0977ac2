"""Summarizes a class: the distribution of verdicts, outcomes and scores, and the most failed checks.  Pure module."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from statistics import median
from typing import get_args

from canaryproof.checks.remarks import codes
from canaryproof.checks.remarks.remark_sentences import TITLES
from canaryproof.checks.results import Standing, SubmissionResult

STEPS = 10
"""Parts into which scores are sorted, from none of the points to all of them."""


@dataclass(frozen=True)
class Bar:
    """The count of one category. *share* is its percentage of the submissions."""

    name: str
    count: int
    share: float
    title: str = ""


@dataclass(frozen=True)
class Overview:
    """The statistics of the whole class."""

    submissions: int
    standings: tuple[Bar, ...]
    outcomes: tuple[Bar, ...]
    failures: tuple[Bar, ...]
    """The checks that failed, by id, the most frequent first."""
    scores: tuple[Bar, ...]
    """Scores in percent of what could be won, by tenths: ``0``, ``10``, ... ``90``, and ``100`` for all of it."""
    median: float | None
    """The median of the scores given, in percent."""
    remarks: tuple[Bar, ...] = ()
    """The submissions with each remark, by its code, the most frequent first."""
    remarked: int = 0
    """The number of submissions with at least one remark."""


def overview(submissions: Sequence[SubmissionResult]) -> Overview:
    """Return the class at a glance."""
    total = len(submissions)
    standings = Counter(each.standing for each in submissions)
    titles = {each.check.id: each.check.title for result in submissions for each in result.checks}
    failed = Counter(each.check.id for result in submissions for each in result.ended("failed"))
    scores = [100 * each.score / each.max_score for each in submissions if each.score is not None and each.max_score]
    remarks = Counter(code for each in submissions for code in codes(each.remarks))
    tenths = Counter(int(score * STEPS / 100) * 100 // STEPS for score in scores)
    return Overview(
        submissions=total,
        standings=_bars(((name, standings[name]) for name in get_args(Standing)), total),
        outcomes=_bars(Counter(each.outcome for each in submissions).most_common(), total),
        failures=_bars(((id_, failed[id_]) for id_ in sorted(titles, key=lambda it: -failed[it])), total, titles),
        scores=_bars(((str(tenth), tenths[tenth]) for tenth in range(0, 101, 100 // STEPS)), total, keep=True),
        median=median(scores) if scores else None,
        remarks=_bars(remarks.most_common(), total, TITLES),
        remarked=sum(bool(each.remarks) for each in submissions),
    )


def _bars(
    counts: Iterable[tuple[str, int]], total: int, titles: Mapping[str, str] | None = None, *, keep: bool = False
) -> tuple[Bar, ...]:
    return tuple(
        Bar(name, count, 100 * count / total if total else 0.0, (titles or {}).get(name, ""))
        for name, count in counts
        if count or keep
    )
