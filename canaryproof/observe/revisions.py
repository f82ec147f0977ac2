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
from canaryproof.model.evidence import Rendering
from canaryproof.scenario.terms import Scenario


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
    """The revision with the canary; where there is none, the one that should have it."""
    stable: Record | None = None
    """The target revision of the rollback, or without a rollback, the revision before the canary."""
    rollback: Record | None = None

    @property
    def is_upgraded(self) -> bool:
        """Report whether anything came after the first revision."""
        return self.submitted.revision > self.records[0].revision or self.is_pruned

    @property
    def is_pruned(self) -> bool:
        """Report whether revisions are no longer on record: Helm keeps the last ten, as a rule."""
        return self.records[0].revision > 1

    @property
    def stable_app(self) -> Stable:
        """Return the part of the stable chart that must keep running."""
        return stable_of(self.baseline.manifests)

    def seconds(self, time: datetime) -> float:
        """Return *time* in seconds from the first revision on record."""
        return (time - self.records[0].deployed_at).total_seconds()


def find_revisions(records: Sequence[Record], baseline: Rendering, scenario: Scenario) -> Revisions:
    """Return the revisions that matter of at least one record; the stable chart renders to *baseline*."""
    ordered = tuple(sorted(records, key=lambda record: record.revision))
    findings = {record.revision: find_canary(baseline, record.rendering, scenario) for record in ordered}
    upgrades = [record for record in ordered if not record.target]
    canaries = [record for record in upgrades if findings[record.revision].canary]
    submitted = (canaries or upgrades or list(ordered))[-1]
    after = [record for record in ordered if record.revision > submitted.revision]
    rollback = next((record for record in reversed(after) if record.target), None)
    before = [record for record in ordered if record.revision < submitted.revision]
    stable = _stable(before, ordered, rollback)
    return Revisions(ordered, baseline, findings[submitted.revision], submitted, stable, rollback)


def _stable(before: Sequence[Record], records: Sequence[Record], rollback: Record | None) -> Record | None:
    if rollback:
        return next((record for record in records if record.revision == rollback.target), None)
    working = [record for record in before if record.line.status in {"deployed", "superseded"}]
    return working[-1] if working else None
