"""Calculates from the probes how long the stable Service did not answer.  This module is pure."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from canaryproof.model.evidence import Probe
from canaryproof.scenario.terms import Availability
from canaryproof.timeouts import TimeLimits

OFTEN = 2
"""The longest time between requests that still counts as observed, as a multiple of the probe interval."""


@dataclass(frozen=True)
class Outage:
    """Consecutive failed requests, from the start of the first to the end of the last.

    Requests overlap, so the outage ends at the latest when a request starts that is answered.
    """

    began: float
    ended: float
    failures: int
    error: str
    """The error of the last request that failed."""
    seconds: float
    """The seconds for which the Service is known not to have answered.

    Only observed failures count, and a busy machine observes late.  A refused request was refused at one moment between
    its start and its end.  The Service may have answered before and after that moment.  Nothing is known about a time
    in which a request was due but none was in progress.
    """


@dataclass(frozen=True)
class Measured:
    """How a Service answered during the experiment."""

    service: str
    """Its label."""
    requests: int
    answered: int
    success_rate: float
    """The percentage of requests that were answered."""
    longest_outage: float
    """Seconds."""


def measured(probes: Iterable[Probe], time_limits: TimeLimits) -> tuple[Measured, ...]:
    """Return how each Service answered."""
    return tuple(_measured(*item, time_limits) for item in by_service(probes).items())


def _measured(service: str, probes: Sequence[Probe], time_limits: TimeLimits) -> Measured:
    worst, answered = longest(probes, time_limits), sum(not each.error for each in probes)
    seconds = round(worst.seconds, 3) if worst else 0.0
    return Measured(service, len(probes), answered, round(success_rate(probes), 2), seconds)


def stated(service: str, named: Sequence[Availability]) -> Availability | None:
    """Return the terms of a scenario for the Service with this label, or None if it does not name it."""
    return next((each for each in named if each.label(named) == service), None)


def outage_limit(service: str, named: Sequence[Availability], time_limits: TimeLimits) -> float:
    """Return the longest permitted outage of a Service in seconds: the scenario's, which patience multiplies."""
    asked = stated(service, named)
    limit = asked.max_outage if asked else None
    return time_limits.outage if limit is None else limit * time_limits.patience


def by_service(probes: Iterable[Probe]) -> dict[str, tuple[Probe, ...]]:
    """Return the probes of each Service, in the order of the first ones."""
    found: dict[str, list[Probe]] = {}
    for each in probes:
        found.setdefault(each.service, []).append(each)
    return {service: tuple(asked) for service, asked in found.items()}


def success_rate(probes: Sequence[Probe]) -> float:
    """Return the percentage of requests that were answered."""
    return 100 * sum(not each.error for each in probes) / len(probes) if probes else 0.0


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
    """Report whether it is certain how the Service treats requests from *since* on.

    It is certain as soon as a request is answered, or the Service is silent for longer than the outage limit.
    """
    recent = tuple(probe for probe in probes if probe.at >= since)
    if not recent:
        return False
    return not recent[-1].error or outages(recent, time_limits)[-1].seconds > time_limits.outage


def _outage(failing: list[Probe], answered: float, time_limits: TimeLimits) -> Outage:
    """Summarize consecutive failed requests. *answered* is the start of the first successful request after them."""
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
    """Return the start and end of the silence that a failed request proves.

    The moment at which a request was refused is not known: silence began at its end at the latest, and lasted until its
    beginning at least.
    """
    if probe.timed_out:
        return probe.at, probe.at + min(probe.seconds, time_limits.probe_timeout)
    return probe.at + probe.seconds, probe.at
