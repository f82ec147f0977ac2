"""Finds in the history of a release what was done: stable, canary, rollback; pure.

The revisions need not be 1, 2 and 3: who tried twice is judged by the last try.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from canaryproof.analysis.canary import CanaryFinding, find_canary
from canaryproof.helm.releases import Record
from canaryproof.model.evidence import Rendering


@dataclass(frozen=True)
class Story:
    """The revisions that matter; None for what never was, or is no longer on record."""

    records: tuple[Record, ...]
    finding: CanaryFinding
    """What `submitted` adds to the course's chart."""
    submitted: Record
    """The revision with the canary; where there is none, the one that should have it."""
    stable: Record | None = None
    """The one that was rolled back to; without a rollback, the one before the canary."""
    rollback: Record | None = None

    @property
    def is_upgraded(self) -> bool:
        """Report whether anything came after the first revision."""
        return self.submitted.revision > self.records[0].revision or self.is_pruned

    @property
    def is_pruned(self) -> bool:
        """Report whether revisions are no longer on record: Helm keeps the last ten, as a rule."""
        return self.records[0].revision > 1


def tell(records: Sequence[Record], baseline: Rendering) -> Story:
    """Return the story of a release with at least one revision, whose course's chart renders to *baseline*."""
    ordered = tuple(sorted(records, key=lambda record: record.revision))
    findings = {record.revision: find_canary(baseline, record.rendering) for record in ordered}
    by_hand = [record for record in ordered if not record.target]
    canaries = [record for record in by_hand if findings[record.revision].canary]
    submitted = (canaries or by_hand or list(ordered))[-1]
    after = [record for record in ordered if record.revision > submitted.revision]
    rollback = next((record for record in reversed(after) if record.target), None)
    before = [record for record in ordered if record.revision < submitted.revision]
    stable = _stable(before, ordered, rollback)
    return Story(ordered, findings[submitted.revision], submitted, stable, rollback)


def _stable(before: Sequence[Record], records: Sequence[Record], rollback: Record | None) -> Record | None:
    if rollback:
        return next((record for record in records if record.revision == rollback.target), None)
    working = [record for record in before if record.line.status in {"deployed", "superseded"}]
    return working[-1] if working else None
