"""A wait ends at once when it can, and its timeout states the last observation."""

from __future__ import annotations

import threading
from collections.abc import Callable
from time import monotonic

import pytest

from canaryproof.errors import WaitError
from canaryproof.system.wait import Signal, Ticks, wait_for

LONG = 5
"""The seconds that a test waits before it fails."""


class FakeTime:
    """A clock, and changes that occur only as time passes."""

    def __init__(self) -> None:
        self.now = 0.0

    def monotonic(self) -> float:
        return self.now

    def wait(self, seconds: float) -> None:
        self.now += min(1.0, seconds)


@pytest.fixture
def time() -> FakeTime:
    """A clock that advances only during waits."""
    return FakeTime()


def test_what_is_there_already_costs_no_time(time: FakeTime) -> None:
    """A result at the first look is returned without a wait."""
    found = wait_for("a thing", lambda: "found", within=5, changes=time, clock=time)

    assert (found, time.now) == ("found", 0)


def test_falsy_finds_count(time: FakeTime) -> None:
    """A falsy result counts. Only None means no result."""
    assert wait_for("a number", lambda: 0, within=5, changes=time, clock=time) == 0


def test_a_doomed_wait_ends_early_with_its_reason(time: FakeTime) -> None:
    """A wait ends early with the reason if the run has failed."""
    reasons = iter([None, None, "the pod was deleted"])

    with pytest.raises(WaitError, match="gave up on a ready pod: the pod was deleted; last seen: Pending"):
        wait_for(
            "a ready pod",
            lambda: None,
            within=60,
            changes=time,
            doomed=lambda: next(reasons),
            seen=lambda: "Pending",
            clock=time,
        )

    assert time.now == 2


def test_a_time_out_says_what_was_seen_last(time: FakeTime) -> None:
    """The timeout's message states the last observation."""
    with pytest.raises(WaitError, match="no ready pod within 3 s; last seen: CrashLoopBackOff"):
        wait_for("ready pod", lambda: None, within=3, changes=time, seen=lambda: "CrashLoopBackOff", clock=time)

    assert time.now == 3


def test_the_last_look_comes_after_the_last_change(time: FakeTime) -> None:
    """A result of the last change before the deadline is found."""
    assert wait_for("late", lambda: time.now >= 3 or None, within=3, changes=time, clock=time)


def test_an_announcement_between_two_looks_is_not_missed() -> None:
    """A signal before the wait ends that wait at once, and no later one."""
    signal = Signal()
    signal.announce()

    assert _seconds_of(signal.wait, LONG) < LONG
    assert _seconds_of(signal.wait, 0.02) >= 0.02


def test_an_announcement_ends_a_wait_under_way() -> None:
    """A signal of another thread makes the wait look again at once."""
    signal, found = Signal(), threading.Event()
    threading.Timer(0.02, lambda: _tell(found, signal)).start()

    began = monotonic()
    assert wait_for("news", lambda: found.is_set() or None, within=LONG, changes=signal)
    assert monotonic() - began < LONG


@pytest.mark.parametrize("left", [0.02, 0, -1])
def test_ticks_never_sleep_past_the_deadline(left: float) -> None:
    """The last tick is only as long as the remaining time, which may be zero."""
    assert max(0, left) <= _seconds_of(Ticks(every=LONG).wait, left) < LONG


def _seconds_of(wait: Callable[[float], None], limit: float) -> float:
    """Return the duration of *wait* with a limit of *limit* seconds."""
    began = monotonic()
    wait(limit)
    return monotonic() - began


def _tell(found: threading.Event, signal: Signal) -> None:
    found.set()
    signal.announce()
