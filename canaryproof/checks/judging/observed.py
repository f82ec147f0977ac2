"""Judges a release handled by hand, where the facts or rules differ from those of an experiment.  Pure module."""

from __future__ import annotations

from canaryproof.analysis.pod_images import other_images
from canaryproof.checks.judging.finding import Finding, revisions
from canaryproof.checks.troubleshooting import explain
from canaryproof.model.causes import Cause
from canaryproof.model.evidence import Evidence, Observed, Revision
from canaryproof.model.helm_text import error_of, field_conflict, without_repetition
from canaryproof.model.hints import Hint, HintId
from canaryproof.model.objects import WORKLOADS, Manifest, maps_at, value_at
from canaryproof.model.timeline import PodHistory, Timeline, condition

ENDED_FROM_OUTSIDE = frozenset({0, 137, 143, 255})
"""Exit codes of containers that did not end by themselves: stopped, killed, or gone with their node."""


def upgrade_applied(evidence: Evidence, observed: Observed) -> Finding | None:
    """Helm applied the revision with the canary."""
    seen = revisions(evidence.history)
    if not observed.canary:
        return Finding(Cause(code="never-upgraded", parts=seen), Hint(id="upgrade-missing"))
    if observed.status in {"deployed", "superseded"} or observed.applied:
        return None
    if observed.status == "failed" and evidence.upgrade and (error := evidence.upgrade.error):
        return _upgrade_failed(evidence, error)
    states = (observed.status,)
    cause = Cause(code="revision-not-deployed", count=observed.canary, states=states, parts=seen)
    pending = observed.status.startswith("pending") and observed.safe
    return Finding(
        cause, _rollback_hint(evidence, observed, "free-and-upgrade") if pending else Hint(id="upgrade-again")
    )


def _upgrade_failed(evidence: Evidence, error: str) -> Finding:
    """Return the finding about Helm's *error*, whose meaning is that of the same error in an experiment."""
    if conflict := _conflict(error):
        return Finding(Cause(code="upgrade-failed", known=conflict), Hint(id="upgrade-by-force"))
    found = explain(error, evidence.files, evidence.chart.manifests)
    cause = Cause(code="upgrade-failed", detail=without_repetition(error), known=found.cause)
    return Finding(cause, found.hint or Hint(id="upgrade-again"), found.where)


def _conflict(error: str) -> Cause | None:
    """Return the fields that Helm could not change, and their field managers; None for another error."""
    found = field_conflict(error)
    if found is None:
        return None
    field = " and ".join(each.removeprefix(".") for each in found.fields)
    return Cause(code="field-conflict", object=found.object, field=field, names=found.managers)


def _rollback_hint(evidence: Evidence, observed: Observed, hint: HintId = "rollback-command") -> Hint:
    """Return a hint with the revision to which the release can be rolled back, if there is one."""
    target = observed.safe or observed.stable
    if not target:
        return Hint(id="rollback-impossible")
    through = observed.canary or 0
    return Hint(id=hint, name=evidence.name, revision=target, through=through, namespace=evidence.namespace)


def rollback_recorded(evidence: Evidence, observed: Observed) -> Finding | None:
    """The history ends with a rollback to a stable revision, deployed."""
    seen = revisions(evidence.history)
    if observed.status.startswith("uninstall"):
        cause = Cause(code="release-uninstalled", count=observed.canary or 0, parts=seen)
        is_back = bool(observed.rollback)
        return Finding(
            cause, _rollback_hint(evidence, observed, "no-uninstall" if is_back else "rollback-after-uninstall")
        )
    if not observed.rollback:
        later = any(observed.canary and each.revision > observed.canary for each in evidence.history)
        cause = Cause(code="upgrade-in-disguise" if later else "not-rolled-back", parts=seen)
        return Finding(cause, _rollback_hint(evidence, observed))
    last = evidence.history[-1]
    if last.revision == observed.rollback and last.status != "deployed":
        return _rollback_ended(evidence, observed, last)
    return _misdirected(evidence, observed, last)


