"""Judges the stable app: that the upgrade leaves it alone, and that it serves all the time.  This module is pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace

from canaryproof.analysis.availability import Outage, by_service, longest, outage_limit, outages, stated, success_rate
from canaryproof.analysis.stable_state import difference
from canaryproof.checks import registry
from canaryproof.checks.judging import observed
from canaryproof.checks.judging.finding import Finding, routes
from canaryproof.model.causes import Cause, During
from canaryproof.model.evidence import Evidence, Probe
from canaryproof.model.hints import Hint
from canaryproof.model.objects import WORKLOADS, Container, Manifest, ObjectKey, pairs, picks, service_ports
from canaryproof.model.timeline import PodHistory
from canaryproof.scenario.terms import Scenario

COMMAND = 80
"""The number of characters of a command that a finding shows."""


def stable_untouched(evidence: Evidence, scenario: Scenario) -> Finding | None:
    """The stable workloads and Services are still the stable chart's; limits, replicas and added labels may differ.

    Image, command and 0 replicas decide whether it is the stable app that runs, hence they may not. A canary that is
    changed in place is no longer one of them. In a team's own chart, neither is a Service that is switched over to the
    canary, nor a workload that the release changes along with a canary in place.
    """
    return _touches(evidence, scenario)


def _touches(evidence: Evidence, scenario: Scenario) -> Finding | None:
    allowed = () if scenario.submits_charts else (*_switched(evidence), *_released(evidence))
    touched = tuple(each for each in touched_objects(evidence) if each[0].key not in allowed)
    if not touched:
        return None
    first, now, _ = touched[0]
    templates = tuple(dict.fromkeys(stable.template for stable, _, _ in touched))
    misplaced = now and len(touched) == 1 and _is_misplaced_canary(evidence, first, now)
    parts = tuple(Cause(code="stable-changed", object=str(stable.key), parts=differ) for stable, _, differ in touched)
    return Finding(
        Cause(code="stable-changed", parts=parts),
        Hint(id="restore-templates" if scenario.submits_charts else "stable-changes-too", files=templates),
        (now or first).template,
        registry.CANARY_PRESENT.id if misplaced or _is_undecided(evidence, scenario) else "",
    )


def _is_undecided(evidence: Evidence, scenario: Scenario) -> bool:
    """Report whether one of the changed workloads of a team's own chart is the canary, and it is not known which."""
    return not scenario.submits_charts and evidence.decision.cause.code == "several-workloads-changed"


def _released(evidence: Evidence) -> tuple[ObjectKey, ...]:
    """Return the workloads that the upgrade changes in place besides the canary, and that still ask for pods."""
    if evidence.canary is None or not evidence.canary.in_place:
        return ()
    now = {each.key: each for each in evidence.chart.manifests if each.kind in WORKLOADS}
    stable = (each for each in evidence.baseline.manifests if each.key in now)
    return tuple(each.key for each in stable if now[each.key].replicas or not each.replicas)


def _switched(evidence: Evidence) -> tuple[ObjectKey, ...]:
    """Return the stable Services that the upgrade switches over to the pods of the canary (blue/green)."""
    led = {route.name for route in evidence.canary.services} if evidence.canary else set()
    now = {each.name: each.selector for each in evidence.chart.manifests if each.kind == "Service"}
    services = (each for each in evidence.baseline.manifests if each.kind == "Service" and each.name in led)
    return tuple(each.key for each in services if each.selector != now[each.name])


def touched_objects(evidence: Evidence) -> Iterator[tuple[Manifest, Manifest | None, tuple[Cause, ...]]]:
    """Yield each stable workload and Service that differs from the stable chart, its present state, the difference."""
    chart = {(each.kind, each.name): each for each in evidence.chart.manifests if not each.is_hook}
    canary = evidence.canary.key if evidence.canary else None
    for stable in evidence.baseline.manifests:
        if stable.kind not in {*WORKLOADS, "Service"} or stable.is_hook or stable.key.local == canary:
            continue
        now = chart.get((stable.kind, stable.name))
        missing = (Cause(code="object-missing"),)
        differences = missing if now is None else tuple(_differences(evidence, stable, now))
        if differences:
            yield stable, now, differences


