"""How many experiments are at work at once: one that only waits for time to pass leaves its place to another.

What may take long goes before what does not, so that it is not all that is left to wait for in the end.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from canaryproof.errors import InfrastructureError, WaitError
from canaryproof.system.wait import Heartbeat, Signal, wait_for
from canaryproof.timeouts import DURATIONS, TimeLimits


class Places:
    """A number of places, taken in the order in which they are asked for.

    Who comes back goes before who begins, and that before who is in no hurry.
    """

    def __init__(
        self, number: int, *, doomed: Callable[[], str | None] = lambda: None, durations: TimeLimits = DURATIONS
    ) -> None:
        """Have *number* places, and let nobody wait for one once *doomed* gives a reason."""
        self._number = self._free = number
        self._lock = threading.Lock()
        self._beginning: deque[Signal] = deque()
        self._returning: deque[Signal] = deque()
        self._unhurried: deque[Signal] = deque()
        self._doomed = doomed
        self._durations = durations

    @contextmanager
    def place(self, *, ahead: bool = False) -> Iterator[Place]:
        """Wait for a place, *ahead* of all that begin or behind them, and hold it until the end of the block.

        Raises InfrastructureError when none can come any more.
        """
        place = Place(self)
        self.take(self._returning if ahead else self._beginning)
        try:
            yield place
        finally:
            place.leave()

    @property
    def taken(self) -> int:
        """Return how many are held."""
        return self._number - self._free

    def come_back(self) -> None:
        """Wait for a place in the middle of an experiment.

        Raises InfrastructureError as `place` does.
        """
        self.take(self._returning)

    def let_pass(self) -> None:
        """Wait for a place behind all that begin.

        Raises InfrastructureError as `place` does.
        """
        self.take(self._unhurried)

    def take(self, queue: deque[Signal]) -> None:
        """Take a place as the first of *queue*."""
        turn = Signal()
        with self._lock:
            queue.append(turn)
        try:
            wait_for(
                "place among the experiments at work",
                lambda: self._try(queue, turn) or None,
                within=self._durations.place,
                changes=Heartbeat(turn, self._durations.look_again),
                doomed=self._doomed,
                seen=lambda: "others",
            )
        except WaitError as error:
            with self._lock:
                queue.remove(turn)
            raise InfrastructureError(str(error)) from error

    def _try(self, queue: deque[Signal], turn: Signal) -> bool:
        with self._lock:
            first = self._waiting()[0] is turn
            if first and self._free:
                self._free -= 1
                queue.popleft()
                return True
            return False

    def give_back(self) -> None:
        """Let the next one in."""
        with self._lock:
            self._free += 1
            waiting = self._waiting()
        for turn in waiting[:1]:
            turn.announce()

    def _waiting(self) -> tuple[Signal, ...]:
        return (*self._returning, *self._beginning, *self._unhurried)


class Place:
    """The place of one experiment, which may be left and taken again."""

    def __init__(self, places: Places) -> None:
        """Be one of *places*, and held."""
        self._places = places
        self._held = True

    def leave(self) -> None:
        """Let another one in, if this was not done already."""
        if self._held:
            self._held = False
            self._places.give_back()

    def let_pass(self) -> None:
        """Have it again behind all that begin.

        Raises InfrastructureError when none can come any more.
        """
        self.leave()
        self._places.let_pass()
        self._held = True

    @contextmanager
    def aside(self) -> Iterator[None]:
        """Leave it for the length of a block."""
        self.leave()
        yield
        self.take()

    def take(self) -> None:
        """Have it again, if it was left.

        Raises InfrastructureError when none can come any more.
        """
        if not self._held:
            self._places.come_back()
            self._held = True
