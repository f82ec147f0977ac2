"""Recordings of real canaries give the same outcome when replayed, certain at the same observation."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from canaryproof.analysis.outcome import decide
from canaryproof.model.evidence import Decision, OutcomeName
from canaryproof.timeouts import TimeLimits
from tests.corpus.catalogue import CORPUS
from tests.corpus.record import RECORDED, TIMELINES, Recorded, read

LATE = 0.3
"""The most seconds between two looks of an experiment without a change: two rounds and their duration."""
DECIDED_OTHERWISE: frozenset[OutcomeName] = frozenset({"no-canary", "ambiguous", "broken-chart", "unsafe-chart"})
"""The outcomes that need no timeline."""


def moments(recorded: Recorded) -> Iterator[float]:
    """Yield the times at which an experiment looked: after every observation, and at regular intervals."""
    first, last = recorded.upgraded_at, recorded.decision.at
    assert last is not None
    ticks = (
        first + number * TimeLimits().look_again for number in range(int((last - first) / TimeLimits().look_again) + 2)
    )
    seen = (each.at for each in recorded.timeline.observations if each.at >= first)
    yield from sorted({first, *seen, *ticks, last})


def replayed(recorded: Recorded) -> Decision:
    """Return the first decision."""
    looks = (
        decide(recorded.timeline, recorded.canary, recorded.upgraded_at, now, TimeLimits()) for now in moments(recorded)
    )
    return next(decision for decision in looks if decision)


@pytest.mark.parametrize("name", RECORDED)
def test_a_recorded_canary_meets_its_fate_again(name: str) -> None:
    """A replayed canary gets the run's outcome, made certain by the same observation or by the end of the time."""
    recorded = read(TIMELINES / f"{name}.json.gz")

    decision = replayed(recorded)

    assert decision.outcome == recorded.decision.outcome == CORPUS[name].outcome
    assert decision.proven_at == pytest.approx(recorded.decision.proven_at, abs=LATE)
    assert decision.proof == recorded.decision.proof
    assert decision.at == pytest.approx(recorded.decision.at, abs=LATE)


def test_every_recording_is_replayed() -> None:
    """Every recording file is replayed."""
    assert {file.name for file in TIMELINES.iterdir()} == {f"{name}.json.gz" for name in RECORDED}
