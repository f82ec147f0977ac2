"""An experiment holds its slot while changes occur, and lends it while none do."""

from __future__ import annotations

import pytest

from canaryproof.errors import InfrastructureError, WaitError
from canaryproof.experiment.slots import Slot, Slots
from canaryproof.experiment.watching import Watcher, reason_of
from canaryproof.kube.recorder import Recording
from canaryproof.timeouts import TimeLimits

QUICK = TimeLimits(look_again=0.001, quiet=3, last_words=0.01, place=60)


class Clock:
    """A clock that a test sets."""

    def __init__(self) -> None:
        """Start at zero."""
        self.now = 0.0

    def monotonic(self) -> float:
        """Return the time."""
        return self.now


def alive() -> str | None:
    """Return that the run continues."""
    return None


@pytest.mark.parametrize(("lends", "taken"), [(False, 1), (True, 0)])
def test_a_slot_is_lent_once_the_stable_app_has_started(*, lends: bool, taken: int) -> None:
    """The slot is lent only after the stable app has started, and is held again after the wait."""
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
    """A wait ends with the reason when the run ends."""
    watcher = Watcher(Recording(), Slot(Slots(1, QUICK, alive)), QUICK, lambda: "etcd ended")

    with pytest.raises(WaitError, match="gave up on end: etcd ended"):
        watcher.wait("end", lambda: None, within=60)


def test_the_component_that_ended_is_the_reason_of_a_broken_connection() -> None:
    """The error of a broken connection names the component that ended. Any other error stays as it is."""
    broken = InfrastructureError("connection reset")

    assert "etcd ended" in str(reason_of(broken, lambda: "etcd ended", QUICK))
    assert "connection reset" in str(reason_of(broken, alive, QUICK))
    assert "disk full" in str(reason_of(OSError("disk full"), lambda: "etcd ended", QUICK))
