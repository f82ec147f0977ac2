"""Judges evidence: each judge returns a finding if its check does not hold.  This package is pure."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from canaryproof.checks import registry
from canaryproof.checks.judging.chart import canary_port, canary_present, canary_replicas, chart_renders
from canaryproof.checks.judging.finding import Finding
from canaryproof.checks.judging.release import canary_gone, canary_outcome, rollback_recorded, upgrade_applied
from canaryproof.checks.judging.stable import (
    stable_healthy,
    stable_never_down,
    stable_serves_during_canary,
    stable_untouched,
)
from canaryproof.checks.judging.traffic import canary_service
from canaryproof.model.evidence import Evidence
from canaryproof.scenario.terms import Scenario

__all__ = [
    "JUDGES",
    "Finding",
    "Judge",
    "canary_gone",
    "canary_outcome",
    "canary_port",
    "canary_present",
    "canary_replicas",
    "canary_service",
    "chart_renders",
    "rollback_recorded",
    "stable_healthy",
    "stable_never_down",
    "stable_serves_during_canary",
    "stable_untouched",
    "upgrade_applied",
]

Judge = Callable[[Evidence, Scenario], Finding | None]
JUDGES: Mapping[str, Judge] = {
    registry.CHART_RENDERS.id: chart_renders,
    registry.CANARY_PRESENT.id: canary_present,
    registry.CANARY_REPLICAS.id: canary_replicas,
    registry.CANARY_PORT.id: canary_port,
    registry.CANARY_SERVICE.id: canary_service,
    registry.STABLE_UNTOUCHED.id: stable_untouched,
    registry.UPGRADE_APPLIED.id: upgrade_applied,
    registry.CANARY_OUTCOME.id: canary_outcome,
    registry.STABLE_SERVES_DURING_CANARY.id: stable_serves_during_canary,
    registry.ROLLBACK_RECORDED.id: rollback_recorded,
    registry.CANARY_GONE.id: canary_gone,
    registry.STABLE_HEALTHY.id: stable_healthy,
    registry.STABLE_NEVER_DOWN.id: stable_never_down,
}
"""The judge of each check, in the order of the registry."""
