"""Experiments at work are few; those that wait stand aside, and go on before others begin."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor

import pytest

from canaryproof.errors import InfrastructureError
from canaryproof.experiment.slots import Places
from canaryproof.system.wait import Ticks, wait_for
from canaryproof.timeouts import TimeLimits

SOON = 5.0
QUICK = TimeLimits(look_again=0.01, place=SOON)


class Log:
    """What happened, in order."""

    def __init__(self) -> None:
        self.lines: list[str] = []

    def has(self, line: str) -> None:
        """Wait for a line."""
        wait_for(
            line, lambda: line in self.lines or None, within=SOON, changes=Ticks(0.005), seen=lambda: f"{self.lines}"
        )


@pytest.fixture
def log() -> Log:
    """An empty log."""
    return Log()


def at_work(places: Places, log: Log, name: str, *steps: Callable[[], object]) -> None:
    """Take a place, and go through steps between which the place is left and taken again."""
    with places.place() as place:
        log.lines.append(f"{name} begins")
        for step in steps:
            place.leave()
            step()
            place.take()
            log.lines.append(f"{name} goes on")
    log.lines.append(f"{name} ends")


def test_no_more_are_at_work_than_there_are_places(log: Log) -> None:
    """The second begins when the first has ended, however it ends."""
    places, ended = Places(1, durations=QUICK), threading.Event()

    def fail() -> None:
        with places.place():
            log.lines.append("first begins")
            ended.wait(SOON)
            raise ValueError

    with ThreadPoolExecutor() as pool:
        first = pool.submit(fail)
        log.has("first begins")
        second = pool.submit(at_work, places, log, "second")
        Ticks(0.05).wait(1)
        begun = "second begins" in log.lines
        ended.set()
        second.result(SOON)

    assert isinstance(first.exception(), ValueError)
    assert not begun


def test_who_only_waits_lets_another_work_and_goes_on_before_others_begin(log: Log) -> None:
    """A place that was left is taken by who comes next; back from waiting, one need not stand in line again."""
    places = Places(1, durations=QUICK)
    over = {name: threading.Event() for name in ("slow", "quick", "late")}

    with ThreadPoolExecutor() as pool:
        slow = pool.submit(at_work, places, log, "slow", lambda: over["slow"].wait(SOON))
        log.has("slow begins")

        def hold(name: str) -> Future[None]:
            return pool.submit(lambda: holding(places, log, name, over[name]))

        quick = hold("quick")
        log.has("quick begins")
        late = hold("late")
        Ticks(0.05).wait(1)
        over["slow"].set()
        Ticks(0.05).wait(1)
        over["quick"].set()
        log.has("slow ends")
        over["late"].set()
        for each in (slow, quick, late):
            each.result(SOON)

    assert log.lines.index("slow goes on") < log.lines.index("late begins")


def test_who_is_in_no_hurry_lets_all_pass_that_begin(log: Log) -> None:
    """Also those that begin while it waits, so that what may take long is under way by then."""
    places = Places(1, durations=QUICK)
    over = {name: threading.Event() for name in ("unhurried", "second")}

    def unhurried() -> None:
        with places.place() as place:
            log.lines.append("unhurried begins")
            over["unhurried"].wait(SOON)
            place.let_pass()
            log.lines.append("unhurried goes on")

    with ThreadPoolExecutor() as pool:
        first = pool.submit(unhurried)
        log.has("unhurried begins")
        second = pool.submit(lambda: holding(places, log, "second", over["second"]))
        Ticks(0.05).wait(1)
        over["unhurried"].set()
        log.has("second begins")
        third = pool.submit(at_work, places, log, "third")
        Ticks(0.05).wait(1)
        over["second"].set()
        for each in (first, second, third):
            each.result(SOON)

    assert log.lines.index("unhurried goes on") > log.lines.index("third ends")


def test_who_goes_ahead_has_the_next_place(log: Log) -> None:
    """It need not wait for those that asked before it."""
    places = Places(1, durations=QUICK)

    def ahead() -> None:
        with places.place(ahead=True):
            log.lines.append("ahead begins")

    with ThreadPoolExecutor() as pool:
        with places.place():
            second = pool.submit(at_work, places, log, "second")
            Ticks(0.05).wait(1)
            last = pool.submit(ahead)
            Ticks(0.05).wait(1)
        for each in (second, last):
            each.result(SOON)

    assert log.lines[0] == "ahead begins"


def test_without_others_who_lets_them_pass_goes_on_at_once(log: Log) -> None:
    """A submission on its own waits for nobody."""
    places = Places(1, durations=QUICK)
    with places.place() as place:
        place.let_pass()
        with ThreadPoolExecutor() as pool:
            second = pool.submit(at_work, places, log, "second")
            Ticks(0.05).wait(1)
            assert not second.done()  # the place is held again


def holding(places: Places, log: Log, name: str, until: threading.Event) -> None:
    """Work until an event."""
    with places.place():
        log.lines.append(f"{name} begins")
        until.wait(SOON)


def test_a_doomed_run_waits_for_no_place() -> None:
    """What waits for a place when the cluster fails ends at once, with the reason."""
    doom: list[str] = []
    places = Places(1, doomed=lambda: doom[0] if doom else None, durations=QUICK)

    with ThreadPoolExecutor() as pool, places.place():
        second = pool.submit(at_work, places, Log(), "second")
        Ticks(0.05).wait(1)
        doom.append("etcd ended")

        with pytest.raises(InfrastructureError, match="etcd ended"):
            second.result(SOON)
    with places.place():
        pass  # what gave up stands in nobody's way


def test_a_place_is_left_once() -> None:
    """Leaving it twice lets in one, not two."""
    places = Places(1, durations=QUICK)
    with places.place() as place:
        place.leave()
        place.leave()
        with places.place(), ThreadPoolExecutor() as pool:
            third = pool.submit(at_work, places, Log(), "third")
            Ticks(0.05).wait(1)
            assert not third.done()
