"""Judges the stable app: that the submission leaves it alone, and that it serves all the time; pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace

from canaryproof.analysis.availability import longest, outages
from canaryproof.analysis.stable_state import Difference, difference
from canaryproof.checks.judging import observed
from canaryproof.checks.judging.finding import Finding, count, told_ports
from canaryproof.model.causes import Cause
from canaryproof.model.evidence import Evidence, Probe
from canaryproof.model.objects import Container, Manifest, pairs, picks, service_ports
from canaryproof.model.timeline import PodHistory, Timeline, condition
from canaryproof.scenario import Course


def stable_untouched(evidence: Evidence, course: Course) -> Finding | None:
    """The stable Deployment and Service are still the course's; limits, replicas and added labels may differ.

    Image, command and 0 replicas decide whether it is the app of the course that runs, hence they may not.
    """
    del course
    return _touches(evidence)


def _touches(evidence: Evidence) -> Finding | None:
    touched = tuple(touched_objects(evidence))
    if not touched:
        return None
    first, now, _ = touched[0]
    message = "; ".join(f"the stable {stable.key} {' and '.join(differences)}" for stable, _, differences in touched)
    templates = " and ".join(dict.fromkeys(stable.template for stable, _, _ in touched))
    follows = "canary-present" if now and len(touched) == 1 and _is_misplaced_canary(evidence, first, now) else ""
    hint = f"bring {templates} back to what the course's chart has, and keep the canary in files of its own"
    parts = tuple(Cause(code="stable-changed", object=str(stable.key)) for stable, _, _ in touched)
    return Finding(message, hint, (now or first).template, follows, Cause(code="stable-changed", parts=parts))


def touched_objects(evidence: Evidence) -> Iterator[tuple[Manifest, Manifest | None, list[str]]]:
    """Yield each stable Deployment and Service that is no longer the course's, what it is now, and how it differs."""
    chart = {(each.kind, each.name): each for each in evidence.chart.manifests if not each.is_hook}
    for stable in evidence.baseline.manifests:
        if stable.kind not in {"Deployment", "Service"}:
            continue
        now = chart.get((stable.kind, stable.name))
        differences = ["is missing from the chart"] if now is None else list(_differences(evidence, stable, now))
        if differences:
            yield stable, now, differences


def _is_misplaced_canary(evidence: Evidence, stable: Manifest, now: Manifest) -> bool:
    """Report whether all that stable has more is a container, where a Deployment of its own is missing."""
    names = {container.name for container in stable.containers}
    kept = [container for container in now.containers if container.name in names]
    same = not list(_container_differences(stable.containers, kept))
    return evidence.canary is None and same and stable.selector == now.selector and now.replicas > 0


def _differences(evidence: Evidence, stable: Manifest, now: Manifest) -> Iterator[str]:
    if stable.selector != now.selector:
        yield f"selects {pairs(now.selector)} instead of {pairs(stable.selector)}"
    if stable.kind == "Service":
        was = tuple(_picked(stable, evidence.baseline.manifests))
        is_now = tuple(_picked(stable, evidence.chart.manifests)) or was
        if service_ports(stable, was) != service_ports(now, is_now):
            yield f"leads {told_ports(now, is_now)} instead of {told_ports(stable, was)}"
        return
    if stable.kind == "Deployment" and not now.replicas and stable.replicas:
        yield "asks for 0 replicas, which shuts it down"
    yield from _container_differences(stable.containers, now.containers)


def _picked(service: Manifest, manifests: Iterable[Manifest]) -> Iterator[Container]:
    """Yield the containers of the pods that a Service leads to."""
    for each in manifests:
        if each.kind == "Deployment" and picks(service.selector, each.pod_labels):
            yield from each.containers


def _container_differences(before: Iterable[Container], after: Iterable[Container]) -> Iterator[str]:
    was = {container.name: container for container in before}
    now = {container.name: container for container in _renamed_back(was, after)}
    for name in sorted(now.keys() - was.keys()):
        yield f"has one container more, {name}"
    for name, container in was.items():
        if name not in now:
            yield f"has no container {name} any more"
            continue
        if now[name].image != container.image:
            yield f"runs the image {now[name].image} instead of {container.image}"
        if now[name].command != container.command:
            own = " ".join(container.command) or "the command of its image"
            command = " ".join(now[name].command) or "the command of its image"
            yield f"runs {command:.80} instead of {own:.80}"
        ports = [[port.number for port in each.ports] for each in (now[name], container)]
        if ports[0] != ports[1]:
            yield f"declares the ports {ports[0]} instead of {ports[1]}"
        yield from _deaf_probes(container, now[name])


def _deaf_probes(was: Container, now: Container) -> Iterator[str]:
    """Yield the probes that ask where the app does not listen: they end its pods, or keep them from being Ready."""
    declared: set[int | str] = {part for port in now.ports for part in (port.number, port.name)}
    for probe, port in now.probes:
        if port not in declared and (probe, port) not in was.probes:
            yield f"has a {probe} that asks port {port}, where it does not listen"


def _renamed_back(was: Mapping[str, Container], after: Iterable[Container]) -> Iterator[Container]:
    """Yield containers under the names that they had: one that is called otherwise, and is the same, is no other."""
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


def stable_serves_during_canary(evidence: Evidence, course: Course) -> Finding | None:
    """The stable Service answered while the canary failed: from the end of the upgrade to the start of the rollback."""
    del course
    began = evidence.upgrade.ended if evidence.upgrade else 0.0
    ended = evidence.rollback.began if evidence.rollback else evidence.ended_at or 0.0
    probes = [probe for probe in evidence.probes if began <= probe.at < ended]
    found = _unanswered(evidence, probes, "while the canary was there")
    return replace(found, follows=_touched(evidence)) if found and probes else found


