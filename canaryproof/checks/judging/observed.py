"""Judges what somebody did by hand, where that takes other words or other rules than an experiment's; pure."""

from __future__ import annotations

from collections.abc import Iterable

from canaryproof.checks.judging.finding import Finding, count
from canaryproof.model.causes import Cause
from canaryproof.model.evidence import Evidence, Observed, Revision
from canaryproof.model.objects import Manifest, maps_at, value_at
from canaryproof.model.timeline import PodHistory, condition
from canaryproof.model.wording.cause_sentences import describe

ENDED_FROM_OUTSIDE = frozenset({0, 137, 143, 255})
"""Exit codes of containers that did not end by themselves: stopped, killed, or gone with their node."""


def upgrade_applied(evidence: Evidence, observed: Observed) -> Finding | None:
    """Helm applied the revision with the canary."""
    if not observed.canary:
        hint = "upgrade to the chart with the canary, as the assignment says"
        message = f"the release was never upgraded; {listed(evidence.history)}"
        return Finding(message, hint, cause=Cause(code="never-upgraded"))
    if observed.status not in {"deployed", "superseded"}:
        message = f"revision {observed.canary} is {observed.status}; {listed(evidence.history)}"
        cause = Cause(code="revision-not-deployed", count=observed.canary, states=(observed.status,))
        return Finding(message, "run helm upgrade again and read what it says", cause=cause)
    return None


def rollback_recorded(evidence: Evidence, observed: Observed) -> Finding | None:
    """The history ends with a rollback to a stable revision, deployed."""
    seen = listed(evidence.history)
    if not observed.rollback:
        to = observed.stable or 1
        later = [each for each in evidence.history if observed.canary and each.revision > observed.canary]
        why = "what came after the canary is an upgrade in disguise" if later else "nothing was rolled back"
        hint = f"run helm rollback {evidence.name} {to} --namespace {evidence.namespace}"
        return Finding(f"{why}; {seen}", hint, cause=Cause(code="not-rolled-back", count=len(later)))
    last = evidence.history[-1]
    if last.revision != observed.rollback or last.status != "deployed":
        cause = Cause(code="rollback-not-last", count=last.revision, states=(last.status,))
        return Finding(
            f"the rollback must be the last revision, and deployed; {seen}", "roll back once more", cause=cause
        )
    if not observed.stable:
        message = f"the revision that was rolled back to is no longer on record; {seen}"
        return Finding(message, cause=Cause(code="revision-forgotten"))
    if observed.stable >= (observed.canary or 0):
        hint = f"roll back to a revision from before the canary, which is revision {observed.canary}"
        message = f"the rollback went to revision {observed.stable}, which has the canary itself; {seen}"
        return Finding(message, hint, cause=Cause(code="rolled-back-to-canary", count=observed.stable))
    return None


def stable_healthy(evidence: Evidence, observed: Observed) -> Finding | None:
    """The stable pods are Ready with the course's image now, and none has crashed since the rollback."""
    for stable in evidence.baseline.manifests:
        if stable.kind == "Deployment" and (fault := _sick(evidence, stable)):
            hint = "look at kubectl get pods, and at what the pod's events say"
            return Finding(f"{stable.key} {fault}", hint, cause=Cause(code="stable-unhealthy", object=str(stable.key)))
    held = evidence.held
    if observed.unready or held is None:
        why = f": {describe(observed.unready)}" if observed.unready else ""
        cause = Cause(code="not-restored", parts=(observed.unready,) if observed.unready else ())
        return Finding(f"the stable app is not ready{why}", "look at kubectl get deployments,services", cause=cause)
    if held < (hold := evidence.durations.hold):
        message = f"stable has been ready for {held:.1f} s only; look again, expected at least {hold:g} s"
        return Finding(message, cause=Cause(code="not-held", seconds=held, limit=hold))
    return None


def _sick(evidence: Evidence, stable: Manifest) -> str:
    pods = [pod for pod in evidence.timeline.pods_of(stable.name) if pod.is_live]
    if not pods:
        return "has no pod"
    images = sorted(container.image for container in stable.containers)
    for pod in pods:
        if condition(pod.latest, "Ready").get("status") != "True":
            return f"is not Ready: pod {pod.name}"
        if (seen := sorted(container.image for container in pod.containers)) != images:
            return f"runs {', '.join(seen)} instead of {', '.join(images)}: pod {pod.name}"
        if crashes := _crashes(pod):
            return f"crashed, and was restarted {count(crashes, 'time')}: pod {pod.name}"
    return ""


def _crashes(pod: PodHistory) -> int:
    """Return the restarts of a pod whose last end was its own; a machine that was stopped is nobody's crash."""
    codes = [
        value_at(status, "lastState", "terminated", "exitCode")
        for status in maps_at(pod.latest.body, "status", "containerStatuses")
    ]
    return pod.restarts if any(code is not None and code not in ENDED_FROM_OUTSIDE for code in codes) else 0


def listed(history: Iterable[Revision]) -> str:
    """Write the history on one line."""
    return "seen: " + "; ".join(f"{each.revision} {each.status} {each.description!r}" for each in history)
