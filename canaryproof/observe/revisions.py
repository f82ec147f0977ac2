"""Finds stable, canary and rollback among the revisions of a release.  This module is pure.

The revisions need not be 1, 2 and 3: a student who tried twice is judged by the last try.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from canaryproof.analysis.canary import CanaryFinding, find_canary
from canaryproof.analysis.stable_state import Stable, stable_of
from canaryproof.helm.releases import Record
from canaryproof.model.causes import Cause
from canaryproof.model.evidence import Canary, Decision, Rendering
from canaryproof.model.objects import Body, ObjectKey, mapping_at
from canaryproof.model.timeline import Timeline
from canaryproof.observe.former_pods import with_former_templates
from canaryproof.scenario.terms import Scenario

SUCCEEDED = frozenset({"deployed", "superseded"})
"""The statuses of revisions that succeeded."""


@dataclass(frozen=True)
class Revisions:
    """The revisions that matter; None for one that was never made, or is no longer on record."""

    records: tuple[Record, ...]
    """All revisions on record, oldest first."""
    baseline: Rendering
    """The stable chart of the scenario, as it renders."""
    finding: CanaryFinding
    """The objects that `submitted` adds to the stable chart, and the canary among them."""
    submitted: Record
    """The last revision with the canary, even a rollback to it; if there is none, the one that should have it."""
    stable: int | None = None
    """The target revision of the rollback, or without a rollback, the revision before the canary."""
    rollback: Record | None = None
    """The last rollback after the canary, even one that failed; else the one that went to the canary."""
    began: Record | None = None
    """The first revision since which the Deployment of the canary has been there; the pods may be from then."""
    safe: Record | None = None
    """The target of the rollback if it has no canary, or else the last revision that succeeded without it."""

    @property
    def is_upgraded(self) -> bool:
        """Report whether anything came after the first revision."""
        return self.submitted.revision > self.records[0].revision or self.is_pruned

    @property
    def is_pruned(self) -> bool:
        """Report whether revisions are no longer on record: Helm keeps the last ten, as a rule."""
        return self.records[0].revision > 1

    @property
    def has_canary_again(self) -> bool:
        """Report whether the rollback went to a revision with the canary."""
        return self.rollback is self.submitted

    @property
    def forgotten_in(self) -> Record | None:
        """Return the failed revision between the canary's and the last rollback, or None.

        Helm compares the target with the revision before the rollback, and deletes only objects of that revision
        (``pkg/action/rollback.go``). A failed rollback leaves the canary there, and is itself a revision without it.
        """
        end = self.rollback.revision if self.rollback else 0
        between = (it for it in self.records if self.submitted.revision < it.revision < end)
        return next((it for it in between if it.line.status not in SUCCEEDED), None)

    @property
    def stable_app(self) -> Stable:
        """Return the part of the stable chart that must keep running."""
        return stable_of(self.baseline.manifests)

    def canary(self, timeline: Timeline) -> Canary | None:
        """Return the canary, told from stable by what *timeline* shows; None where there is none."""
        canary, chart = self.finding.canary, self.submitted.rendering
        return with_former_templates(canary, self.baseline, chart, timeline) if canary else None

    def seconds(self, time: datetime) -> float:
        """Return *time* in seconds from the first revision on record."""
        return (time - self.records[0].deployed_at).total_seconds()


def find_revisions(records: Sequence[Record], baseline: Rendering, scenario: Scenario) -> Revisions:
    """Return the revisions that matter of at least one record; the stable chart renders to *baseline*."""
    ordered = tuple(sorted(records, key=lambda record: record.revision))
    findings = {record.revision: _find(baseline, record.rendering, scenario) for record in ordered}
    upgrades = [record for record in ordered if not record.is_rollback]
    canaries = [record for record in ordered if findings[record.revision].canary]
    submitted = (canaries or upgrades or list(ordered))[-1]
    finding = findings[submitted.revision]
    rollback = next((it for it in reversed(ordered) if it.is_rollback and it.revision >= submitted.revision), None)
    safe = [it for it in ordered if it.line.status in SUCCEEDED and not _has_canary(it, finding, baseline, scenario)]
    before = [it for it in safe if it.revision < submitted.revision]
    stable = _target(rollback, ordered) if rollback else before[-1].revision if before else None
    return Revisions(
        records=ordered,
        baseline=baseline,
        finding=finding,
        submitted=submitted,
        stable=stable,
        rollback=rollback,
        began=_first_with(ordered, submitted, finding) if finding.canary else submitted,
        safe=next((it for it in reversed(safe) if it.revision == stable), safe[-1] if safe else None),
    )


def _has_canary(record: Record, finding: CanaryFinding, baseline: Rendering, scenario: Scenario) -> bool:
    """Report whether *record* has the canary of *finding*, or another one."""
    canary = finding.canary
    named = canary is not None and not canary.in_place and _template_of(record, canary.key) is not None
    return named or _find(baseline, record.rendering, scenario).canary is not None


def _find(baseline: Rendering, rendering: Rendering, scenario: Scenario) -> CanaryFinding:
    """Find the canary in a revision. A workload with the pod template of the stable chart is no canary."""
    found = find_canary(baseline, rendering, scenario)
    if found.canary is None or not found.canary.in_place:
        return found
    key, same_objects = found.canary.key, _bodies(baseline) == _bodies(rendering)
    was, now = (_pod_template(each, key) for each in (baseline, rendering))
    if was != now or (not same_objects and "not-rolled-out" in scenario.expect.outcomes):
        return found
    return CanaryFinding(found.added, decision=Decision("no-canary", Cause(code="no-workload-changed")))


def _bodies(rendering: Rendering) -> list[Body]:
    return [each.body for each in rendering.manifests]


def _template_of(record: Record, key: ObjectKey) -> Body | None:
    """Return the pod template of a workload in *record*, or None if there is no such workload."""
    return _pod_template(record.rendering, key)


def _pod_template(rendering: Rendering, key: ObjectKey) -> Body | None:
    return next((mapping_at(it.body, "spec", "template") for it in rendering.manifests if it.key.local == key), None)


def _target(rollback: Record, records: Sequence[Record]) -> int | None:
    """Return the target of *rollback*. If it failed under Helm 3, only its objects tell: they are the target's."""
    if rollback.target:
        return rollback.target
    bodies = _bodies(rollback.rendering)
    before = (it for it in reversed(records) if it.revision < rollback.revision)
    return next((it.revision for it in before if _bodies(it.rendering) == bodies), None)


def _first_with(records: Sequence[Record], submitted: Record, finding: CanaryFinding) -> Record:
    """Return the first revision with the same canary since which its workload has been there all the time."""
    first = submitted
    if finding.canary is None:
        return first
    key = finding.canary.key
    for record in reversed([it for it in records if it.revision < submitted.revision]):
        template = _template_of(record, key)
        if template is None:
            break
        first = record if template == _template_of(submitted, key) else first
    return first
