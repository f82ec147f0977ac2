"""Judges the submitted chart and the canary that it adds.  This module is pure."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from canaryproof.checks import registry
from canaryproof.checks.judging.finding import (
    Finding,
    place_of,
    refused_over,
    routes,
    template_of,
    unknown_workload,
)
from canaryproof.checks.troubleshooting import explain, shares_replicas
from canaryproof.checks.unrendered import omitted
from canaryproof.model import helm_text
from canaryproof.model.causes import Cause, FindingCode
from canaryproof.model.evidence import Canary, Evidence, ServiceRoute, rendering_failure, violation_cause
from canaryproof.model.hints import Hint
from canaryproof.model.objects import Manifest, maps_at, pairs, service_ports, text_at, value_at
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


def canary_present(evidence: Evidence, scenario: Scenario) -> Finding | None:
    """The submission adds exactly one Deployment to the course's chart."""
    del scenario
    if evidence.canary:
        return None
    decision = evidence.decision
    if decision.outcome == "ambiguous":
        return Finding(decision.cause, Hint(id="ambiguous"))
    if unknown := unknown_workload(evidence):
        kind = Cause(code="kind-unknown", object=str(unknown.key))
        where = place_of(evidence, unknown.source, "kind")
        return Finding(replace(decision.cause, known=kind), Hint(id="kind-unknown"), where)
    if hidden := omitted(evidence.files, {each.template for each in evidence.chart.manifests}):
        return Finding(replace(decision.cause, known=hidden.cause), hidden.hint, hidden.where)
    hooked = any(each.is_hook and each.kind == "Deployment" for each in evidence.chart.manifests)
    return Finding(decision.cause, Hint(id="deployment-is-hook" if hooked else "no-canary"))


def canary_replicas(evidence: Evidence, scenario: Scenario) -> Finding | None:
    """The canary asks for as many replicas as the course says."""
    canary, wanted = evidence.canary, scenario.expect.replicas
    if canary is None:
        return _absent(evidence)
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
    """Report an autoscaler that requests more replicas than the Deployment (HorizontalPodAutoscaler API)."""
    for scaler in evidence.chart.manifests:
        least = value_at(scaler.body, "spec", "minReplicas")
        target = (text_at(scaler.body, "spec", "scaleTargetRef", part) for part in ("kind", "name"))
        aims = scaler.kind == "HorizontalPodAutoscaler" and tuple(target) == ("Deployment", canary.name)
        if aims and isinstance(least, int) and least > wanted:
            cause = _about("autoscaler-overrules", str(scaler.key), canary, count=least, limit=wanted)
            return Finding(cause, Hint(id="autoscaler"), place_of(evidence, scaler.source, "minReplicas"))
    return None


def canary_port(evidence: Evidence, scenario: Scenario) -> Finding | None:
    """A container of the canary declares the course's port."""
    canary, wanted = evidence.canary, scenario.expect.container_port
    if canary is None:
        return _absent(evidence)
    if wanted is None or wanted in canary.ports:
        return None
    return Finding(
        Cause(code="port-missing", deployment=canary.name, ports=canary.ports, limit=wanted),
        Hint(id="container-port"),
        place_of(evidence, canary.source, "containerPort", "ports"),
        refused_over(evidence, "container-ports"),
    )


def canary_service(evidence: Evidence, scenario: Scenario) -> Finding | None:
    """A Service on the course's port leads to that port of the canary's pods, and of no other pods."""
    if evidence.canary is None:
        return _absent(evidence)
    wanted = scenario.expect.port_of_service
    found = None if wanted is None else _canary_service(evidence, evidence.canary, wanted)
    follows = refused_over(evidence, "service")
    return replace(found, follows=follows) if found and follows else found