def _is_misplaced_canary(evidence: Evidence, stable: Manifest, now: Manifest) -> bool:
    """Report whether stable only has an additional container, and the canary's own Deployment is missing."""
    names = {container.name for container in stable.containers}
    kept = [container for container in now.containers if container.name in names]
    same = not list(_container_differences(stable.containers, kept))
    return evidence.canary is None and same and stable.selector == now.selector and now.replicas > 0


def _differences(evidence: Evidence, stable: Manifest, now: Manifest) -> Iterator[Cause]:
    if stable.selector != now.selector:
        yield Cause(code="selector-changed", found=pairs(now.selector), expected=pairs(stable.selector))
    if stable.kind == "Service":
        was = tuple(_picked(stable, evidence.baseline.manifests))
        is_now = tuple(_picked(stable, _without_canary(evidence))) or was
        if service_ports(stable, was) != service_ports(now, is_now):
            leads = (tuple(routes(now, is_now)), tuple(routes(stable, was)))
            yield Cause(code="routes-changed", parts=tuple(Cause(code="routes", parts=each) for each in leads))
        return
    if not now.replicas and stable.replicas:
        yield Cause(code="replicas-zero")
    yield from _container_differences(stable.containers, now.containers)


def _without_canary(evidence: Evidence) -> Iterator[Manifest]:
    """Yield the objects of the canary's revision but the canary, whose ports `traffic.canary_service` judges."""
    canary = evidence.canary.key if evidence.canary else None
    return (each for each in evidence.chart.manifests if each.key.local != canary)


def _picked(service: Manifest, manifests: Iterable[Manifest]) -> Iterator[Container]:
    """Yield the containers of the pods that a Service leads to."""
    for each in manifests:
        if each.kind in WORKLOADS and picks(service.selector, each.pod_labels):
            yield from each.containers


def _container_differences(before: Iterable[Container], after: Iterable[Container]) -> Iterator[Cause]:
    was = {container.name: container for container in before}
    now = {container.name: container for container in _renamed_back(was, after)}
    for name in sorted(now.keys() - was.keys()):
        yield Cause(code="container-more", container=name)
    for name, container in was.items():
        if name not in now:
            yield Cause(code="container-left-out", container=name)
            continue
        if now[name].image != container.image:
            yield Cause(code="container-image-changed", found=now[name].image, expected=container.image)
        if now[name].command != container.command:
            command, own = (" ".join(each.command)[:COMMAND] for each in (now[name], container))
            yield Cause(code="command-changed", found=command, expected=own)
        ports, own_ports = (", ".join(str(port.number) for port in each.ports) for each in (now[name], container))
        if ports != own_ports:
            yield Cause(code="ports-changed", found=ports, expected=own_ports)
        yield from _deaf_probes(container, now[name])


def _deaf_probes(was: Container, now: Container) -> Iterator[Cause]:
    """Yield the probes on ports where the app does not listen. They restart its pods or keep them from being Ready."""
    declared: set[int | str] = {part for port in now.ports for part in (port.number, port.name)}
    for probe, port in now.probes:
        if port not in declared and (probe, port) not in was.probes:
            yield Cause(code="probe-port-unknown", field=probe, found=str(port))


def _renamed_back(was: Mapping[str, Container], after: Iterable[Container]) -> Iterator[Container]:
    """Yield containers under their former names. A container that only has a new name counts as the same."""
    after = tuple(after)
    names = {container.name for container in after}
    missing = [container for name, container in was.items() if name not in names]
    for container in after:
        same = [each for each in missing if _runs_the_same(each, container) and container.name not in was]
        if same:
            missing.remove(same[0])
        yield replace(container, name=same[0].name) if same else container


