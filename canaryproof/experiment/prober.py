"""Probes the stable Service repeatedly during an experiment."""

from __future__ import annotations

import math
import threading
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from operator import attrgetter
from types import TracebackType
from typing import Self

from canaryproof.errors import InfrastructureError
from canaryproof.model.evidence import Probe, Unanswered
from canaryproof.system.wait import Signal

UNDER_WAY = 4
"""The maximum number of concurrent requests. One lost request does not block the next ones."""


class Prober:
    """A thread that makes requests at a fixed interval during the ``with`` block.

    It does not wait for the answer before it makes the next one.  A request that found the cluster at fault says
    nothing about the Service and is no probe.
    """

    def __init__(self, visit: Callable[[], Unanswered | None], *, now: Callable[[], float], every: float) -> None:
        """Call *visit*, which returns why a request failed or None, every *every* seconds of the clock *now*."""
        self._visit = visit
        self._now = now
        self._every = every
        self._probes: list[Probe] = []
        self._fault = ""
        self._ending = False
        self._news = Signal()
        self._thread = threading.Thread(target=self._run, name="prober", daemon=True)

    def __enter__(self) -> Self:
        """Make the first request now."""
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """End after the requests that are under way."""
        self._ending = True
        self._news.announce()
        self._thread.join()

    def ask(self) -> None:
        """Make a request now, in addition to the scheduled ones, because a caller waits for the answer."""
        self._news.announce()

    @property
    def probes(self) -> tuple[Probe, ...]:
        """Return the requests answered, or not answered, so far, in the order in which they were made."""
        return tuple(sorted(self._probes, key=attrgetter("at")))

    @property
    def fault(self) -> str:
        """Return why the cluster did not even try the latest request; empty when it did."""
        return self._fault

    def _run(self) -> None:
        began = self._now()
        under_way: list[Future[None]] = []
        with ThreadPoolExecutor(UNDER_WAY, "probe") as pool:
            while not self._ending:
                under_way = [each for each in under_way if not _is_over(each)]
                if len(under_way) < UNDER_WAY:
                    under_way.append(pool.submit(self._probe))
                now = self._now()
                self._news.wait(next_due(began, now, self._every) - now)

    def _probe(self) -> None:
        at = self._now()
        try:
            error = self._visit()
        except InfrastructureError as fault:
            self._fault = str(fault)
            return
        self._fault = ""
        self._probes.append(probe(at, self._now() - at, error))


def probe(at: float, seconds: float, error: Unanswered | None) -> Probe:
    """Return what is kept of a request that was made at *at* and took *seconds*."""
    return Probe(at, seconds, error.message, error.timed_out) if error else Probe(at, seconds)


def _is_over(request: Future[None]) -> bool:
    """Report whether a request has ended; a fault of ours in it is raised."""
    return request.done() and request.result() is None


def next_due(began: float, now: float, every: float) -> float:
    """Return the next time on the grid that starts at *began*: a slow answer skips requests, it never delays them."""
    return began + (math.floor((now - began) / every) + 1) * every
