"""How long the stable Service was silent, from the requests that were made of it; pure."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from canaryproof.durations import DURATIONS, Durations
from canaryproof.evidence import Probe


@dataclass(frozen=True)
class Outage:
    """Requests in a row that failed: from the first one sent to the end of the last one.

    Only what was seen to fail counts.  A busy machine sends requests late and notices late that one got no answer;
    the Service may well have answered meanwhile, so that time is *late* and no part of the outage.
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
            found.append(_outage(failing, durations))
            failing = []
    return (*found, _outage(failing, durations)) if failing else tuple(found)


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


def _outage(failing: list[Probe], durations: Durations) -> Outage:
    ends = [probe.at + probe.seconds for probe in failing]
    unasked = (
        max(0.0, after.at - end - durations.probe_every) for end, after in zip(ends[:-1], failing[1:], strict=True)
    )
    unnoticed = (max(0.0, probe.seconds - durations.probe_timeout) for probe in failing)
    return Outage(failing[0].at, ends[-1], len(failing), failing[-1].error, sum(unasked) + sum(unnoticed))
