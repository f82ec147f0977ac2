"""Decides which checks a scenario does not ask for, and which make no sense for its canary.  This module is pure.

A check that is waived is skipped, needs no other check, and counts no points.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from canaryproof.analysis.stable_state import stable_of
from canaryproof.checks import registry
from canaryproof.checks.registry import Check, current_id
from canaryproof.model.causes import Cause
from canaryproof.model.evidence import Evidence, OutcomeName
from canaryproof.scenario.terms import Scenario

OF_THE_CHART = (
    registry.CANARY_PRESENT.id,
    registry.CANARY_REPLICAS.id,
    registry.CANARY_PORT.id,
    registry.CANARY_SERVICE.id,
)
"""The checks that need a canary in the rendered chart."""
OF_AVAILABILITY = (registry.STABLE_SERVES_DURING_CANARY.id, registry.STABLE_NEVER_DOWN.id)
"""The checks that need requests to a stable Service."""
FAILS_BY: Mapping[OutcomeName, tuple[str, ...]] = {
    "refused": (registry.UPGRADE_APPLIED.id,),
    "no-canary": OF_THE_CHART,
    "ambiguous": OF_THE_CHART,
    "broken-chart": (
        registry.CHART_RENDERS.id,
        *OF_THE_CHART,
        registry.STABLE_UNTOUCHED.id,
        registry.UPGRADE_APPLIED.id,
    ),
}
"""The checks that cannot hold with an outcome, in addition to the one of the outcome."""


def waiver_by_terms(check: Check, scenario: Scenario) -> Cause | None:
    """Return why the terms of *scenario* alone waive *check*, or None if they do not."""
    if check.id in map(current_id, scenario.skipped):
        return Cause(code="check-left-out")
    term, value = TERMS.get(check.id, _no_term)(scenario)
    return Cause(code="term-absent", field=term) if term and value is None else None


def waiver(check: Check, scenario: Scenario, evidence: Evidence) -> Cause | None:
    """Return why *scenario*, or the canary or the outcome in *evidence*, waives *check*; None if nothing does."""
    return (
        waiver_by_terms(check, scenario)
        or _by_outcome(check, scenario, evidence)
        or _by_stable(check, evidence)
        or _by_canary(check, scenario, evidence)
    )


def _by_outcome(check: Check, scenario: Scenario, evidence: Evidence) -> Cause | None:
    outcome = evidence.decision.outcome
    if outcome not in scenario.expect.outcomes or check.id == registry.CANARY_OUTCOME.id:
        return None
    can_hold = not ends_before_install(evidence) and check.id not in FAILS_BY.get(outcome, ())
    return None if can_hold else Cause(code="outcome-rules-out", expected=outcome)


def ends_before_install(evidence: Evidence) -> bool:
    """Report whether the rendered chart alone determined the outcome, so that nothing was installed."""
    return evidence.install is None and evidence.decision.outcome in {"broken-chart", "unsafe-chart"}


def _by_stable(check: Check, evidence: Evidence) -> Cause | None:
    if check.id not in OF_AVAILABILITY or evidence.probes or not evidence.install:
        return None
    return None if stable_of(evidence.baseline.manifests).services else Cause(code="no-stable-service")


def _by_canary(check: Check, scenario: Scenario, evidence: Evidence) -> Cause | None:
    canary = evidence.canary
    if canary and check.id == registry.CANARY_REPLICAS.id and canary.kind == "DaemonSet":
        return Cause(code="one-pod-per-node", deployment=canary.name)
    is_shared = scenario.expect.traffic == "shared"
    if canary and check.id == registry.CANARY_SERVICE.id and canary.in_place and is_shared:
        return Cause(code="shared-in-place", deployment=canary.name)
    return None


Term = Callable[[Scenario], tuple[str, object]]


def _no_term(_: Scenario) -> tuple[str, object]:
    return "", None


TERMS: Mapping[str, Term] = {
    registry.CANARY_REPLICAS.id: lambda scenario: ("expect.replicas", scenario.expect.replicas),
    registry.CANARY_PORT.id: lambda scenario: ("expect.containerPort", scenario.expect.container_port),
    registry.CANARY_SERVICE.id: lambda scenario: ("expect.traffic", scenario.expect.traffic),
}
"""The term that each check judges, with its name in the scenario file. Other checks judge no single term."""
