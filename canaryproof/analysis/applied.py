"""Replaces the rendered objects in evidence with those that Helm applied, if they differ.  This module is pure.

They can differ because ``helm template`` knows no revision, its ``lookup`` finds nothing, and random names change.
"""

from __future__ import annotations

from dataclasses import replace

from canaryproof.analysis.canary import find_canary
from canaryproof.model.evidence import UNDECIDED, Evidence, Rendering
from canaryproof.model.objects import Body, ObjectKey
from canaryproof.scenario.terms import Scenario


def as_applied(evidence: Evidence, applied: Rendering, scenario: Scenario) -> Evidence:
    """Return *evidence* with the objects that Helm has on record, and the canary among them, where they differ."""
    if applied.error or _bodies(applied) == _bodies(evidence.chart):
        return evidence
    finding = find_canary(evidence.baseline, applied, scenario, evidence.namespace)
    return replace(
        evidence,
        chart=applied,
        added=finding.added,
        canary=finding.canary,
        decision=finding.decision or UNDECIDED,
    )


def _bodies(rendering: Rendering) -> dict[ObjectKey, Body]:
    return {each.key: each.body for each in rendering.manifests}
