"""Judges the rendered chart and the canary in it.  This module is pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from canaryproof.analysis.canary_description import least_replicas, scales
from canaryproof.checks.judging.finding import (
    Finding,
    absent,
    place_of,
    refused_over,
    template_of,
    unknown_workload,
)
from canaryproof.checks.troubleshooting import explain, shares_replicas
from canaryproof.checks.unrendered import omitted
from canaryproof.model import helm_text
from canaryproof.model.causes import Cause, Code, FindingCode
from canaryproof.model.evidence import Canary, Evidence, rendering_failure, violation_cause
from canaryproof.model.hints import Hint, HintId
from canaryproof.model.objects import WORKLOADS
from canaryproof.scenario.terms import Scenario


def chart_renders(evidence: Evidence, scenario: Scenario) -> Finding | None:
    """Helm renders the chart, its objects are well-formed, and the cluster got what was rendered."""
    del scenario
    if evidence.violation:
        cause = Cause(code="release-violation", known=violation_cause(evidence.violation))
        return Finding(cause, Hint(id=evidence.violation.code))
    if not evidence.chart.error:
        return None
    error, outcome = evidence.chart.error, evidence.decision.outcome
    if outcome == "unsafe-chart" or not evidence.files:
        told = Hint(id="as-told", detail=evidence.chart.hint) if evidence.chart.hint else Hint(id=outcome)
        return Finding(Cause(code="chart-refused" if outcome == "unsafe-chart" else "no-chart", detail=error), told)
    known = explain(error, evidence.files, cause=evidence.chart.cause)
    failure = replace(rendering_failure(evidence.chart), detail=helm_text.without_repetition(error), known=known.cause)
    return Finding(failure, known.hint or Hint(id="broken-chart"), known.where)


TERMS: Mapping[Code | FindingCode, HintId] = {
    "workload-missing": "workload-term",
    "container-missing": "container-term",
    "workload-elsewhere": "namespace-of-release",
}
"""The hint on a canary that is not where the scenario names it."""


def canary_present(evidence: Evidence, scenario: Scenario) -> Finding | None:
    """The upgrade has a canary: a workload that it adds or changes, as the scenario asks."""
    if evidence.canary:
        return None
    decision = evidence.decision
    if decision.outcome == "ambiguous":
        return Finding(decision.cause, Hint(id="ambiguous" if scenario.adds_deployment else "name-the-canary"))
    if term := TERMS.get(decision.cause.code):
        return Finding(decision.cause, Hint(id=term))
    if unknown := unknown_workload(evidence):
        kind = Cause(code="kind-unknown", object=str(unknown.key))
        where = place_of(evidence, unknown.source, "kind")
        return Finding(replace(decision.cause, known=kind), Hint(id="kind-unknown"), where)
    if hidden := omitted(evidence.files, {each.template for each in evidence.chart.manifests}):
        return Finding(replace(decision.cause, known=hidden.cause), hidden.hint, hidden.where)
    hooked = any(each.is_hook and each.kind in WORKLOADS for each in evidence.chart.manifests)
    hint: HintId = "no-canary" if scenario.adds_deployment else "values-of-canary"
    return Finding(decision.cause, Hint(id="deployment-is-hook" if hooked else hint))


def canary_replicas(evidence: Evidence, scenario: Scenario) -> Finding | None:
    """The canary asks for as many replicas as the scenario states."""
    canary, wanted = evidence.canary, scenario.expect.replicas
    if canary is None:
        return absent(evidence)
    if wanted is None:
        return None
    if canary.replicas == wanted:
        return _scaled(evidence, canary, wanted)
    hint = Hint(id="replicas-source")
    if shared := shares_replicas(evidence.files, template_of(canary.source)):
        hint = Hint(id="replicas-of-its-own", name=shared)
    where, follows = place_of(evidence, canary.source, "replicas"), refused_over(evidence, "replicas")
    cause = Cause(code="replicas-differ", deployment=canary.name, count=canary.replicas, limit=wanted)
    return Finding(cause, hint, where, follows)


def _scaled(evidence: Evidence, canary: Canary, wanted: int) -> Finding | None:
    """Report an autoscaler that requests more replicas than the workload."""
    for scaler in evidence.chart.manifests:
        least = least_replicas(scaler)
        if scales(scaler, canary.key) and least > wanted:
            key, name = str(scaler.key), canary.name
            cause = Cause(code="autoscaler-overrules", object=key, deployment=name, count=least, limit=wanted)
            return Finding(cause, Hint(id="autoscaler"), place_of(evidence, scaler.source, "minReplicas"))
    return None


def canary_port(evidence: Evidence, scenario: Scenario) -> Finding | None:
    """A container of the canary declares the port that the scenario states."""
    canary, wanted = evidence.canary, scenario.expect.container_port
    if canary is None:
        return absent(evidence)
    if wanted is None or wanted in canary.ports:
        return None
    return Finding(
        Cause(code="port-missing", deployment=canary.name, ports=canary.ports, limit=wanted),
        Hint(id="container-port"),
        place_of(evidence, canary.source, "containerPort", "ports"),
        refused_over(evidence, "container-ports"),
    )
