"""How long the stable Service was silent, from the requests that were made of it; pure."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass

from canaryproof.durations import DURATIONS, Durations
from canaryproof.evidence import Probe


@dataclass(frozen=True)
class Outage:
    """Requests in a row that failed: from the first one made to the end of the last one.

    Requests overlap: it ends at the latest when one is made that is answered.  Only what was seen to fail counts.  A
    busy machine makes requests late and notices late that one got no answer; the Service may well have answered
    meanwhile, so that time is *late* and no part of the outage.
    """

    began: float
    ended: float
    failures: int
    error: str
    """What the last failing request got."""
    late: float = 0.0
    """Seconds in which nobody asked, though it was time to."""

    @property
    def seconds(self) -> float:
        """Return how long the Service is known to have been silent."""
        return self.ended - self.began - self.late


def outages(probes: Iterable[Probe], durations: Durations = DURATIONS) -> tuple[Outage, ...]:
    """Return every stretch without an answer, in order."""
    found: list[Outage] = []
    failing: list[Probe] = []
    for probe in probes:
        if probe.error:
            failing.append(probe)
        elif failing:
            found.append(_outage(failing, probe.at, durations))
            failing = []
    return (*found, _outage(failing, math.inf, durations)) if failing else tuple(found)


def longest(probes: Iterable[Probe], durations: Durations = DURATIONS) -> Outage | None:
    """Return the longest outage; None where every request was answered."""
    return max(outages(probes, durations), key=lambda outage: outage.seconds, default=None)


def is_certain(probes: tuple[Probe, ...], since: float, durations: Durations = DURATIONS) -> bool:
    """Report whether it is known what becomes of requests from *since* on.

    It is as soon as one is answered, or as their silence is longer than an outage may be.
    """
    recent = tuple(probe for probe in probes if probe.at >= since)
    if not recent:
        return False
    return not recent[-1].error or outages(recent, durations)[-1].seconds > durations.outage


def _outage(failing: list[Probe], answered: float, durations: Durations) -> Outage:
    """Sum up requests in a row that failed; *answered* is when the first one was made that did not."""
    known_until, late = failing[0].at, 0.0
    for probe in failing:
        late += max(0.0, probe.at - known_until - durations.probe_every)
        known_until = max(known_until, probe.at + min(probe.seconds, durations.probe_timeout))
    return Outage(failing[0].at, min(known_until, answered), len(failing), failing[-1].error, late)
