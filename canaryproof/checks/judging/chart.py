"""Judges what is handed in: the chart, and the canary that it adds; evidence in, findings out; pure."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from canaryproof.checks.judging.finding import (
    HINTS,
    Finding,
    because,
    count,
    place_of,
    refused_over,
    template_of,
    told_ports,
    unknown_workload,
)
from canaryproof.checks.troubleshooting import explain, shares_replicas
from canaryproof.checks.unrendered import omitted
from canaryproof.model.causes import Cause, FindingCode
from canaryproof.model.evidence import Canary, Evidence, ServiceRoute, rendering_failure
from canaryproof.model.objects import Manifest, maps_at, pairs, service_ports, text_at, value_at
from canaryproof.model.wording.cause_sentences import describe
from canaryproof.model.wording.violation_sentences import advise, describe_violation
from canaryproof.scenario import Course


def chart_renders(evidence: Evidence, course: Course) -> Finding | None:
    """Helm renders the chart, its objects are well-formed, and the cluster got what was rendered."""
    del course
    if evidence.violation:
        return Finding(
            f"refused, after the upgrade: {describe_violation(evidence.violation)}",
            advise(evidence.violation),
            cause=evidence.decision.cause,
        )
    if not evidence.chart.error:
        return None
    error, advice, outcome = evidence.chart.error, evidence.chart.hint, evidence.decision.outcome
    if outcome == "unsafe-chart" or not evidence.files:
        what = "refused, before anything was applied" if outcome == "unsafe-chart" else "there is no chart to render"
        return Finding(f"{what}: {error}", advice or HINTS[outcome], cause=evidence.decision.cause)
    known = explain(error, evidence.files, cause=evidence.chart.cause)
    hint = known.hint or HINTS["broken-chart"]
    failure = replace(rendering_failure(evidence.chart), detail=because(known, error))
    return Finding(describe(failure), hint, known.where, cause=rendering_failure(evidence.chart))


def canary_present(evidence: Evidence, course: Course) -> Finding | None:
    """The submission adds exactly one Deployment to the course's chart."""
    del course
    if evidence.canary:
        return None
    decision = evidence.decision
    if decision.outcome == "ambiguous":
        return Finding(decision.reason, HINTS["ambiguous"], cause=decision.cause)
    if unknown := unknown_workload(evidence):
        message = f"{decision.reason}; this cluster knows no kind {unknown.kind}"
        hint = "compare its kind with the stable Deployment's: letters, and whether they are capital letters"
        return Finding(message, hint, place_of(evidence, unknown.source, "kind"), cause=decision.cause)
    if hidden := omitted(evidence.files, {each.template for each in evidence.chart.manifests}):
        return Finding(f"{decision.reason}; {hidden.says}", hidden.hint, hidden.where, cause=decision.cause)
    hooked = any(each.is_hook and each.kind == "Deployment" for each in evidence.chart.manifests)
    hint = "a hook is no part of the release: take the annotation helm.sh/hook out of the Deployment" if hooked else ""
    return Finding(decision.reason, hint or HINTS["no-canary"], cause=decision.cause)


def canary_replicas(evidence: Evidence, course: Course) -> Finding | None:
    """The canary asks for as many replicas as the course says."""
    canary, wanted = evidence.canary, course.canary.replicas
    if canary is None:
        return _absent(evidence)
    if canary.replicas == wanted:
        return _scaled(evidence, canary, wanted)
    message = f"{canary.deployment} asks for {count(canary.replicas, 'replica')}; the canary is to have {wanted}"
    hint = "follow spec.replicas of its template to where the number is set"
    if shared := shares_replicas(evidence.files, template_of(canary.source)):
        hint = f"its number comes from .Values.{shared}, which the stable app uses too: the canary needs one of its own"
    where, follows = place_of(evidence, canary.source, "replicas"), refused_over(evidence, "replicas")
    cause = Cause(code="replicas-differ", deployment=canary.deployment, count=canary.replicas, limit=wanted)
    return Finding(message, hint, where, follows, cause)


def _scaled(evidence: Evidence, canary: Canary, wanted: int) -> Finding | None:
    """Say that an autoscaler of the chart asks for more than the Deployment does (HorizontalPodAutoscaler API)."""
    for scaler in evidence.chart.manifests:
        least = value_at(scaler.body, "spec", "minReplicas")
        target = (text_at(scaler.body, "spec", "scaleTargetRef", part) for part in ("kind", "name"))
        aims = scaler.kind == "HorizontalPodAutoscaler" and tuple(target) == ("Deployment", canary.deployment)
        if aims and isinstance(least, int) and least > wanted:
            message = f"{scaler.key} scales {canary.deployment} to at least {least}; the canary is to have {wanted}"
            hint = "look at minReplicas: an autoscaler overrules spec.replicas of the Deployment"
            cause = Cause(code="autoscaler-overrules", object=str(scaler.key), count=least, limit=wanted)
            return Finding(message, hint, place_of(evidence, scaler.source, "minReplicas"), cause=cause)
    return None


def canary_port(evidence: Evidence, course: Course) -> Finding | None:
    """A container of the canary declares the course's port."""
    canary, wanted = evidence.canary, course.canary.port
    if canary is None:
        return _absent(evidence)
    if wanted in canary.ports:
        return None
    seen = ", ".join(map(str, canary.ports)) or "no port"
    message = f"no container of {canary.deployment} declares containerPort {wanted}; seen: {seen}"
    return Finding(
        message,
        "look at the ports of the container, in its template",
        place_of(evidence, canary.source, "containerPort", "ports"),
        refused_over(evidence, "container-ports"),
        Cause(code="port-missing", deployment=canary.deployment, ports=canary.ports, limit=wanted),
    )


