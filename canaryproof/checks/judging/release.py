"""Judges the release: the upgrade, the canary's fate, the rollback, and what is left; pure."""

from __future__ import annotations

from collections.abc import Iterable

from canaryproof.checks.judging import observed
from canaryproof.checks.judging.finding import KEEP, Finding, because, count, place_of, unknown_workload
from canaryproof.checks.judging.hints import advice_on
from canaryproof.checks.judging.stable import touched_objects
from canaryproof.checks.troubleshooting import explain
from canaryproof.model.causes import Cause
from canaryproof.model.chart_source import line_with
from canaryproof.model.evidence import Canary, Evidence, Leftover, Step
from canaryproof.model.helm_text import names_object, rollback_target
from canaryproof.model.wording.leftover_sentences import describe_holder
from canaryproof.scenario import Course

STABLE_REVISION = 1
CANARY_REVISION = 2


def upgrade_applied(evidence: Evidence, course: Course) -> Finding | None:
    """Helm applied revision 2."""
    del course
    if evidence.observed:
        return observed.upgrade_applied(evidence, evidence.observed)
    if evidence.upgrade is None:
        return Finding("the experiment did not get to the upgrade", cause=Cause(code="not-reached"))
    if error := evidence.upgrade.error:
        known = explain(error, evidence.files, evidence.chart.manifests)
        hint = known.hint or "Helm's message names the object and the field; run the command on a cluster of your own"
        message, cause = f"the upgrade failed: {because(known, error)}", Cause(code="upgrade-failed", detail=error)
        return Finding(message, hint, known.where, _told_by(evidence, error), cause)
    if evidence.history and CANARY_REVISION not in {each.revision for each in evidence.history}:
        message = f"Helm's history has no revision {CANARY_REVISION}: {observed.listed(evidence.history)}"
        return Finding(message, cause=Cause(code="revision-missing", count=CANARY_REVISION))
    return None


def _told_by(evidence: Evidence, error: str) -> str:
    """Return the check that says already what Kubernetes refused; empty where none does."""
    if evidence.canary is None and unknown_workload(evidence):
        return "canary-present"
    touched = (stable for stable, _, _ in touched_objects(evidence))
    named = any(names_object(error, each.kind, each.name) for each in touched)
    return "stable-untouched" if named else ""


def canary_crash_loop(evidence: Evidence, course: Course) -> Finding | None:
    """The canary meets the fate that the course expects, a crash loop as a rule."""
    decision = evidence.decision
    if decision.outcome == course.canary.outcome:
        return None
    none_asked = evidence.canary is not None and not evidence.canary.replicas and course.canary.replicas
    advice = advice_on(decision)
    return Finding(
        f"the canary's fate is {decision.outcome}, expected {course.canary.outcome}: {decision.reason}",
        advice.hint,
        _decided_at(evidence, evidence.canary, advice.keys) if evidence.canary else "",
        "canary-replicas" if none_asked else "",
        decision.cause,
    )


def _decided_at(evidence: Evidence, canary: Canary, keys: Iterable[str]) -> str:
    """Return where that is written which decided: the name of an image in the values, say, or a key of the template."""
    if evidence.decision.outcome == "image-pull" and "image" in keys:
        image = evidence.decision.cause.image
        if image and (written := line_with(evidence.files, image)):
            return written
    return place_of(evidence, canary.source, *keys)


def rollback_recorded(evidence: Evidence, course: Course) -> Finding | None:
    """History shows the rollback to revision 1, deployed, and no upgrade in disguise."""
    del course
    if evidence.observed:
        return observed.rollback_recorded(evidence, evidence.observed)
    if evidence.rollback is None:
        return Finding("the experiment did not get to the rollback", cause=Cause(code="not-reached"))
    return _unrecorded(evidence, evidence.rollback)


