"""A wait in an experiment holds its slot while something happens, and lends it while nothing does."""

from __future__ import annotations

import pytest

from canaryproof.errors import InfrastructureError, WaitError
from canaryproof.experiment.slots import Slot, Slots
from canaryproof.experiment.watching import Watcher, reason_of
from canaryproof.kube.recorder import Recording
from canaryproof.timeouts import TimeLimits

QUICK = TimeLimits(look_again=0.001, quiet=3, last_words=0.01, place=60)


class Clock:
    """Time that passes only when told."""

    def __init__(self) -> None:
        """Start at zero."""
        self.now = 0.0

    def monotonic(self) -> float:
        """Return the time."""
        return self.now


def alive() -> str | None:
    """Report that the run goes on."""
    return None


@pytest.mark.parametrize(("lends", "taken"), [(False, 1), (True, 0)])
def test_a_slot_is_lent_once_the_stable_app_has_started(*, lends: bool, taken: int) -> None:
    """Before that, silence says nothing; after the wait, the experiment holds its slot again."""
    slots, clock, seen = Slots(1, QUICK, alive), Clock(), list[int]()
    with slots.hold() as slot:
        watcher = Watcher(Recording(clock), slot, QUICK, alive)
        if lends:
            watcher.lend_slot(0)

        def look() -> bool | None:
            seen.append(slots.taken)
            clock.now += QUICK.quiet / 2
            return len(seen) == 3 or None

        assert watcher.wait("end", look, within=60)
        assert slots.taken == 1
    assert seen == [1, 1, taken]


def test_a_wait_of_a_run_that_ends_gives_up() -> None:
    """The error has the reason."""
    watcher = Watcher(Recording(), Slot(Slots(1, QUICK, alive)), QUICK, lambda: "etcd ended")

    with pytest.raises(WaitError, match="gave up on end: etcd ended"):
        watcher.wait("end", lambda: None, within=60)


def test_the_component_that_ended_is_the_reason_of_a_broken_connection() -> None:
    """Any other error stands for itself, and so does one after which no component ends."""
    broken = InfrastructureError("connection reset")

    assert "etcd ended" in str(reason_of(broken, lambda: "etcd ended", QUICK))
    assert "connection reset" in str(reason_of(broken, alive, QUICK))
    assert "disk full" in str(reason_of(OSError("disk full"), lambda: "etcd ended", QUICK))
