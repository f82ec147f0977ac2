"""Judges the Services that lead to the canary.  This module is pure."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from canaryproof.checks.judging.finding import Finding, absent, place_of, refused_over, routes
from canaryproof.model.causes import Cause, FindingCode
from canaryproof.model.evidence import Canary, Evidence, ServiceRoute
from canaryproof.model.hints import Hint, HintId
from canaryproof.model.objects import Container, Manifest, maps_at, pairs, service_ports, text_at
from canaryproof.scenario.terms import Expectation, Scenario


def canary_service(evidence: Evidence, scenario: Scenario) -> Finding | None:
    """The Services that lead to the canary's pods are those that the scenario states.

    own: one leads to the stated ports of the canary's pods, and to no other pods. shared: a stable one leads to the
    pods of stable and of the canary. none: no Service leads to the canary's pods.
    """
    canary, traffic = evidence.canary, scenario.expect.traffic
    if canary is None:
        return absent(evidence)
    found = None
    if traffic == "own":
        found = _own(evidence, canary, scenario)
    elif traffic == "shared":
        found = _shared(evidence, canary)
    elif traffic == "none":
        found = _none(evidence, canary)
    follows = refused_over(evidence, "service")
    return replace(found, follows=follows) if found and follows else found


def _own(evidence: Evidence, canary: Canary, scenario: Scenario) -> Finding | None:
    stable = {each.name: each.selector for each in evidence.baseline.manifests if each.kind == "Service"}
    now = {each.name: each.selector for each in evidence.chart.manifests if each.kind == "Service"}
    unchanged = [each for each in canary.services if each.name in stable and stable[each.name] == now[each.name]]
    # A Service of a team's own chart may be there before its only pods, those of the canary, are.
    if shared := [each for each in unchanged if scenario.submits_charts or canary.in_place or each.also_selects]:
        return Finding(
            _about("stable-service-selects-canary", f"Service/{shared[0].name}", canary),
            Hint(id="traffic-in-place" if canary.in_place else "labels-of-its-own"),
            place_of(evidence, canary.source, "labels"),
        )
    # In a team's own chart, a stable Service that the upgrade switches over to the canary is the canary's (blue/green).
    own = [each for each in canary.services if each.name not in stable or not scenario.submits_charts]
    if not own:
        return _no_service(evidence, canary, scenario.expect)
    fitting = [route for route in own if _leads(evidence, route, canary, scenario.expect)]
    if not fitting:
        return _wrong_port(evidence, canary, own[0], scenario)
    if also := fitting[0].also_selects:
        return Finding(
            _about("service-selects-others", f"Service/{fitting[0].name}", canary, names=also),
            Hint(id="select-canary-alone"),
            place_of(evidence, fitting[0].source, "selector"),
        )
    return None


def _shared(evidence: Evidence, canary: Canary) -> Finding | None:
    """Report that no stable Service leads to the pods of both."""
    stable = [each for each in evidence.chart.manifests if _is_stable_service(evidence, each)]
    led = {route.name: route for route in canary.services}
    both = [led[each.name] for each in stable if each.name in led and led[each.name].also_selects]
    if any(target for route in both for _, target in route.ports):
        return None
    if both:
        service = next(each for each in stable if each.name == both[0].name)
        leads = tuple(routes(service, _containers(evidence, canary)))
        return Finding(
            _about("shared-service-port-unknown", str(service.key), canary, parts=leads),
            Hint(id="port-name-of-stable"),
            place_of(evidence, canary.source, "ports", "containers"),
        )
    if alone := [each for each in stable if each.name in led]:
        return Finding(
            _about("service-selects-canary-alone", str(alone[0].key), canary, found=pairs(alone[0].selector)),
            Hint(id="select-both"),
            place_of(evidence, alone[0].source, "selector"),
        )
    if not stable:
        return Finding(_about("stable-service-missing", "", canary), Hint(id="traffic-none"))
    labels, selector = _labels(evidence, canary), pairs(stable[0].selector)
    return Finding(
        _about("service-selects-nothing", str(stable[0].key), canary, found=selector, expected=labels),
        Hint(id="labels-of-stable"),
        place_of(evidence, canary.source, "labels"),
    )


def _none(evidence: Evidence, canary: Canary) -> Finding | None:
    if not canary.services:
        return None
    route = canary.services[0]
    is_stable = any(_is_stable_service(evidence, each) and each.name == route.name for each in evidence.chart.manifests)
    return Finding(
        _about("service-selects-canary", f"Service/{route.name}", canary),
        Hint(id="labels-of-its-own" if is_stable and not canary.in_place else "traffic-not-none"),
        place_of(evidence, route.source, "selector"),
    )


def _is_stable_service(evidence: Evidence, service: Manifest) -> bool:
    return service.kind == "Service" and service.key not in evidence.added and bool(service.selector)


def _leads(evidence: Evidence, route: ServiceRoute, canary: Canary, expect: Expectation) -> bool:
    """Report whether a Service leads to the stated port of the canary.

    If the canary declares another port, a Service may lead to that one: `canary_port` reports the mistake.  Clients of
    a headless Service connect to the pods directly, so that its own port does not matter (Kubernetes, "Headless
    Services").
    """
    wanted, inner = expect.port_of_service, expect.container_port
    is_headless = text_at(_service(evidence, route.name).body, "spec", "clusterIP") == "None"
    others = {*canary.ports} if inner not in canary.ports else set()
    return any(
        (is_headless or wanted in {None, port}) and target and (inner is None or target in {inner, *others})
        for port, target in route.ports
    )


def _no_service(evidence: Evidence, canary: Canary, expect: Expectation) -> Finding:
    """Report the Service that is probably intended, and why it selects no pod of the canary."""
    added = set(evidence.added)
    services = [each for each in evidence.chart.manifests if each.kind == "Service" and each.key in added]
    if not services:
        return Finding(Cause(code="service-missing", deployment=canary.name), Hint(id="service-missing"))
    wanted = expect.port_of_service
    meant = max(services, key=lambda each: any(port == wanted for port, _ in service_ports(each, ())))
    if meant.is_external_name:
        return Finding(
            _about("service-external", str(meant.key), canary),
            Hint(id="service-type"),
            place_of(evidence, meant.source, "type"),
        )
    labels, selector = _labels(evidence, canary), pairs(meant.selector)
    return Finding(
        _about("service-selects-nothing", str(meant.key), canary, found=selector, expected=labels),
        Hint(id="selector-and-labels" if meant.selector else "service-without-selector"),
        place_of(evidence, meant.source, "selector"),
    )


def _wrong_port(evidence: Evidence, canary: Canary, route: ServiceRoute, scenario: Scenario) -> Finding:
    service, wanted = _service(evidence, route.name), scenario.expect.port_of_service
    hint: HintId = "service-ports"
    has_port = any(port == wanted for port, _ in route.ports)
    if not scenario.submits_charts and any(target == scenario.expect.container_port for _, target in route.ports):
        hint = "service-port-term"
    fault = "targetPort" if has_port or wanted is None else "port"
    if any(port.get("protocol", "TCP") != "TCP" for port in maps_at(service.body, "spec", "ports")):
        hint, fault = "port-protocol", "protocol"
    cause = _about(
        "service-port-differs",
        str(service.key),
        canary,
        limit=wanted or 0,
        ports=(scenario.expect.container_port,) if scenario.expect.container_port else (),
        parts=tuple(routes(service, _containers(evidence, canary))),
    )
    return Finding(cause, Hint(id=hint), place_of(evidence, route.source, fault, "ports"))


def _about(code: FindingCode, key: str, canary: Canary, **fields: Any) -> Cause:
    """Return a cause that is about the object *key* and the canary."""
    return Cause(code=code, object=key, deployment=canary.name, **fields)


def _service(evidence: Evidence, name: str) -> Manifest:
    return next(each for each in evidence.chart.manifests if (each.kind, each.name) == ("Service", name))


def _workload(evidence: Evidence, canary: Canary) -> Manifest:
    return next((each for each in evidence.chart.manifests if each.key.local == canary.key), Manifest({}))


def _labels(evidence: Evidence, canary: Canary) -> str:
    """Return the labels of the canary's pods."""
    return pairs(_workload(evidence, canary).pod_labels)


def _containers(evidence: Evidence, canary: Canary) -> tuple[Container, ...]:
    return _workload(evidence, canary).containers
