"""The slots limit the experiments at work. A waiting one lends its slot, and continues before others begin."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor

import pytest

from canaryproof.errors import InfrastructureError
from canaryproof.experiment.slots import Slots
from canaryproof.system.wait import Ticks, wait_for
from canaryproof.timeouts import TimeLimits

SOON = 5.0
QUICK = TimeLimits(look_again=0.01, place=SOON)


def alive() -> str | None:
    """Return that the run continues."""
    return None


class Log:
    """The events in order."""

    def __init__(self) -> None:
        self.lines: list[str] = []

    def has(self, line: str) -> None:
        """Wait for an event."""
        wait_for(
            line, lambda: line in self.lines or None, within=SOON, changes=Ticks(0.005), seen=lambda: f"{self.lines}"
        )


@pytest.fixture
def log() -> Log:
    """An empty log."""
    return Log()


def at_work(slots: Slots, log: Log, name: str, *steps: Callable[[], object]) -> None:
    """Take a slot, and go through steps between which the slot is lent."""
    with slots.hold() as slot:
        log.lines.append(f"{name} begins")
        for step in steps:
            slot.release()
            step()
            slot.take()
            log.lines.append(f"{name} goes on")
    log.lines.append(f"{name} ends")


def test_no_more_are_at_work_than_there_are_slots(log: Log) -> None:
    """The slots are never exceeded. The second experiment starts when the first has ended, also by an exception."""
    slots, ended = Slots(1, QUICK, alive), threading.Event()

    def fail() -> None:
        with slots.hold():
            log.lines.append("first begins")
            ended.wait(SOON)
            raise ValueError

    with ThreadPoolExecutor() as pool:
        first = pool.submit(fail)
        log.has("first begins")
        second = pool.submit(at_work, slots, log, "second")
        Ticks(0.05).wait(1)
        begun = "second begins" in log.lines
        ended.set()
        second.result(SOON)

    assert isinstance(first.exception(), ValueError)
    assert not begun


def test_who_only_waits_lets_another_work_and_goes_on_before_others_begin(log: Log) -> None:
    """A lent slot goes to the next experiment, and the lender continues before others begin."""
    slots = Slots(1, QUICK, alive)
    over = {name: threading.Event() for name in ("slow", "quick", "late")}

    with ThreadPoolExecutor() as pool:
        slow = pool.submit(at_work, slots, log, "slow", lambda: over["slow"].wait(SOON))
        log.has("slow begins")

        def hold(name: str) -> Future[None]:
            return pool.submit(lambda: holding(slots, log, name, over[name]))

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
    """An experiment that is not urgent lets all others begin first, including later ones.

    Slow experiments are therefore under way early.
    """
    slots = Slots(1, QUICK, alive)
    over = {name: threading.Event() for name in ("unhurried", "second")}

    def unhurried() -> None:
        with slots.hold() as slot:
            log.lines.append("unhurried begins")
            over["unhurried"].wait(SOON)
            slot.let_pass()
            log.lines.append("unhurried goes on")

    with ThreadPoolExecutor() as pool:
        first = pool.submit(unhurried)
        log.has("unhurried begins")
        second = pool.submit(lambda: holding(slots, log, "second", over["second"]))
        Ticks(0.05).wait(1)
        over["unhurried"].set()
        log.has("second begins")
        third = pool.submit(at_work, slots, log, "third")
        Ticks(0.05).wait(1)
        over["second"].set()
        for each in (first, second, third):
            each.result(SOON)

    assert log.lines.index("unhurried goes on") > log.lines.index("third ends")


def test_who_goes_ahead_has_the_next_place(log: Log) -> None:
    """An experiment that goes ahead takes the next slot before those that asked earlier."""
    slots = Slots(1, QUICK, alive)

    def ahead() -> None:
        with slots.hold(ahead=True):
            log.lines.append("ahead begins")

    with ThreadPoolExecutor() as pool:
        with slots.hold():
            second = pool.submit(at_work, slots, log, "second")
            Ticks(0.05).wait(1)
            last = pool.submit(ahead)
            Ticks(0.05).wait(1)
        for each in (second, last):
            each.result(SOON)

    assert log.lines[0] == "ahead begins"


def test_without_others_who_lets_them_pass_goes_on_at_once(log: Log) -> None:
    """An experiment that lets others pass continues at once if there are none."""
    slots = Slots(1, QUICK, alive)
    with slots.hold() as slot:
        slot.let_pass()
        with ThreadPoolExecutor() as pool:
            second = pool.submit(at_work, slots, log, "second")
            Ticks(0.05).wait(1)
            assert not second.done()  # this thread holds the slot again


def holding(slots: Slots, log: Log, name: str, until: threading.Event) -> None:
    """Work until the event."""
    with slots.hold():
        log.lines.append(f"{name} begins")
        until.wait(SOON)


def test_a_doomed_run_waits_for_no_place() -> None:
    """An experiment that waits for a slot ends at once with the reason when the cluster fails."""
    doom: list[str] = []
    slots = Slots(1, QUICK, lambda: doom[0] if doom else None)

    with ThreadPoolExecutor() as pool, slots.hold():
        second = pool.submit(at_work, slots, Log(), "second")
        Ticks(0.05).wait(1)
        doom.append("etcd ended")

        with pytest.raises(InfrastructureError, match="etcd ended"):
            second.result(SOON)
    with slots.hold():
        pass  # the waiter that gave up blocks no one


def test_a_place_is_left_once() -> None:
    """A slot that is released twice lets in only one experiment."""
    slots = Slots(1, QUICK, alive)
    with slots.hold() as slot:
        slot.release()
        slot.release()
        with slots.hold(), ThreadPoolExecutor() as pool:
            third = pool.submit(at_work, slots, Log(), "third")
            Ticks(0.05).wait(1)
            assert not third.done()
