"""Limits how many experiments run at once: one that only waits for time to pass lends its slot to another.

Experiments that may take long go first, so that a class does not end with waiting for the last of them.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from enum import IntEnum
from operator import itemgetter

from canaryproof.errors import InfrastructureError, WaitError
from canaryproof.system.wait import Heartbeat, Signal, wait_for
from canaryproof.timeouts import TimeLimits


class Rank(IntEnum):
    """The priority of experiments for slots. Experiments of the same rank get slots in the order of their requests."""

    RETURNING = 0
    BEGINNING = 1
    LETTING_PASS = 2


class Slots:
    """A number of slots, each held by one experiment at a time."""

    def __init__(self, number: int, time_limits: TimeLimits, doomed: Callable[[], str | None]) -> None:
        """Have *number* slots; every wait for one ends as soon as *doomed* gives a reason."""
        self._number = self._free = number
        self._lock = threading.Lock()
        self._queue: list[tuple[Rank, Signal]] = []
        self._time_limits = time_limits
        self._doomed = doomed

    @contextmanager
    def hold(self, *, ahead: bool = False) -> Iterator[Slot]:
        """Wait for a slot, *ahead* of all experiments that begin or behind them, and hold it for the block.

        Raises InfrastructureError when the run ends before there is one.
        """
        slot = Slot(self)
        self.take(Rank.RETURNING if ahead else Rank.BEGINNING)
        try:
            yield slot
        finally:
            slot.release()

    @property
    def taken(self) -> int:
        """Return how many slots are held."""
        return self._number - self._free

    def take(self, rank: Rank) -> None:
        """Wait for a slot; raises as `hold` does."""
        turn = (rank, Signal())
        with self._lock:
            self._queue.append(turn)
            self._queue.sort(key=itemgetter(0))
        try:
            wait_for(
                "slot for the experiment",
                lambda: self._try(turn) or None,
                within=self._time_limits.place,
                changes=Heartbeat(turn[1], self._time_limits.look_again),
                doomed=self._doomed,
                seen=lambda: "other experiments",
            )
        except WaitError as error:
            with self._lock:
                self._queue.remove(turn)
            raise InfrastructureError(str(error)) from error

    def give_back(self) -> None:
        """Free a slot for the next experiment that waits."""
        with self._lock:
            self._free += 1
            turns = self._queue[:1]
        for _, turn in turns:
            turn.announce()

    def _try(self, turn: tuple[Rank, Signal]) -> bool:
        with self._lock:
            if not self._free or self._queue[0] is not turn:
                return False
            self._free -= 1
            self._queue.pop(0)
            return True


class Slot:
    """The slot of one experiment, which can be released and taken again."""

    def __init__(self, slots: Slots) -> None:
        """Create a held slot of *slots*."""
        self._slots = slots
        self._held = True

    def release(self) -> None:
        """Let another experiment have it; a slot that is released already stays so."""
        if self._held:
            self._held = False
            self._slots.give_back()

    def take(self) -> None:
        """Wait until it is held again; raises InfrastructureError when the run ends before."""
        if not self._held:
            self._slots.take(Rank.RETURNING)
            self._held = True

    def let_pass(self) -> None:
        """Release it and wait behind all experiments that begin; raises as `take` does."""
        self.release()
        self._slots.take(Rank.LETTING_PASS)
        self._held = True

    @contextmanager
    def released(self) -> Iterator[None]:
        """Release it for the length of the block."""
        self.release()
        yield
        self.take()