def canary_service(evidence: Evidence, course: Course) -> Finding | None:
    """A Service on the course's port leads to that port of the canary's pods, and of no other pods."""
    if evidence.canary is None:
        return _absent(evidence)
    found = _canary_service(evidence, evidence.canary, course.canary.port)
    follows = refused_over(evidence, "service")
    return replace(found, follows=follows) if found and follows else found


def _canary_service(evidence: Evidence, canary: Canary, wanted: int) -> Finding | None:
    stable = {each.name: each.selector for each in evidence.baseline.manifests if each.kind == "Service"}
    now = {each.name: each.selector for each in evidence.chart.manifests if each.kind == "Service"}
    if shared := [route for route in canary.services if route.name in stable and stable[route.name] == now[route.name]]:
        return Finding(
            f"the stable Service {shared[0].name} picks the pods of {canary.deployment} too: it selects their labels",
            "give the canary's pods labels that no other pods have",
            place_of(evidence, canary.source, "labels"),
            cause=_of_service("stable-service-selects-canary", shared[0].name, canary),
        )
    own = [route for route in canary.services if route.name not in stable]
    if not own:
        return _no_service(evidence, canary, wanted)
    fitting = [route for route in own if _leads(route, canary, wanted)]
    if not fitting:
        return _wrong_port(evidence, canary, own[0], wanted)
    if also := fitting[0].also_selects:
        return Finding(
            f"{fitting[0].name} leads to pods of {', '.join(also)} too, not only to the canary's",
            "select by a label that only the canary's pods have",
            place_of(evidence, fitting[0].source, "selector"),
            cause=_of_service("service-selects-others", fitting[0].name, canary),
        )
    return None


def _leads(route: ServiceRoute, canary: Canary, wanted: int) -> bool:
    """Report whether a Service leads where it should; where the canary's port is wrong, to the one it has.

    A wrong containerPort that the Service follows is one mistake, and `canary_port` tells it.
    """
    targets = canary.ports if canary.ports and wanted not in canary.ports else ()
    return any(port == wanted and target in {wanted, *targets} for port, target in route.ports)


def _no_service(evidence: Evidence, canary: Canary, wanted: int) -> Finding:
    """Say which Service of the submission was probably meant, and why it picks no pod of the canary."""
    added = set(evidence.added)
    services = [each for each in evidence.chart.manifests if each.kind == "Service" and each.key in added]
    if not services:
        return Finding(
            f"no Service leads to the pods of {canary.deployment}: the chart adds none",
            "add a Service for the canary, in a template beside the stable one",
            cause=Cause(code="service-missing", deployment=canary.deployment),
        )
    meant = max(services, key=lambda each: any(port == wanted for port, _ in service_ports(each, ())))
    if meant.is_external_name:
        return Finding(
            f"{meant.name} is of the type ExternalName: it leads to a name elsewhere, and to no pods",
            "take the type out: a Service of the default type leads to the pods that it selects",
            place_of(evidence, meant.source, "type"),
            cause=_of_service("service-external", meant.name, canary),
        )
    labels = next((pairs(each.pod_labels) for each in _deployments(evidence, canary.deployment)), "none")
    hint = "make the selector of the Service and the labels of the pods the same, letter by letter"
    return Finding(
        f"{meant.name} selects {pairs(meant.selector)}; the canary's pods have {labels}",
        hint if meant.selector else "a Service without a selector leads to no pods: compare it with the stable one",
        place_of(evidence, meant.source, "selector"),
        cause=_of_service("service-selects-nothing", meant.name, canary),
    )


def _wrong_port(evidence: Evidence, canary: Canary, route: ServiceRoute, wanted: int) -> Finding:
    service = next(each for each in evidence.chart.manifests if (each.kind, each.name) == ("Service", route.name))
    containers = (container for each in _deployments(evidence, canary.deployment) for container in each.containers)
    hint = "look at port and targetPort of the Service: the first is its own, the second the container's"
    fault = "targetPort" if any(port == wanted for port, _ in route.ports) else "port"
    if any(port.get("protocol", "TCP") != "TCP" for port in maps_at(service.body, "spec", "ports")):
        hint, fault = "look at the protocol of the Service's port: the app is asked over HTTP, which is TCP", "protocol"
    seen = told_ports(service, containers)
    return Finding(
        f"{route.name} must lead from port {wanted} to {wanted} of the canary's pods; it leads {seen}",
        hint,
        place_of(evidence, route.source, fault, "ports"),
        cause=_of_service("service-port-differs", route.name, canary),
    )


def _absent(evidence: Evidence) -> Finding:
    """Say that there is no canary to judge, which is told by ``canary-present``, judged or not."""
    return Finding(evidence.decision.reason, follows="canary-present", cause=evidence.decision.cause)


def _of_service(code: FindingCode, name: str, canary: Canary) -> Cause:
    return Cause(code=code, object=f"Service/{name}", deployment=canary.deployment)


def _deployments(evidence: Evidence, name: str) -> Iterator[Manifest]:
    return (each for each in evidence.chart.manifests if (each.kind, each.name) == ("Deployment", name))
