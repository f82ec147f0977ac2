"""Creates the evidence of a release that was handled by hand.  This module is pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace

from canaryproof.analysis.stable_state import unready
from canaryproof.checks import registry
from canaryproof.helm.releases import Record
from canaryproof.model.causes import Cause
from canaryproof.model.evidence import Evidence, Leftover, Observed, Probe, Step
from canaryproof.model.helm_text import error_of, is_canceled, is_wait_ended
from canaryproof.model.objects import ObjectKey
from canaryproof.model.timeline import Timeline
from canaryproof.observe.event_rules import ObservedOutcome, events_of, observed_outcome
from canaryproof.observe.revisions import SUCCEEDED, Revisions
from canaryproof.timeouts import TimeLimits

EVENTS_KEPT = 3600.0
"""Seconds for which the API server keeps events by default (kube-apiserver, ``--event-ttl``)."""
OF_THE_CANARY = (
    registry.CANARY_PRESENT,
    registry.CANARY_REPLICAS,
    registry.CANARY_PORT,
    registry.CANARY_SERVICE,
    registry.UPGRADE_APPLIED,
    registry.CANARY_OUTCOME,
    registry.CANARY_GONE,
)
"""The checks that need the revision with the canary."""


@dataclass(frozen=True)
class CurrentState:
    """The current state of the cluster. Times are in seconds from the first revision on record."""

    now: float
    timeline: Timeline
    """Objects and events, each at the last time that it tells of."""
    leftovers: tuple[Leftover, ...]
    """The objects that the canary's revision added, and the objects that they own, if they still exist."""
    probes: tuple[Probe, ...] | None = None
    """Requests to the stable Service, or None if none were made."""


def needs_probes(revisions: Revisions, state: CurrentState) -> bool:
    """Report whether the canary is there now, so that it can be seen whether the stable app answers beside it."""
    finding, is_there = revisions.finding, revisions.rollback is None or revisions.has_canary_again
    return bool(finding.canary and not finding.decision and is_there and state.leftovers)


def complete(evidence: Evidence, revisions: Revisions, state: CurrentState, time_limits: TimeLimits) -> Evidence:
    """Return *evidence* with all that is known of the release."""
    finding, submitted, rollback, now = revisions.finding, revisions.submitted, revisions.rollback, state.now
    stable, probes = revisions.stable_app, state.probes
    unready_now = unready(state.timeline, stable, {})
    upgraded_at = revisions.seconds(submitted.deployed_at)
    rolled_back_at = revisions.seconds(rollback.deployed_at) if rollback else None
    found = _outcome(revisions, state, time_limits)
    applied = _applied(revisions, state)
    return replace(
        evidence,
        baseline=revisions.baseline,
        chart=submitted.rendering,
        files=submitted.files,
        added=finding.added,
        canary=revisions.canary(state.timeline),
        decision=found.decision if found else finding.decision or evidence.decision,
        history=tuple(record.line for record in revisions.records),
        timeline=state.timeline,
        install=Step("helm install", 0.0, 0.0),
        upgrade=_step(submitted, upgraded_at, applied=bool(applied)) if revisions.is_upgraded else None,
        rollback=_step(rollback, rolled_back_at) if rollback and rolled_back_at is not None else None,
        leftovers=state.leftovers,
        gone_at=None if state.leftovers else now,
        restored_at=None if unready_now else _ready_since(state.timeline, stable.workloads),
        ended_at=now + len(probes or ()) * time_limits.probe_every,
        probes=probes or (),
        observed=Observed(
            stable=revisions.stable,
            canary=submitted.revision if revisions.is_upgraded else None,
            rollback=rollback.revision if rollback else None,
            status=submitted.line.status,
            applied=applied,
            target_has_canary=revisions.has_canary_again,
            safe=revisions.safe.revision if revisions.safe else None,
            unready=unready_now,
            gaps=dict(_gaps(revisions, found, probed=probes is not None, applied=applied)),
        ),
    )


def _outcome(revisions: Revisions, state: CurrentState, time_limits: TimeLimits) -> ObservedOutcome | None:
    """Return the outcome of the canary; None where there is none, or the chart alone decides."""
    canary = revisions.canary(state.timeline)
    rollback = None if revisions.has_canary_again else revisions.rollback
    if canary is None or revisions.finding.decision:
        return None
    return observed_outcome(
        state.timeline,
        canary,
        upgraded_at=revisions.seconds(revisions.submitted.deployed_at),
        rolled_back_at=revisions.seconds(rollback.deployed_at) if rollback else None,
        now=state.now,
        time_limits=time_limits,
        since=revisions.began.deployed_at if revisions.began else None,
    )


def _applied(revisions: Revisions, state: CurrentState) -> bool | None:
    """Report whether the objects of the canary's revision reached the cluster; None if nothing shows it any more.

    Helm applies all objects before it waits for them. If a user ended Helm, or uninstalled the release, Helm's record
    does not tell, but the canary and its events do.
    """
    line = revisions.submitted.line
    if line.status in SUCCEEDED:
        return True
    if line.status == "failed":
        error = error_of(line.description)
        if is_wait_ended(error) or not is_canceled(error):
            return is_wait_ended(error)
    if state.leftovers or _events(revisions, state):
        return True
    age = state.now - revisions.seconds(revisions.submitted.deployed_at)
    return False if age < EVENTS_KEPT else None


def _events(revisions: Revisions, state: CurrentState) -> bool:
    canary = revisions.canary(state.timeline)
    since = revisions.began.deployed_at if revisions.began else None
    return canary is not None and any(events_of(state.timeline, canary.key, since, canary.former))


def _gaps(
    revisions: Revisions, found: ObservedOutcome | None, *, probed: bool, applied: bool | None
) -> Iterator[tuple[str, Cause]]:
    """Yield the checks that the evidence does not allow, and why."""
    if not probed:
        yield registry.STABLE_SERVES_DURING_CANARY.id, Cause(code="not-watched")
    yield registry.STABLE_NEVER_DOWN.id, Cause(code="not-watched")
    if revisions.is_pruned and revisions.finding.canary is None:
        for check in OF_THE_CANARY:
            yield check.id, Cause(code="revision-pruned", count=len(revisions.records))
    if found and found.is_unknown:
        yield registry.CANARY_OUTCOME.id, found.decision.cause
        if applied is None:
            yield registry.UPGRADE_APPLIED.id, found.decision.cause


def _step(record: Record, at: float, *, applied: bool = False) -> Step:
    verb = (
        f"rollback, to revision {record.target}" if record.target else "rollback" if record.is_rollback else "upgrade"
    )
    failed = record.line.status == "failed" and not applied
    return Step(f"helm {verb}", at, at, error_of(record.line.description) if failed else "")


def _ready_since(timeline: Timeline, workloads: Iterable[ObjectKey]) -> float:
    since = [pod.ready_since for key in workloads for pod in timeline.pods_of(key) if pod.is_live]
    return max((each for each in since if each is not None), default=0.0)
