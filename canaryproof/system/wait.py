"""The one way to wait: until something is there, or can no longer come, or time is up."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Protocol, TypeVar

from canaryproof.errors import WaitError

Found = TypeVar("Found")


class Clock(Protocol):
    """Time as waiting sees it; tests pass their own."""

    def monotonic(self) -> float:
        """Return seconds that only ever grow."""
        ...


class Changes(Protocol):
    """Where the news comes from that may end a wait."""

    def wait(self, seconds: float) -> None:
        """Return at the next change, or after *seconds* at the latest."""
        ...


class Ticks:
    """Changes of a thing that cannot say when it changes: look again every few milliseconds."""

    def __init__(self, every: float = 0.05) -> None:
        """Look again after *every* seconds."""
        self._every = every

    def wait(self, seconds: float) -> None:
        """Sleep one tick, or the time that is left."""
        time.sleep(max(0.0, min(self._every, seconds)))


class Signal:
    """Changes announced by another thread; none is missed between two looks."""

    def __init__(self) -> None:
        """Start with nothing announced."""
        self._event = threading.Event()

    def announce(self) -> None:
        """End the wait that is under way, or the next one."""
        self._event.set()

    def wait(self, seconds: float) -> None:
        """Return at the next announcement, or after *seconds*."""
        self._event.wait(max(0.0, seconds))
        self._event.clear()


class Heartbeat:
    """Changes of another kind, or the passing of time: whichever comes first."""

    def __init__(self, changes: Changes, every: float) -> None:
        """Return at a change of *changes*, or after *every* seconds."""
        self._changes = changes
        self._every = every

    def wait(self, seconds: float) -> None:
        """Return at the next change, the next beat, or after *seconds*."""
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
    """Return what *look* finds, as soon as it finds something.

    *what* is a noun phrase: the errors read "no <what> within 20 s".  *doomed* gives the reason why it can
    no longer come; *seen* says in a few words what is there instead.

    Raises WaitError when *within* seconds have passed, or at once when the wait is doomed.
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