def _unrecorded(evidence: Evidence, rollback: Step) -> Finding | None:
    if error := rollback.error:
        hint = "look for what Helm could not delete or restore, or for a hook that does not end; its message names it"
        message = f"Helm could not roll back to revision {STABLE_REVISION}: {error}"
        return Finding(message, hint, cause=Cause(code="rollback-failed", detail=error))
    if not evidence.history:
        return Finding("Helm's history of the release is empty", cause=Cause(code="history-empty"))
    *before, last = evidence.history
    wanted = f"Rollback to {STABLE_REVISION}"
    if (last.status, rollback_target(last.description)) != ("deployed", STABLE_REVISION):
        message = f"the last revision must be deployed and say {wanted!r}; {observed.listed(evidence.history)}"
        cause = Cause(code="rollback-not-last", count=last.revision, detail=last.description)
        return Finding(message, "look for a hook of the chart that changes the release by itself", cause=cause)
    if [each.revision for each in before] not in _expected(evidence) or any(
        each.status not in {"superseded", "failed"} for each in before
    ):
        seen = observed.listed(evidence.history)
        message = f"before the rollback there must be revisions 1 and 2, both superseded or failed; {seen}"
        return Finding(message, cause=Cause(code="history-unexpected", states=tuple(each.status for each in before)))
    return None


def _expected(evidence: Evidence) -> list[list[int]]:
    """Return the revisions before the rollback: an upgrade that Helm gave up before it began leaves none."""
    expected = [[STABLE_REVISION, CANARY_REVISION]]
    return [*expected, [STABLE_REVISION]] if evidence.upgrade and evidence.upgrade.error else expected


def canary_gone(evidence: Evidence, course: Course) -> Finding | None:
    """Nothing that the upgrade added is left after the rollback."""
    del course
    if evidence.leftovers:
        kept = any(each.holder and each.holder.kind == "resource-policy" for each in evidence.leftovers)
        hint = f"take the annotation {KEEP} out of the canary's templates" if kept else ""
        hint = hint or "leave hooks, finalizers and grace periods out of the canary's templates: Helm cannot undo them"
        roots = _roots(evidence.leftovers)
        return Finding(
            f"left after the rollback: {_told(roots, len(evidence.leftovers))}",
            hint,
            _origin(evidence, roots[0]),
            _hooked(evidence, roots),
            Cause(code="left-behind", count=len(evidence.leftovers), parts=tuple(map(_left, roots))),
        )
    if evidence.gone_at is None:
        return Finding("the experiment did not see the canary go", cause=Cause(code="not-seen-gone"))
    return None


def _left(left: Leftover) -> Cause:
    holder = left.holder
    held_by, detail = (holder.kind, holder.value) if holder else ("", "")
    return Cause(code="left-behind", object=str(left.object), held_by=held_by, detail=detail)


def _roots(leftovers: Iterable[Leftover]) -> tuple[Leftover, ...]:
    """Return what is left on its own account, and not because its owner is."""
    every = tuple(leftovers)
    return tuple(each for each in every if not (each.holder and each.holder.kind == "owner")) or every


def _told(roots: tuple[Leftover, ...], every: int) -> str:
    told = ", ".join(
        f"{each.object} (held by {describe_holder(each.holder)})" if each.holder else str(each.object) for each in roots
    )
    owned = every - len(roots)
    return f"{told}, and {count(owned, 'object')} that it owns" if owned else told


def _origin(evidence: Evidence, left: Leftover) -> str:
    names = {(left.object.kind, left.object.name)}
    keys = (KEEP, "helm.sh/hook", "finalizers")
    return next(
        (
            place_of(evidence, each.source, *keys)
            for each in evidence.chart.manifests
            if (each.kind, each.name) in names
        ),
        "",
    )


def _hooked(evidence: Evidence, roots: tuple[Leftover, ...]) -> str:
    """Return the check that has told already that hooks, and nothing else, are the trouble; empty where none has."""
    hooks = {(each.kind, each.name) for each in evidence.chart.manifests if each.is_hook}
    if not all((left.object.kind, left.object.name) in hooks for left in roots):
        return ""
    if evidence.canary is None and all(left.object.kind == "Deployment" for left in roots):
        return "canary-present"
    error = evidence.upgrade.error if evidence.upgrade else ""
    return "upgrade-applied" if error and all(left.object.name in error for left in roots) else ""
