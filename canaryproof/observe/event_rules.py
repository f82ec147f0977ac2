"""Finds the outcome of a canary from its pods, or from events if no pod is left.  This module is pure.

The API server keeps events for an hour (kube-apiserver, ``--event-ttl``).  Events contain neither exit codes nor the
container that ran out of memory.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from canaryproof.analysis.outcome import decide
from canaryproof.model.causes import Cause
from canaryproof.model.evidence import Canary, Decision, OutcomeName
from canaryproof.model.kubernetes_text import (
    is_image_failure,
    is_pod_of,
    is_replica_set_of,
    is_restart_back_off,
    is_source_missing,
    is_start_failure,
    killing_probe,
    meaning,
)
from canaryproof.model.objects import ObjectKey
from canaryproof.model.timeline import Event, Timeline
from canaryproof.timeouts import TimeLimits


@dataclass(frozen=True)
class ObservedOutcome:
    """The outcome of the canary, as far as it can be known."""

    decision: Decision
    is_unknown: bool = False
    """Whether the outcome can no longer be determined. The cause of the decision gives the reason."""


def observed_outcome(
    timeline: Timeline,
    canary: Canary,
    *,
    upgraded_at: float,
    rolled_back_at: float | None,
    now: float,
    time_limits: TimeLimits,
    since: datetime | None = None,
) -> ObservedOutcome:
    """Return the outcome of *canary*; times are in seconds of the timeline.

    Events of pods from before *since* belong to earlier revisions.
    """
    if any(pod.is_live for pod in canary.pods(timeline)):
        seen = replace(canary, unpulled=())  # the nodes may have had the image before: its pods show what it did
        decision = decide(timeline, seen, upgraded_at, now, time_limits)
        if decision and decision.outcome != "undecided":
            return ObservedOutcome(decision)
    seconds = (now if rolled_back_at is None else rolled_back_at) - upgraded_at
    ran = seconds if seconds >= time_limits.observation else None
    return _from_events(tuple(events_of(timeline, canary.key, since, canary.former)), canary, ran, now)


def events_of(
    timeline: Timeline, workload: ObjectKey, since: datetime | None = None, former: Collection[str] = ()
) -> Iterator[Event]:
    """Yield the events about the pods of a workload, and about the ReplicaSets that should have made them.

    Pods that are gone are known by their names. Pods and ReplicaSets whose first event is from before *since* do not
    count, nor do those of the revision hashes *former*. Each is known by its uid, since the ReplicaSets of equal pod
    templates have equal names, as the pods of a StatefulSet have.
    """
    stable = {pod.uid for pod in timeline.pods_of(workload) if pod.revision in former}
    events = [each for each in timeline.events if _is_about(each, workload, former) and each.uid not in stable]
    before = {each.uid for each in events if since and each.began and datetime.fromisoformat(each.began) < since}
    yield from (each for each in events if each.uid not in before)


def _is_about(event: Event, workload: ObjectKey, former: Iterable[str]) -> bool:
    name = event.object.name
    if event.object.kind == "ReplicaSet":
        is_own = workload.kind == "Deployment" and is_replica_set_of(workload.name, name)
    else:
        is_own = event.object.kind == "Pod" and is_pod_of(workload.kind, workload.name, name)
    return is_own and not any(f"{name}-".startswith(f"{workload.name}-{each}-") for each in former)


def _from_events(events: Sequence[Event], canary: Canary, ran: float | None, now: float) -> ObservedOutcome:
    if not events:
        return _unknown(Cause(code="events-gone", deployment=canary.name))
    for rule in RULES:
        if found := rule(events, ran):
            outcome, cause = found
            cause = replace(cause, deployment=canary.name, why=meaning(outcome, cause.detail))
            proof = tuple(f"{each.reason}, {each.count} times: {each.message}" for each in events)
            return ObservedOutcome(Decision(outcome, cause, now, now, proof))
    reasons = tuple(dict.fromkeys(each.reason for each in events))
    return _unknown(Cause(code="events-unclear", deployment=canary.name, states=reasons))


def cause_in(events: Sequence[Event]) -> Cause | None:
    """Return what *events* show of the pods of a Deployment, or None if they show nothing unusual."""
    return next((found[1] for rule in RULES if (found := rule(events, None))), None)


def _unknown(cause: Cause) -> ObservedOutcome:
    return ObservedOutcome(Decision("undecided", cause), is_unknown=True)


Found = tuple[OutcomeName, Cause] | None
Rule = Callable[[Sequence[Event], float | None], Found]
"""Maps all events, and the seconds for which a pod could run, to an outcome. None means too few seconds to decide."""


def _of(events: Iterable[Event], *reasons: str, like: Callable[[str], object] | None = None) -> tuple[Event, ...]:
    return tuple(each for each in events if each.reason in reasons and (like is None or like(each.message)))


def _killed_for_a_probe(events: Sequence[Event], _: float | None) -> Found:
    kills = _of(events, "Killing", like=killing_probe)
    return ("probe-killed", Cause(code="seen-probe-kill", detail=kills[-1].message)) if kills else None


def _looped(events: Sequence[Event], _: float | None) -> Found:
    back_offs = _of(events, "BackOff", like=is_restart_back_off)
    starts = sum(each.count for each in _of(events, "Started"))
    if back_offs:
        return "crash-loop", Cause(code="seen-back-off", count=starts)
    pods = len(_of(events, "Scheduled"))
    if starts > max(1, pods):
        return "crash-loop", Cause(code="seen-restarts", count=starts, pods=pods or 1)
    return None


def _unpulled(events: Sequence[Event], _: float | None) -> Found:
    failures = _of(events, "Failed", "BackOff", "InspectFailed", like=is_image_failure)
    started = _of(events, "Started")
    cause = Cause(code="seen-image-failure", detail=failures[0].message) if failures else None
    return ("image-pull", cause) if cause and not started else None


def _unscheduled(events: Sequence[Event], _: float | None) -> Found:
    failures = _of(events, "FailedScheduling")
    if not failures or _of(events, "Scheduled"):
        return None
    return "unschedulable", Cause(code="seen-unscheduled", detail=failures[-1].message)


def _unconfigured(events: Sequence[Event], _: float | None) -> Found:
    failures = _of(events, "Failed", "FailedMount", like=is_source_missing)
    if not failures or _of(events, "Started"):
        return None
    return "config-error", Cause(code="seen-not-created", detail=failures[-1].message)


def _unstarted(events: Sequence[Event], _: float | None) -> Found:
    failures = _of(events, "Failed", like=is_start_failure)
    return ("start-error", Cause(code="seen-not-started", detail=failures[-1].message)) if failures else None


def _refused(events: Sequence[Event], _: float | None) -> Found:
    failures = _of(events, "FailedCreate")
    if not failures or _of(events, "Scheduled"):
        return None
    return "refused", Cause(code="seen-refused", detail=failures[-1].message)


def _ran(events: Sequence[Event], ran: float | None) -> Found:
    if not _of(events, "Started") or ran is None:
        return None
    return "healthy", Cause(code="seen-running", seconds=ran)


RULES: tuple[Rule, ...] = (
    _killed_for_a_probe,
    _looped,
    _unpulled,
    _unconfigured,
    _unstarted,
    _unscheduled,
    _refused,
    _ran,
)
