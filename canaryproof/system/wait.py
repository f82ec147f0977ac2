"""Waits until a condition holds, can no longer hold, or a time limit is reached.

All waiting of the package goes through this module.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Protocol, TypeVar

from canaryproof.errors import WaitError

Found = TypeVar("Found")


class Clock(Protocol):
    """The clock that waiting uses. Tests pass their own."""

    def monotonic(self) -> float:
        """Return the seconds of a clock that never goes backwards."""
        ...


class Changes(Protocol):
    """The source of the changes that may end a wait."""

    def wait(self, seconds: float) -> None:
        """Return at the next change, or after *seconds* at the latest."""
        ...


class Ticks:
    """Changes of an object that announces none. It is polled every few milliseconds."""

    def __init__(self, every: float = 0.05) -> None:
        """Poll every *every* seconds."""
        self._every = every

    def wait(self, seconds: float) -> None:
        """Sleep for one interval, or for *seconds* if that is shorter."""
        time.sleep(max(0.0, min(self._every, seconds)))


class Signal:
    """Changes that another thread announces. An announcement between two calls of `wait` is not lost."""

    def __init__(self) -> None:
        """Start with nothing announced."""
        self._event = threading.Event()

    def announce(self) -> None:
        """End the current wait, or else the next one."""
        self._event.set()

    def wait(self, seconds: float) -> None:
        """Return at the next announcement, or after *seconds* at the latest."""
        self._event.wait(max(0.0, seconds))
        self._event.clear()


class Heartbeat:
    """Combines another source of changes with a regular interval."""

    def __init__(self, changes: Changes, every: float) -> None:
        """Return from `wait` at a change of *changes*, or after *every* seconds."""
        self._changes = changes
        self._every = every

    def wait(self, seconds: float) -> None:
        """Return at the next change, after one interval, or after *seconds*, whichever comes first."""
        self._changes.wait(min(self._every, seconds))


def wait_for(
    what: str,
    look: Callable[[], Found | None],
    *,
    within: float,
    changes: Changes,
    doomed: Callable[[], str | None] = lambda: None,
    seen: Callable[[], str] = lambda: "nothing",
    clock: Clock = time,
) -> Found:
    """Call *look* until it returns a value other than None, and return that value.

    *what* is a noun phrase for messages such as "no <what> within 20 s". *doomed* returns the reason why the wait can
    no longer succeed, or None. *seen* describes in a few words the state that exists instead.

    Raises WaitError after *within* seconds, or at once when the wait is doomed.
    """
    deadline = clock.monotonic() + within
    while True:
        if (found := look()) is not None:
            return found
        if reason := doomed():
            raise WaitError(f"gave up on {what}: {reason}; last seen: {seen()}")
        if (left := deadline - clock.monotonic()) <= 0:
            raise WaitError(f"no {what} within {within:g} s; last seen: {seen()}")
        changes.wait(left)