def _touched(evidence: Evidence) -> str:
    """Return the check that says that stable is no longer the course's, which explains that it does not answer."""
    return "stable-untouched" if _touches(evidence) else ""


def stable_healthy(evidence: Evidence, course: Course) -> Finding | None:
    """Stable pods are Ready with the course's image, without restarts, and stay so for the hold time.

    What the upgrade changed in the stable objects is back too, labels and annotations included.
    """
    del course
    if evidence.observed:
        return observed.stable_healthy(evidence, evidence.observed)
    rolled_back = evidence.rollback.ended if evidence.rollback else 0.0
    for stable in evidence.baseline.manifests:
        if stable.kind == "Deployment" and (fault := _sick(evidence.timeline, stable, rolled_back)):
            cause = Cause(code="stable-unhealthy", object=str(stable.key))
            return Finding(
                f"after the rollback, {stable.key} {fault}", "look at what the chart changes in stable", cause=cause
            )
    began = evidence.upgrade.began if evidence.upgrade else None
    if began is not None and (left := difference(evidence.timeline, evidence.baseline.manifests, began)):
        hint = "look for what a rollback does not take back: hooks, and objects that another than Helm changed"
        cause = Cause(code="stable-differs-after-rollback", object=str(left.object), field=left.field)
        return Finding(f"after the rollback, {_describe_difference(left)}", hint, cause=cause)
    held = evidence.held
    if held is None:
        message, hint = "stable was not ready again after the rollback", "look at what the chart changes in stable"
        return Finding(message, hint, cause=Cause(code="not-restored"))
    if held < (hold := evidence.durations.hold):
        message = f"stable was healthy for {held:.1f} s at the end; expected at least {hold:g} s"
        return Finding(message, cause=Cause(code="not-held", seconds=held, limit=hold))
    return None


def _describe_difference(left: Difference) -> str:
    return f"{left.object} differs in {left.field}: {left.now or 'nothing'} instead of {left.was or 'nothing'}"


def _sick(timeline: Timeline, stable: Manifest, since: float) -> str:
    """Return what is wrong with the pods of a stable Deployment at the end of *timeline*; empty where nothing is."""
    pods = [pod for pod in timeline.pods_of(stable.name) if pod.is_live]
    if not pods:
        return "has no pod"
    images = sorted(container.image for container in stable.containers)
    for pod in pods:
        if condition(pod.latest, "Ready").get("status") != "True":
            return f"is not Ready: pod {pod.name}"
        if (seen := sorted(container.image for container in pod.containers)) != images:
            return f"runs {', '.join(seen)} instead of {', '.join(images)}: pod {pod.name}"
        if restarts := pod.restarts - _restarts_until(pod, since):
            return f"had {count(restarts, 'restart')}: pod {pod.name}"
    return ""


def _restarts_until(pod: PodHistory, at: float) -> int:
    before = tuple(version for version in pod.versions if version.at <= at)
    return PodHistory(pod.uid, before).restarts if before else 0


def stable_never_down(evidence: Evidence, course: Course) -> Finding | None:
    """No outage longer than the limit from revision 1 to the end.

    One outage is one mistake: where the check that is about its cause or its time has failed, and the rest of the time
    holds none that is too long, this one follows from that.
    """
    found = _unanswered(evidence, evidence.probes, "from revision 1 to the end")
    if not found or not evidence.probes:
        return found
    return replace(found, follows=_touched(evidence) or _told_already(evidence, course))


def _told_already(evidence: Evidence, course: Course) -> str:
    """Return the check of a shorter time that failed for all that this one found; empty where there is none."""
    upgrade, rollback = evidence.upgrade, evidence.rollback
    if not upgrade or not rollback:
        return ""
    durations = evidence.durations
    down = [each for each in outages(evidence.probes, durations) if each.seconds > durations.outage]
    during = evidence.canary and not upgrade.error and stable_serves_during_canary(evidence, course)
    if during and all(each.began < rollback.began and each.ended > upgrade.ended for each in down):
        return "stable-serves-during-canary"
    recovers = not rollback.error and stable_healthy(evidence, course)
    return "stable-healthy" if recovers and all(each.began >= rollback.began for each in down) else ""


def _unanswered(evidence: Evidence, probes: Iterable[Probe], when: str) -> Finding | None:
    probes, durations = tuple(probes), evidence.durations
    if not probes:
        return Finding(f"the stable Service was not asked {when}", cause=Cause(code="not-asked"))
    worst = longest(probes, durations)
    if worst is None or worst.seconds <= durations.outage:
        return None
    answered = sum(not probe.error for probe in probes)
    return Finding(
        f"the stable Service gave no answer for {worst.seconds:.1f} s {when}, at most {durations.outage:g} s may pass"
        f" ({answered} of {len(probes)} requests answered; {worst.failures} failed in a row: {worst.error})",
        f"{_nameless(evidence)}look at what the chart changes in stable, and whether its Service picks other pods too",
        cause=Cause(code="unanswered", seconds=worst.seconds, limit=durations.outage, count=worst.failures),
    )


def _nameless(evidence: Evidence) -> str:
    """Return what to do where the stable Service goes by a name of a port that the pods of revision 1 lack.

    It leads nowhere until others have started (Kubernetes, "Service", on ports by name).
    """
    chart = {each.name: each for each in evidence.chart.manifests if each.kind == "Service"}
    for stable in evidence.baseline.manifests:
        now = chart.get(stable.name) if stable.kind == "Service" else None
        if now and any(not target for _, target in service_ports(now, _picked(stable, evidence.baseline.manifests))):
            return (
                f"have {now.key} lead to its port by number: the pods of revision 1 have none of that name,"
                " and it leads nowhere until others have started; "
            )
    return ""