def _runs_the_same(one: Container, other: Container) -> bool:
    numbers = [[port.number for port in each.ports] for each in (one, other)]
    return (one.image, one.command) == (other.image, other.command) and numbers[0] == numbers[1]


def stable_serves_during_canary(evidence: Evidence, scenario: Scenario) -> Finding | None:
    """The stable Services answered while the canary was there: from the end of the upgrade to the rollback."""
    upgrade = evidence.upgrade
    began = (upgrade.began if upgrade.gave_up else upgrade.ended) if upgrade else 0.0
    ended = evidence.rollback.began if evidence.rollback else evidence.ended_at or 0.0
    probes = [probe for probe in evidence.probes if began <= probe.at < ended]
    found = _unanswered(evidence, scenario, probes, "canary")
    return replace(found, follows=_touched(evidence, scenario)) if found and probes else found


def _touched(evidence: Evidence, scenario: Scenario) -> str:
    """Return the check that found changes in stable, if they explain why stable does not answer."""
    return registry.STABLE_UNTOUCHED.id if _touches(evidence, scenario) else ""


def stable_healthy(evidence: Evidence, scenario: Scenario) -> Finding | None:
    """Stable pods are Ready with the stable chart's images, without restarts, and stay so for the hold time.

    What the upgrade changed in the stable objects is back too, labels and annotations included.
    """
    del scenario
    if evidence.observed:
        found = observed.stable_healthy(evidence, evidence.observed)
        return replace(found, follows=registry.CANARY_GONE.id) if found and _waits_in_vain(evidence) else found
    rolled_back = evidence.rollback.ended if evidence.rollback else 0.0
    for stable in evidence.baseline.manifests:
        if _is_workload(stable) and (cause := unhealthy(evidence, stable, rolled_back)):
            return Finding(cause, Hint(id="stable-changes"), follows=_stuck(evidence, stable))
    began = evidence.upgrade.began if evidence.upgrade else None
    if began is not None and (left := difference(evidence.timeline, evidence.baseline.manifests, began)):
        return Finding(left, Hint(id="not-taken-back"))
    if evidence.held is None:
        return Finding(Cause(code="not-restored"), Hint(id="stable-changes"))
    return observed.not_held(evidence, evidence.held)


def _waits_in_vain(evidence: Evidence) -> bool:
    """Report whether a stable StatefulSet waits for a pod of the canary, which is left over."""
    return any(each.holder and each.holder.kind == "ordered-ready" for each in evidence.leftovers)


def _is_workload(manifest: Manifest) -> bool:
    return manifest.kind in WORKLOADS and not manifest.is_hook and manifest.replicas > 0


def _stuck(evidence: Evidence, stable: Manifest) -> str:
    """Return the check that found pods of a canary in place of those of *stable*, or an empty string."""
    canary = evidence.canary
    pods = canary.pods(evidence.timeline) if canary and canary.key == stable.key.local else ()
    return registry.CANARY_GONE.id if any(pod.is_live for pod in pods) and evidence.leftovers else ""


def unhealthy(evidence: Evidence, stable: Manifest, since: float) -> Cause | None:
    """Return the problem of the pods of a stable workload at the end of the timeline, or None if they are healthy."""
    timeline, began = evidence.timeline, evidence.upgrade.began if evidence.upgrade else 0.0
    if cause := observed.not_running(timeline, stable, timeline.until(began)):
        return cause
    for pod in timeline.pods_of(stable.key.local):
        if pod.is_live and (restarts := pod.restarts - _restarts_until(pod, since)):
            return Cause(code="pod-restarted", object=str(stable.key), pod=pod.name, count=restarts)
    return None


def _restarts_until(pod: PodHistory, at: float) -> int:
    before = tuple(version for version in pod.versions if version.at <= at)
    return PodHistory(pod.uid, before).restarts if before else 0


