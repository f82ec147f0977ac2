"""Judges a release handled by hand, where the facts or rules differ from those of an experiment.  Pure module."""

from __future__ import annotations

from canaryproof.checks.judging.finding import Finding, revisions
from canaryproof.model.causes import Cause
from canaryproof.model.evidence import Evidence, Observed
from canaryproof.model.hints import Hint
from canaryproof.model.objects import Manifest, maps_at, value_at
from canaryproof.model.timeline import PodHistory, Timeline, condition

ENDED_FROM_OUTSIDE = frozenset({0, 137, 143, 255})
"""Exit codes of containers that did not end by themselves: stopped, killed, or gone with their node."""


def upgrade_applied(evidence: Evidence, observed: Observed) -> Finding | None:
    """Helm applied the revision with the canary."""
    seen = revisions(evidence.history)
    if not observed.canary:
        return Finding(Cause(code="never-upgraded", parts=seen), Hint(id="upgrade-missing"))
    if observed.status not in {"deployed", "superseded"}:
        states = (observed.status,)
        cause = Cause(code="revision-not-deployed", count=observed.canary, states=states, parts=seen)
        return Finding(cause, Hint(id="upgrade-again"))
    return None


def rollback_recorded(evidence: Evidence, observed: Observed) -> Finding | None:
    """The history ends with a rollback to a stable revision, deployed."""
    seen = revisions(evidence.history)
    if not observed.rollback:
        later = any(observed.canary and each.revision > observed.canary for each in evidence.history)
        return Finding(
            Cause(code="upgrade-in-disguise" if later else "not-rolled-back", parts=seen),
            Hint(
                id="rollback-command",
                name=evidence.name,
                revision=observed.stable or 1,
                namespace=evidence.namespace,
            ),
        )
    last = evidence.history[-1]
    if last.revision != observed.rollback or last.status != "deployed":
        return Finding(Cause(code="rollback-not-last", count=last.revision, parts=seen), Hint(id="rollback-again"))
    if not observed.stable:
        return Finding(Cause(code="revision-forgotten", parts=seen))
    if observed.stable >= (observed.canary or 0):
        cause = Cause(code="rolled-back-to-canary", count=observed.stable, parts=seen)
        return Finding(cause, Hint(id="rollback-further", revision=observed.canary or 0))
    return None


def stable_healthy(evidence: Evidence, observed: Observed) -> Finding | None:
    """The stable pods are Ready with the course's image now, and none has crashed since the rollback."""
    for stable in evidence.baseline.manifests:
        if stable.kind == "Deployment" and (cause := _unhealthy(evidence.timeline, stable)):
            return Finding(cause, Hint(id="stable-pods"))
    if observed.unready or evidence.held is None:
        return Finding(Cause(code="not-restored", known=observed.unready), Hint(id="stable-objects"))
    return not_held(evidence, evidence.held)


def not_held(evidence: Evidence, held: float) -> Finding | None:
    """Report that stable was ready for only *held* seconds at the end, if that is too short."""
    hold = evidence.time_limits.hold
    return Finding(Cause(code="not-held", seconds=held, limit=hold), Hint(id="hold-on")) if held < hold else None


def _unhealthy(timeline: Timeline, stable: Manifest) -> Cause | None:
    if cause := not_running(timeline, stable):
        return cause
    for pod in timeline.pods_of(stable.key.local):
        if pod.is_live and (crashes := _crashes(pod)):
            return Cause(code="pod-crashed", object=str(stable.key), pod=pod.name, count=crashes)
    return None


def not_running(timeline: Timeline, stable: Manifest) -> Cause | None:
    """Return why a stable Deployment has no pods that run as the course has it; None where it has."""
    key = str(stable.key)
    pods = [pod for pod in timeline.pods_of(stable.key.local) if pod.is_live]
    if not pods:
        return Cause(code="no-live-pod", object=key)
    images = sorted(container.image for container in stable.containers)
    for pod in pods:
        if condition(pod.latest, "Ready").get("status") != "True":
            return Cause(code="pod-not-ready", object=key, pod=pod.name)
        if (seen := sorted(container.image for container in pod.containers)) != images:
            found, expected = ", ".join(seen), ", ".join(images)
            return Cause(code="pod-image-differs", object=key, pod=pod.name, found=found, expected=expected)
    return None


def _crashes(pod: PodHistory) -> int:
    """Return the restarts of a pod whose last end was a crash. The stop of a machine is no crash."""
    codes = [
        value_at(status, "lastState", "terminated", "exitCode")
        for status in maps_at(pod.latest.body, "status", "containerStatuses")
    ]
    return pod.restarts if any(code is not None and code not in ENDED_FROM_OUTSIDE for code in codes) else 0
