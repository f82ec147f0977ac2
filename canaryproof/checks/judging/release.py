"""Judges the release: the upgrade, the canary's outcome, the rollback and the leftovers.  This module is pure."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from canaryproof.checks import registry
from canaryproof.checks.judging import observed
from canaryproof.checks.judging.finding import Finding, place_of, revisions, unknown_workload
from canaryproof.checks.judging.outcome_advice import advice_on
from canaryproof.checks.judging.stable import touched_objects
from canaryproof.checks.troubleshooting import explain
from canaryproof.model.causes import Cause
from canaryproof.model.chart_source import line_with
from canaryproof.model.evidence import Canary, Evidence, Leftover, Step, upgrade_failure
from canaryproof.model.helm_text import names_object, rollback_target
from canaryproof.model.hints import Hint
from canaryproof.model.objects import RESOURCE_POLICY
from canaryproof.scenario.terms import Scenario


def upgrade_applied(evidence: Evidence, scenario: Scenario) -> Finding | None:
    """Helm applied the revision with the canary.

    Helm did so even if it then waited in vain until the canary was ready (``--wait``).  The upgrade also counts as
    applied if a hook failed, as the scenario expects.
    """
    if evidence.observed:
        return observed.upgrade_applied(evidence, evidence.observed)
    if evidence.upgrade is None:
        return Finding(Cause(code="not-reached", field="upgrade"))
    is_asked = evidence.upgrade.gave_up or expects_failed_hook(evidence, scenario)
    return None if is_asked else _not_applied(evidence, evidence.upgrade)


def expects_failed_hook(evidence: Evidence, scenario: Scenario) -> bool:
    """Report whether a hook of the chart failed, as the scenario expects."""
    return evidence.decision.outcome == "hook-failed" and "hook-failed" in scenario.expect.outcomes


def _not_applied(evidence: Evidence, upgrade: Step) -> Finding | None:
    if error := upgrade.error:
        cause, follows = upgrade_failure(upgrade), _told_by(evidence, error)
        if cause.known:
            hint = Hint(id="hook-failed" if cause.known.code == "hook-failed" else "kind-unknown")
            return Finding(cause, hint, follows=follows)
        found = explain(error, evidence.files, evidence.chart.manifests)
        hint = found.hint or Hint(id="upgrade-by-hand")
        return Finding(replace(cause, known=found.cause), hint, found.where, follows)
    if evidence.history and evidence.canary_revision not in {each.revision for each in evidence.history}:
        seen = revisions(evidence.history)
        return Finding(Cause(code="revision-missing", count=evidence.canary_revision, parts=seen))
    return None


def _told_by(evidence: Evidence, error: str) -> str:
    """Return the check that already reports what Kubernetes refused, or an empty string if none does."""
    if evidence.canary is None and unknown_workload(evidence):
        return registry.CANARY_PRESENT.id
    touched = (stable for stable, _, _ in touched_objects(evidence))
    named = any(names_object(error, each.kind, each.name) for each in touched)
    return registry.STABLE_UNTOUCHED.id if named else ""


def canary_outcome(evidence: Evidence, scenario: Scenario) -> Finding | None:
    """The canary has an outcome that the scenario expects. A healthy canary has had no restart."""
    decision = evidence.decision
    if decision.outcome in scenario.expect.outcomes:
        return _restarted(evidence) if decision.outcome == "healthy" else None
    none_asked = evidence.canary is not None and not evidence.canary.replicas and scenario.expect.replicas
    advice = advice_on(decision)
    found, expected = decision.outcome, " or ".join(scenario.expect.outcomes)
    return Finding(
        Cause(code="outcome-differs", found=found, expected=expected, known=decision.cause),
        Hint(id=advice.hint),
        _decided_at(evidence, evidence.canary, advice.keys) if evidence.canary else "",
        registry.CANARY_REPLICAS.id if none_asked else "",
    )


def _restarted(evidence: Evidence) -> Finding | None:
    cause = evidence.decision.cause
    if not cause.count:
        return None
    restarted = Cause(code="restarted-before-healthy", deployment=cause.deployment, count=cause.count)
    return Finding(restarted, Hint(id="look-before-restart"))


def _decided_at(evidence: Evidence, canary: Canary, keys: Iterable[str]) -> str:
    """Return the place in the chart that decided the outcome, such as an image in the values or a template key."""
    if evidence.decision.outcome == "image-pull" and "image" in keys:
        image = evidence.decision.cause.image
        if image and (written := line_with(evidence.files, image)):
            return written
    return place_of(evidence, canary.source, *keys)


def rollback_recorded(evidence: Evidence, scenario: Scenario) -> Finding | None:
    """History shows the rollback to revision 1, deployed, and no upgrade in disguise."""
    del scenario
    if evidence.observed:
        return observed.rollback_recorded(evidence, evidence.observed)
    if evidence.rollback is None:
        return Finding(Cause(code="not-reached", field="rollback"))
    return _unrecorded(evidence, evidence.rollback)


def _unrecorded(evidence: Evidence, rollback: Step) -> Finding | None:
    if rollback.error:
        cause = Cause(
            code="rollback-failed", count=evidence.stable_revision, detail=rollback.error, known=rollback.cause
        )
        failed_hook = rollback.cause is not None and rollback.cause.code == "hook-failed"
        return Finding(cause, Hint(id="hook-failed" if failed_hook else "rollback-failed"))
    if not evidence.history:
        return Finding(Cause(code="history-empty"))
    *before, last = evidence.history
    seen = revisions(evidence.history)
    if (last.status, rollback_target(last.description)) != ("deployed", evidence.stable_revision):
        cause = Cause(code="rollback-not-last", count=last.revision, limit=evidence.stable_revision, parts=seen)
        return Finding(cause, Hint(id="hook-changes-release"))
    if [each.revision for each in before] not in _expected(evidence) or any(
        each.status not in {"superseded", "failed"} for each in before
    ):
        return Finding(Cause(code="history-unexpected", count=evidence.canary_revision, parts=seen))
    return None


def _expected(evidence: Evidence) -> list[list[int]]:
    """Return the revisions before the rollback: an upgrade that Helm gave up before it began leaves none."""
    stable = [*range(1, evidence.canary_revision)]
    expected = [[*stable, evidence.canary_revision]]
    return [*expected, stable] if evidence.upgrade and evidence.upgrade.error else expected


def canary_gone(evidence: Evidence, scenario: Scenario) -> Finding | None:
    """Nothing that the upgrade added is left after the rollback, and no pod of a canary that it changed in place.

    Helm leaves a hook that failed, so a scenario that expects one does not ask for its removal.
    """
    hook = evidence.decision.cause.object if expects_failed_hook(evidence, scenario) else ""
    if leftovers := tuple(each for each in evidence.leftovers if not hook or not _is_of(each, hook)):
        roots = _roots(leftovers)
        return Finding(
            Cause(code="left-behind", count=len(leftovers), parts=tuple(map(_left, roots))),
            _hint_on(evidence, roots),
            _origin(evidence, roots[0]),
            _hooked(evidence, roots),
        )
    is_gone = evidence.gone_at is not None or evidence.leftovers
    return None if is_gone else Finding(Cause(code="not-seen-gone"))


def _is_of(left: Leftover, owner: str) -> bool:
    """Report whether a leftover is the object *owner*, or belongs to it."""
    return owner in {str(left.object), left.holder.value if left.holder else ""}


def _hint_on(evidence: Evidence, roots: Iterable[Leftover]) -> Hint:
    held = {each.holder.kind: each.holder.value for each in roots if each.holder}
    if "resource-policy" in held:
        return Hint(id="left-by-policy")
    stuck = (each.object for each in evidence.leftovers if each.holder and each.holder.kind == "ordered-ready")
    if pod := next(stuck, None):
        return Hint(id="delete-pod", name=pod.name)
    if evidence.observed and "revision" in held:
        return observed.forgotten(evidence, evidence.observed, int(held["revision"]))
    return Hint(id="left-by-something")


def _left(left: Leftover) -> Cause:
    holder = left.holder
    held_by, detail = (holder.kind, holder.value) if holder else ("", "")
    return Cause(code="left-behind", object=str(left.object), held_by=held_by, detail=detail)


def _roots(leftovers: Iterable[Leftover]) -> tuple[Leftover, ...]:
    """Return the leftovers that do not exist merely because their owner does."""
    every = tuple(leftovers)
    return tuple(each for each in every if not (each.holder and each.holder.kind == "owner")) or every


def _origin(evidence: Evidence, left: Leftover) -> str:
    names = {(left.object.kind, left.object.name)}
    keys = (RESOURCE_POLICY, "helm.sh/hook", "finalizers")
    return next(
        (
            place_of(evidence, each.source, *keys)
            for each in evidence.chart.manifests
            if (each.kind, each.name) in names
        ),
        "",
    )


def _hooked(evidence: Evidence, roots: tuple[Leftover, ...]) -> str:
    """Return the check that already reports hooks as the only problem, or an empty string if none does."""
    hooks = {(each.kind, each.name) for each in evidence.chart.manifests if each.is_hook}
    if not all((left.object.kind, left.object.name) in hooks for left in roots):
        return ""
    if evidence.canary is None and all(left.object.kind == "Deployment" for left in roots):
        return registry.CANARY_PRESENT.id
    error = evidence.upgrade.error if evidence.upgrade else ""
    return registry.UPGRADE_APPLIED.id if error and all(left.object.name in error for left in roots) else ""
