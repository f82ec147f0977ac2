"""How long the stable Service was silent, from the requests that were made of it; pure."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass

from canaryproof.model.evidence import Probe
from canaryproof.timeouts import TimeLimits

OFTEN = 2
"""So many times as long as from one request to the next may pass without one before nothing is known of that time."""


@dataclass(frozen=True)
class Outage:
    """Requests in a row that failed: from the first one made to the end of the last one.

    Requests overlap: it ends at the latest when one is made that is answered.
    """

    began: float
    ended: float
    failures: int
    error: str
    """The error of the last request that failed."""
    seconds: float
    """For how long the Service is known to have been silent.

    Only what was seen to fail counts, and a busy machine sees late.  A request that was refused was refused at one
    moment between its beginning and its end; the Service may well have answered before, and after.  And of a time in
    which no request was under way, though it was time for one, nothing is known.
    """


def outages(probes: Iterable[Probe], time_limits: TimeLimits) -> tuple[Outage, ...]:
    """Return every stretch without an answer, in order."""
    found: list[Outage] = []
    failing: list[Probe] = []
    for probe in probes:
        if probe.error:
            failing.append(probe)
        elif failing:
            found.append(_outage(failing, probe.at, time_limits))
            failing = []
    return (*found, _outage(failing, math.inf, time_limits)) if failing else tuple(found)


def longest(probes: Iterable[Probe], time_limits: TimeLimits) -> Outage | None:
    """Return the longest outage; None where every request was answered."""
    return max(outages(probes, time_limits), key=lambda outage: outage.seconds, default=None)


def is_certain(probes: tuple[Probe, ...], since: float, time_limits: TimeLimits) -> bool:
    """Report whether it is known what becomes of requests from *since* on.

    It is as soon as one is answered, or as their silence is longer than an outage may be.
    """
    recent = tuple(probe for probe in probes if probe.at >= since)
    if not recent:
        return False
    return not recent[-1].error or outages(recent, time_limits)[-1].seconds > time_limits.outage


def _outage(failing: list[Probe], answered: float, time_limits: TimeLimits) -> Outage:
    """Sum up requests in a row that failed; *answered* is when the first one was made that did not."""
    silences = [_known_silence(probe, time_limits) for probe in failing]
    since, until = min(begin for begin, _ in silences), max(end for _, end in silences)
    asked_until, unasked = since, 0.0
    for probe, silence in zip(failing, silences, strict=True):
        unasked += max(0.0, probe.at - asked_until - OFTEN * time_limits.probe_every)
        asked_until = max(asked_until, *silence)
    known = min(until, answered) - since - unasked
    ended = max(probe.at + min(probe.seconds, time_limits.probe_timeout) for probe in failing)
    return Outage(failing[0].at, min(ended, answered), len(failing), failing[-1].error, max(0.0, known))


def _known_silence(probe: Probe, time_limits: TimeLimits) -> tuple[float, float]:
    """Return since when, and until when, a request that failed shows silence.

    The moment at which a request was refused is not known: silence began at its end at the latest, and lasted until its
    beginning at least.
    """
    if probe.timed_out:
        return probe.at, probe.at + min(probe.seconds, time_limits.probe_timeout)
    return probe.at + probe.seconds, probe.at