def _canary_service(evidence: Evidence, canary: Canary, wanted: int) -> Finding | None:
    stable = {each.name: each.selector for each in evidence.baseline.manifests if each.kind == "Service"}
    now = {each.name: each.selector for each in evidence.chart.manifests if each.kind == "Service"}
    if shared := [route for route in canary.services if route.name in stable and stable[route.name] == now[route.name]]:
        return Finding(
            _about("stable-service-selects-canary", f"Service/{shared[0].name}", canary),
            Hint(id="labels-of-its-own"),
            place_of(evidence, canary.source, "labels"),
        )
    own = [route for route in canary.services if route.name not in stable]
    if not own:
        return _no_service(evidence, canary, wanted)
    fitting = [route for route in own if _leads(route, canary, wanted)]
    if not fitting:
        return _wrong_port(evidence, canary, own[0], wanted)
    if also := fitting[0].also_selects:
        return Finding(
            _about("service-selects-others", f"Service/{fitting[0].name}", canary, names=also),
            Hint(id="select-canary-alone"),
            place_of(evidence, fitting[0].source, "selector"),
        )
    return None


def _leads(route: ServiceRoute, canary: Canary, wanted: int) -> bool:
    """Report whether a Service leads where it should; where the canary's port is wrong, to the one it has.

    A wrong containerPort that the Service follows is one mistake, and `canary_port` tells it.
    """
    targets = canary.ports if canary.ports and wanted not in canary.ports else ()
    return any(port == wanted and target in {wanted, *targets} for port, target in route.ports)


def _no_service(evidence: Evidence, canary: Canary, wanted: int) -> Finding:
    """Report the Service that the submission probably intends, and why it selects no pod of the canary."""
    added = set(evidence.added)
    services = [each for each in evidence.chart.manifests if each.kind == "Service" and each.key in added]
    if not services:
        return Finding(Cause(code="service-missing", deployment=canary.name), Hint(id="service-missing"))
    meant = max(services, key=lambda each: any(port == wanted for port, _ in service_ports(each, ())))
    if meant.is_external_name:
        return Finding(
            _about("service-external", str(meant.key), canary),
            Hint(id="service-type"),
            place_of(evidence, meant.source, "type"),
        )
    labels = next((pairs(each.pod_labels) for each in _deployments(evidence, canary.name)), "none")
    selector = pairs(meant.selector)
    return Finding(
        _about("service-selects-nothing", str(meant.key), canary, found=selector, expected=labels),
        Hint(id="selector-and-labels" if meant.selector else "service-without-selector"),
        place_of(evidence, meant.source, "selector"),
    )


def _wrong_port(evidence: Evidence, canary: Canary, route: ServiceRoute, wanted: int) -> Finding:
    service = next(each for each in evidence.chart.manifests if (each.kind, each.name) == ("Service", route.name))
    containers = (container for each in _deployments(evidence, canary.name) for container in each.containers)
    hint, fault = Hint(id="service-ports"), "targetPort" if any(port == wanted for port, _ in route.ports) else "port"
    if any(port.get("protocol", "TCP") != "TCP" for port in maps_at(service.body, "spec", "ports")):
        hint, fault = Hint(id="port-protocol"), "protocol"
    leads = tuple(routes(service, containers))
    return Finding(
        _about("service-port-differs", str(service.key), canary, limit=wanted, parts=leads),
        hint,
        place_of(evidence, route.source, fault, "ports"),
    )


def _absent(evidence: Evidence) -> Finding:
    """Report that there is no canary to judge. The finding follows from ``canary-present``, judged or not."""
    return Finding(evidence.decision.cause, follows=registry.CANARY_PRESENT.id)


def _about(code: FindingCode, key: str, canary: Canary, **fields: Any) -> Cause:
    """Return a cause that is about the object *key* and the canary."""
    return Cause(code=code, object=key, deployment=canary.name, **fields)


def _deployments(evidence: Evidence, name: str) -> Iterator[Manifest]:
    return (each for each in evidence.chart.manifests if (each.kind, each.name) == ("Deployment", name))