def _misdirected(evidence: Evidence, observed: Observed, last: Revision) -> Finding | None:
    """Return the finding about a rollback that is not the last revision, or went to a wrong one; None for others."""
    seen = revisions(evidence.history)
    if last.revision != observed.rollback:
        cause = Cause(code="rollback-not-last", count=last.revision, parts=seen)
        return Finding(cause, _rollback_hint(evidence, observed))
    if not observed.stable:
        return Finding(Cause(code="revision-forgotten", parts=seen))
    if observed.target_has_canary:
        cause = Cause(code="rolled-back-to-canary", count=observed.stable, parts=seen)
        return Finding(cause, _rollback_hint(evidence, observed))
    return None


def _rollback_ended(evidence: Evidence, observed: Observed, last: Revision) -> Finding:
    """Return the finding about a rollback that did not succeed: Helm failed, or a user ended it."""
    error = error_of(last.description)
    conflict = _conflict(error)
    cause = (
        Cause(code="rollback-failed", count=observed.stable or 0, detail="" if conflict else error, known=conflict)
        if last.status == "failed"
        else Cause(
            code="rollback-unfinished", count=last.revision, states=(last.status,), parts=revisions(evidence.history)
        )
    )
    return Finding(cause, _rollback_hint(evidence, observed, rollback_way(evidence, forced=conflict is not None)))


def rollback_way(evidence: Evidence, *, forced: bool) -> HintId:
    """Return the hint to a rollback that deletes the canary after one that failed.

    Helm deletes only what the revision before the rollback has, and the failed one does not have the canary. Only a
    second rollback, from the canary's revision, deletes it.
    """
    if evidence.leftovers:
        return "rollback-through-canary-by-force" if forced else "rollback-through-canary"
    return "rollback-by-force" if forced else "rollback-command"


def forgotten(evidence: Evidence, observed: Observed, revision: int) -> Hint:
    """Return the hint about a canary that stays because *revision*, a rollback before the last one, failed."""
    failed = next((each for each in evidence.history if each.revision == revision), None)
    forced = failed is not None and field_conflict(failed.description) is not None
    return _rollback_hint(evidence, observed, rollback_way(evidence, forced=forced))


def stable_healthy(evidence: Evidence, observed: Observed) -> Finding | None:
    """The stable pods are Ready with the stable chart's images now, and none has crashed since the rollback."""
    for stable in evidence.baseline.manifests:
        if stable.kind in WORKLOADS and not stable.is_hook and (cause := _unhealthy(evidence.timeline, stable)):
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


def not_running(timeline: Timeline, stable: Manifest, before: Timeline | None = None) -> Cause | None:
    """Return why a stable workload has no pods that run as the stable chart has it; None where it has.

    *before* ends before the upgrade, and shows what the cluster itself makes of the stable chart.
    """
    key = str(stable.key)
    pods = [pod for pod in timeline.pods_of(stable.key.local) if pod.is_live]
    if not pods:
        return Cause(code="no-live-pod", object=key)
    for pod in pods:
        if condition(pod.latest, "Ready").get("status") != "True":
            return Cause(code="pod-not-ready", object=key, pod=pod.name)
        if other := other_images(timeline, pod, stable, before):
            found, expected = ", ".join(other.found), ", ".join(other.expected)
            return Cause(code="pod-image-differs", object=key, pod=pod.name, found=found, expected=expected)
    return None


def _crashes(pod: PodHistory) -> int:
    """Return the restarts of a pod whose last end was a crash. The stop of a machine is no crash."""
    codes = [
        value_at(status, "lastState", "terminated", "exitCode")
        for status in maps_at(pod.latest.body, "status", "containerStatuses")
    ]
    return pod.restarts if any(code is not None and code not in ENDED_FROM_OUTSIDE for code in codes) else 0