def stable_never_down(evidence: Evidence, scenario: Scenario) -> Finding | None:
    """No outage longer than the limit from revision 1 to the end.

    One outage is one mistake: where the check that is about its cause or its time has failed, and the rest of the time
    holds none that is too long, this one follows from that.
    """
    found = _unanswered(evidence, scenario, evidence.probes, "run")
    if not found or not evidence.probes:
        return found
    return replace(found, follows=_touched(evidence, scenario) or _told_already(evidence, scenario))


def _told_already(evidence: Evidence, scenario: Scenario) -> str:
    """Return the check of a shorter time that failed for all that this one found; empty where there is none."""
    upgrade, rollback = evidence.upgrade, evidence.rollback
    if not upgrade or not rollback:
        return ""
    down = [*_long_outages(evidence, scenario)]
    during = evidence.canary and not upgrade.error and stable_serves_during_canary(evidence, scenario)
    if during and all(each.began < rollback.began and each.ended > upgrade.ended for each in down):
        return registry.STABLE_SERVES_DURING_CANARY.id
    recovers = not rollback.error and stable_healthy(evidence, scenario)
    return registry.STABLE_HEALTHY.id if recovers and all(each.began >= rollback.began for each in down) else ""


def _long_outages(evidence: Evidence, scenario: Scenario) -> Iterator[Outage]:
    """Yield the outages of all Services that were longer than their limits."""
    time_limits = evidence.time_limits
    for service, probes in by_service(evidence.probes).items():
        limit = outage_limit(service, scenario.availability, time_limits)
        yield from (each for each in outages(probes, time_limits) if each.seconds > limit)


def _unanswered(evidence: Evidence, scenario: Scenario, probes: Iterable[Probe], during: During) -> Finding | None:
    """Return the finding on the Service with the longest outage that is too long, else on one with a low rate."""
    services = by_service(probes)
    if not services:
        return Finding(Cause(code="not-asked", during=during))
    causes = [each for item in services.items() for each in _faults(evidence, scenario, *item, during)]
    if not causes:
        return None
    worst = max(causes, key=lambda each: (each.code == "unanswered", each.seconds))
    is_only = len(by_service(evidence.probes)) == 1 and not scenario.availability
    cause = replace(worst, object="") if is_only else worst
    return Finding(cause, _why_silent(evidence))


def _why_silent(evidence: Evidence) -> Hint:
    if nameless := _nameless(evidence):
        return Hint(id="port-by-number", object=nameless)
    canary = evidence.canary
    if canary and canary.in_place:
        return Hint(id="pods-before-others", object=str(canary.key))
    if switched := _switched(evidence):
        return Hint(id="service-switched", object=str(switched[0]))
    return Hint(id="stable-silent")


def _faults(
    evidence: Evidence, scenario: Scenario, service: str, probes: tuple[Probe, ...], during: During
) -> Iterator[Cause]:
    """Yield why the answers of a Service do not suffice."""
    time_limits = evidence.time_limits
    worst, limit = longest(probes, time_limits), outage_limit(service, scenario.availability, time_limits)
    told = Cause(
        code="unanswered",
        object=f"Service/{service}",
        during=during,
        limit=limit,
        requests=len(probes),
        answered=sum(not probe.error for probe in probes),
    )
    if worst and worst.seconds > limit:
        yield replace(told, seconds=worst.seconds, count=worst.failures, detail=worst.error)
    asked = stated(service, scenario.availability)
    wanted = asked.success_rate if asked else None
    if wanted is not None and (rate := success_rate(probes)) < wanted:
        yield replace(told, code="answered-rarely", limit=wanted, found=f"{rate:.1f}")


def _nameless(evidence: Evidence) -> str:
    """Return the stable Service where it goes by a name of a port that the pods of revision 1 lack; else nothing.

    It leads nowhere until others have started (Kubernetes, "Service", on ports by name).
    """
    chart = {each.name: each for each in evidence.chart.manifests if each.kind == "Service"}
    for stable in evidence.baseline.manifests:
        now = chart.get(stable.name) if stable.kind == "Service" else None
        if now and any(not target for _, target in service_ports(now, _picked(stable, evidence.baseline.manifests))):
            return str(now.key)
    return ""
