"""What the acceptance checks ask of the evidence: each returns None where it holds, or what is wrong; pure."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace

from canaryproof.availability import longest
from canaryproof.course import Course
from canaryproof.durations import DURATIONS, Durations
from canaryproof.evidence import Canary, Evidence, Leftover, OutcomeName, Probe, Revision, ServiceRoute
from canaryproof.manifests import Container, Manifest, pairs, service_ports
from canaryproof.settling import changed
from canaryproof.texts import place
from canaryproof.timeline import PodHistory, Timeline, condition
from canaryproof.traps import Explanation, explain, outside_templates, shares_replicas

STABLE_REVISION = 1
CANARY_REVISION = 2
KEEP = "helm.sh/resource-policy"
OWNED = "its owner"


@dataclass(frozen=True)
class Finding:
    """Why a check fails: what was expected and what was seen, where to look, and what to try."""

    message: str
    hint: str = ""
    where: str = ""
    """The template at fault, as seen from the chart's folder, and the line where it is known."""
    follows: str = ""
    """The check that found the cause: what fails only on its account is told, and is no second mistake."""

    def __str__(self) -> str:
        """Put each part on a line of its own."""
        return "\n".join(part for part in (self.message, self.where, self.hint and f"try: {self.hint}") if part)


HINTS: Mapping[OutcomeName, str] = {
    "crash-loop": "look at the container's log: it says why the program gave up",
    "healthy": "compare the canary's image, command and arguments with the assignment's: the one it names cannot run",
    "not-ready": "look at its readiness probe and its number of replicas: the program runs, but gets no traffic",
    "image-pull": "compare the image and its tag in values.yaml, letter by letter, with the assignment's",
    "config-error": "look for a ConfigMap or Secret that the canary asks for and the chart does not create",
    "start-error": "look at command and args of the container: what they name must exist in the image",
    "exits-cleanly": "look at command and args of the container: the program does its work and ends, it does not fail",
    "oom-killed": "give the container the memory limit that the assignment's values have",
    "probe-killed": "look at path, port and delays of the probe: the program would go on running without it",
    "init-crash-loop": "look at the init container's log; the assignment asks for none",
    "unschedulable": "compare the cpu and memory limits in values.yaml with the assignment's: no node has that much",
    "refused": "read what the cluster said: it names the field, the quota or the account that it objects to",
    "no-canary": "add the canary as a Deployment of its own, in a template beside the stable one",
    "ambiguous": "keep one Deployment beside the stable one",
    "broken-chart": "run helm template on the chart and correct what it reports",
    "unsafe-chart": "hand in plain files and folders only",
    "undecided": "look at the canary's pods while they run: kubectl describe pod shows what they wait for",
}
"""What to try when the canary's fate is not the expected one."""

PLACES: Mapping[OutcomeName, tuple[str, ...]] = {
    "healthy": ("image",),
    "not-ready": ("readinessProbe", "replicas"),
    "image-pull": ("image",),
    "config-error": ("configMapRef", "secretRef", "configMapKeyRef", "secretKeyRef", "configMap", "secret"),
    "start-error": ("command", "args", "image"),
    "exits-cleanly": ("command", "args", "image"),
    "oom-killed": ("memory",),
    "probe-killed": ("livenessProbe", "startupProbe"),
    "init-crash-loop": ("initContainers",),
    "unschedulable": ("cpu", "nodeSelector", "affinity"),
}
"""The keys of the canary's template that most likely decide its fate."""


def chart_renders(evidence: Evidence, course: Course) -> Finding | None:
    """Helm renders the chart, and its objects are well-formed."""
    del course
    if not evidence.chart.error:
        return None
    error, outcome = evidence.chart.error, evidence.decision.outcome
    if outcome == "unsafe-chart":
        return Finding(error, HINTS[outcome])
    known = explain(error, evidence.files)
    hint = known.hint or HINTS["broken-chart"]
    return Finding(f"the chart does not render: {_because(known, error)}", hint, known.where)


def _because(known: Explanation, error: str) -> str:
    return f"{known.says} (the error: {error})" if known.says else error


def canary_present(evidence: Evidence, course: Course) -> Finding | None:
    """The submission adds exactly one Deployment to the course's chart."""
    del course
    if evidence.canary:
        return None
    decision = evidence.decision
    if decision.outcome == "ambiguous":
        return Finding(decision.reason, HINTS["ambiguous"])
    if astray := outside_templates(evidence.files):
        message = f"{decision.reason}; {astray} lies outside templates/, where Helm does not render it"
        return Finding(message, "Helm renders what is in the folder templates: move the manifest there", astray)
    hooked = any(each.is_hook and each.kind == "Deployment" for each in evidence.chart.manifests)
    hint = "a hook is no part of the release: take the annotation helm.sh/hook out of the Deployment" if hooked else ""
    return Finding(decision.reason, hint or HINTS["no-canary"])


def canary_replicas(evidence: Evidence, course: Course) -> Finding | None:
    """The canary asks for as many replicas as the course says."""
    canary, wanted = _canary(evidence), course.canary.replicas
    if canary.replicas == wanted:
        return None
    message = f"{canary.deployment} asks for {_count(canary.replicas, 'replica')}; the canary is to have {wanted}"
    hint = "follow spec.replicas of its template to where the number is set"
    if shared := shares_replicas(evidence.files, _template(canary.source)):
        hint = f"its number comes from .Values.{shared}, which the stable app uses too: the canary needs one of its own"
    return Finding(message, hint, _place(evidence, canary.source, "replicas"), _refused_over(evidence, r"replicas"))


def canary_port(evidence: Evidence, course: Course) -> Finding | None:
    """A container of the canary declares the course's port."""
    canary, wanted = _canary(evidence), course.canary.port
    if wanted in canary.ports:
        return None
    seen = ", ".join(map(str, canary.ports)) or "no port"
    message = f"no container of {canary.deployment} declares containerPort {wanted}; seen: {seen}"
    return Finding(
        message,
        "look at the ports of the container, in its template",
        _place(evidence, canary.source, "containerPort", "ports"),
        _refused_over(evidence, r"\bports\b|containerport"),
    )


def canary_service(evidence: Evidence, course: Course) -> Finding | None:
    """A Service on the course's port leads to that port of the canary's pods, and of no other pods."""
    found = _canary_service(evidence, _canary(evidence), course.canary.port)
    follows = _refused_over(evidence, r"selector|targetPort|spec\.ports")
    return replace(found, follows=follows) if found and follows else found


def _canary_service(evidence: Evidence, canary: Canary, wanted: int) -> Finding | None:
    stable = {each.name: each.selector for each in evidence.baseline.manifests if each.kind == "Service"}
    now = {each.name: each.selector for each in evidence.chart.manifests if each.kind == "Service"}
    if shared := [route for route in canary.services if route.name in stable and stable[route.name] == now[route.name]]:
        return Finding(
            f"the stable Service {shared[0].name} picks the pods of {canary.deployment} too: it selects their labels",
            "give the canary's pods labels that no other pods have",
            _place(evidence, canary.source, "labels"),
        )
    own = [route for route in canary.services if route.name not in stable]
    if not own:
        return _no_service(evidence, canary, wanted)
    fitting = [route for route in own if _leads(route, canary, wanted)]
    if not fitting:
        return _wrong_port(evidence, own[0], wanted)
    if also := fitting[0].also_selects:
        return Finding(
            f"{fitting[0].name} leads to pods of {', '.join(also)} too, not only to the canary's",
            "select by a label that only the canary's pods have",
            _place(evidence, fitting[0].source, "selector"),
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
        )
    meant = max(services, key=lambda each: any(port == wanted for port, _ in service_ports(each, ())))
    labels = next((pairs(each.pod_labels) for each in _deployments(evidence, canary.deployment)), "none")
    return Finding(
        f"{meant.name} selects {pairs(meant.selector)}; the canary's pods have {labels}",
        "make the selector of the Service and the labels of the pods the same, letter by letter",
        _place(evidence, meant.source, "selector"),
    )


def _wrong_port(evidence: Evidence, route: ServiceRoute, wanted: int) -> Finding:
    seen = ", ".join(f"from {port} to {target or 'a port name that no container has'}" for port, target in route.ports)
    fault = "targetPort" if any(port == wanted for port, _ in route.ports) else "port"
    return Finding(
        f"{route.name} must lead from port {wanted} to {wanted} of the canary's pods; it leads {seen or 'nowhere'}",
        "look at port and targetPort of the Service: the first is its own, the second the container's",
        _place(evidence, route.source, fault, "ports"),
    )


def stable_untouched(evidence: Evidence, course: Course) -> Finding | None:
    """The stable Deployment and Service are still the course's; limits, replicas and added labels may differ.

    Image, command and 0 replicas decide whether it is the app of the course that runs, hence they may not.
    """
    del course
    return _touches(evidence)


def _touches(evidence: Evidence) -> Finding | None:
    chart = {(each.kind, each.name): each for each in evidence.chart.manifests if not each.is_hook}
    for stable in evidence.baseline.manifests:
        now = chart.get((stable.kind, stable.name))
        differences = ["is missing from the chart"] if now is None else list(_differences(stable, now))
        if stable.kind in {"Deployment", "Service"} and differences:
            hint = (
                f"bring {stable.template} back to what the course's chart has, and keep the canary in files of its own"
            )
            message = f"the stable {stable.key} {'; '.join(differences)}"
            follows = "canary-present" if now and _is_misplaced_canary(evidence, stable, now) else ""
            return Finding(message, hint, (now or stable).template, follows)
    return None


def _is_misplaced_canary(evidence: Evidence, stable: Manifest, now: Manifest) -> bool:
    """Report whether all that stable has more is a container, where a Deployment of its own is missing."""
    names = {container.name for container in stable.containers}
    kept = [container for container in now.containers if container.name in names]
    same = not list(_container_differences(stable.containers, kept))
    return evidence.canary is None and same and stable.selector == now.selector and now.replicas > 0


def _differences(stable: Manifest, now: Manifest) -> Iterator[str]:
    if stable.selector != now.selector:
        yield f"selects {pairs(now.selector)} instead of {pairs(stable.selector)}"
    if stable.kind == "Service":
        before, after = (service_ports(each, stable.containers) for each in (stable, now))
        if before != after:
            yield f"has the ports {_routes(after)} instead of {_routes(before)}"
        return
    if stable.kind == "Deployment" and not now.replicas and stable.replicas:
        yield "asks for 0 replicas, which shuts it down"
    yield from _container_differences(stable.containers, now.containers)


def _container_differences(before: Iterable[Container], after: Iterable[Container]) -> Iterator[str]:
    was = {container.name: container for container in before}
    now = {container.name: container for container in after}
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


def _routes(ports: Iterable[tuple[int, int]]) -> str:
    return ", ".join(f"{port} to {target}" for port, target in ports) or "none"


def upgrade_applied(evidence: Evidence, course: Course) -> Finding | None:
    """Helm applied revision 2."""
    del course
    if evidence.upgrade is None:
        return Finding("the experiment did not get to the upgrade")
    if error := evidence.upgrade.error:
        known = explain(error, evidence.files, evidence.chart.manifests)
        hint = known.hint or "Helm's message names the object and the field; run the command on a cluster of your own"
        return Finding(f"the upgrade failed: {_because(known, error)}", hint, known.where)
    if evidence.history and CANARY_REVISION not in {each.revision for each in evidence.history}:
        return Finding(f"Helm's history has no revision {CANARY_REVISION}: {_listed(evidence.history)}")
    return None


def canary_crash_loop(evidence: Evidence, course: Course) -> Finding | None:
    """The canary meets the fate that the course expects, a crash loop as a rule."""
    decision = evidence.decision
    if decision.outcome == course.canary.outcome:
        return None
    return Finding(
        f"the canary's fate is {decision.outcome}, expected {course.canary.outcome}: {decision.reason}",
        HINTS[decision.outcome],
        _place(evidence, evidence.canary.source, *PLACES.get(decision.outcome, ())) if evidence.canary else "",
    )


def stable_serves_during_canary(evidence: Evidence, course: Course, durations: Durations = DURATIONS) -> Finding | None:
    """The stable Service answered while the canary failed: from the end of the upgrade to the start of the rollback."""
    del course
    began = evidence.upgrade.ended if evidence.upgrade else 0.0
    ended = evidence.rollback.began if evidence.rollback else evidence.ended_at
    probes = [probe for probe in evidence.probes if began <= probe.at < ended]
    found = _unanswered(probes, durations, "while the canary was there")
    return replace(found, follows=_touched(evidence)) if found and probes else found


def _touched(evidence: Evidence) -> str:
    """Return the check that says that stable is no longer the course's, which explains that it does not answer."""
    return "stable-untouched" if _touches(evidence) else ""


def rollback_recorded(evidence: Evidence, course: Course) -> Finding | None:
    """History shows the rollback to revision 1, deployed, and no upgrade in disguise."""
    del course
    if evidence.rollback is None:
        return Finding("the experiment did not get to the rollback")
    if error := evidence.rollback.error:
        hint = "look for what Helm could not delete or restore, or for a hook that does not end; its message names it"
        return Finding(f"Helm could not roll back to revision {STABLE_REVISION}: {error}", hint)
    if not evidence.history:
        return Finding("Helm's history of the release is empty")
    *before, last = evidence.history
    wanted = f"Rollback to {STABLE_REVISION}"
    if (last.status, last.description) != ("deployed", wanted):
        message = f"the last revision must be deployed and say {wanted!r}; {_listed(evidence.history)}"
        return Finding(message, "look for a hook of the chart that changes the release by itself")
    if [each.revision for each in before] not in _expected(evidence) or any(
        each.status not in {"superseded", "failed"} for each in before
    ):
        seen = _listed(evidence.history)
        return Finding(f"before the rollback there must be revisions 1 and 2, both superseded or failed; {seen}")
    return None


def _expected(evidence: Evidence) -> list[list[int]]:
    """Return the revisions before the rollback: an upgrade that Helm gave up before it began leaves none."""
    expected = [[STABLE_REVISION, CANARY_REVISION]]
    return [*expected, [STABLE_REVISION]] if evidence.upgrade and evidence.upgrade.error else expected


def canary_gone(evidence: Evidence, course: Course) -> Finding | None:
    """Nothing that the upgrade added is left after the rollback."""
    del course
    if evidence.leftovers:
        kept = any(KEEP in leftover.held_by for leftover in evidence.leftovers)
        hint = f"take the annotation {KEEP} out of the canary's templates" if kept else ""
        hint = hint or "leave hooks, finalizers and grace periods out of the canary's templates: Helm cannot undo them"
        roots = _roots(evidence.leftovers)
        return Finding(
            f"left after the rollback: {_told(roots, len(evidence.leftovers))}",
            hint,
            _origin(evidence, roots[0]),
            _hooked(evidence, roots),
        )
    if not evidence.gone_at:
        return Finding("the experiment did not see the canary go")
    return None


def _roots(leftovers: Iterable[Leftover]) -> tuple[Leftover, ...]:
    """Return what is left on its own account, and not because its owner is."""
    every = tuple(leftovers)
    return tuple(each for each in every if not each.held_by.startswith(OWNED)) or every


def _told(roots: tuple[Leftover, ...], count: int) -> str:
    told = ", ".join(f"{each.object} (held by {each.held_by})" if each.held_by else str(each.object) for each in roots)
    owned = count - len(roots)
    return f"{told}, and {_count(owned, 'object')} that it owns" if owned else told


def _origin(evidence: Evidence, left: Leftover) -> str:
    names = {(left.object.kind, left.object.name)}
    keys = (KEEP, "helm.sh/hook", "finalizers")
    return next(
        (_place(evidence, each.source, *keys) for each in evidence.chart.manifests if (each.kind, each.name) in names),
        "",
    )


def _hooked(evidence: Evidence, roots: tuple[Leftover, ...]) -> str:
    """Return the check that has told already that hooks, and nothing else, are the trouble; empty where none has."""
    hooks = {(each.kind, each.name) for each in evidence.chart.manifests if each.is_hook}
    if not all((left.object.kind, left.object.name) in hooks for left in roots):
        return ""
    if evidence.canary is None and all(left.object.kind == "Deployment" for left in roots):
        return "canary-present"
    error = evidence.upgrade.error if evidence.upgrade else ""
    return "upgrade-applied" if error and all(left.object.name in error for left in roots) else ""


def stable_healthy(evidence: Evidence, course: Course, durations: Durations = DURATIONS) -> Finding | None:
    """Stable pods are Ready with the course's image, without restarts, and stay so for the hold time.

    What the upgrade changed in the stable objects is back too, labels and annotations included.
    """
    del course
    rolled_back = evidence.rollback.ended if evidence.rollback else 0.0
    for stable in evidence.baseline.manifests:
        if stable.kind == "Deployment" and (fault := _sick(evidence.timeline, stable, rolled_back)):
            return Finding(f"after the rollback, {stable.key} {fault}", "look at what the chart changes in stable")
    if evidence.upgrade and (left := changed(evidence.timeline, evidence.baseline.manifests, evidence.upgrade.began)):
        hint = "look for what a rollback does not take back: hooks, and objects that another than Helm changed"
        return Finding(f"after the rollback, {left}", hint)
    if not evidence.restored_at:
        return Finding("stable was not ready again after the rollback", "look at what the chart changes in stable")
    held = evidence.ended_at - evidence.restored_at
    if held < durations.hold:
        return Finding(f"stable was healthy for {held:.1f} s at the end; expected at least {durations.hold:g} s")
    return None


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
            return f"had {_count(restarts, 'restart')}: pod {pod.name}"
    return ""


def _restarts_until(pod: PodHistory, at: float) -> int:
    before = tuple(version for version in pod.versions if version.at <= at)
    return PodHistory(pod.uid, before).restarts if before else 0


def stable_never_down(evidence: Evidence, course: Course, durations: Durations = DURATIONS) -> Finding | None:
    """No outage longer than the limit from revision 1 to the end.

    One outage is one mistake: where the check that is about its cause or its time has failed, and the rest of the time
    holds none that is too long, this one follows from that.
    """
    found = _unanswered(evidence.probes, durations, "from revision 1 to the end")
    if not found or not evidence.probes:
        return found
    return replace(found, follows=_touched(evidence) or _told_already(evidence, course, durations))


def _told_already(evidence: Evidence, course: Course, durations: Durations) -> str:
    """Return the check of a shorter time that failed for all that this one found; empty where there is none."""
    upgrade, rollback = evidence.upgrade, evidence.rollback
    if not upgrade or not rollback:
        return ""
    before = [probe for probe in evidence.probes if probe.at < upgrade.ended]
    after = [probe for probe in evidence.probes if probe.at >= rollback.began]
    down = [part for part in (before, after) if _too_long(part, durations)]
    during = evidence.canary and not upgrade.error and stable_serves_during_canary(evidence, course, durations)
    if during and not down:
        return "stable-serves-during-canary"
    recovers = not rollback.error and stable_healthy(evidence, course, durations)
    return "stable-healthy" if recovers and down == [after] and not during else ""


def _too_long(probes: Iterable[Probe], durations: Durations) -> bool:
    worst = longest(probes, durations)
    return worst is not None and worst.seconds > durations.outage


def _unanswered(probes: Iterable[Probe], durations: Durations, when: str) -> Finding | None:
    probes = tuple(probes)
    if not probes:
        return Finding(f"the stable Service was not asked {when}")
    worst = longest(probes, durations)
    if worst is None or worst.seconds <= durations.outage:
        return None
    answered = sum(not probe.error for probe in probes)
    return Finding(
        f"the stable Service gave no answer for {worst.seconds:.1f} s {when}, at most {durations.outage:g} s may pass"
        f" ({answered} of {len(probes)} requests answered; {worst.failures} failed in a row: {worst.error})",
        "look at what the chart changes in stable, and whether its Service picks other pods too",
    )


def _canary(evidence: Evidence) -> Canary:
    """Return the canary; a check that asks for it must depend on ``canary-present``."""
    if evidence.canary is None:
        raise ValueError("there is no canary to judge: this check depends on canary-present")
    return evidence.canary


def _deployments(evidence: Evidence, name: str) -> Iterator[Manifest]:
    return (each for each in evidence.chart.manifests if (each.kind, each.name) == ("Deployment", name))


def _refused_over(evidence: Evidence, field: str) -> str:
    """Return the check that tells that Kubernetes refused the chart over *field*; empty where it did not."""
    error = evidence.upgrade.error if evidence.upgrade else ""
    return "upgrade-applied" if re.search(field, error) else ""


def _place(evidence: Evidence, source: str, *keys: str) -> str:
    return place(evidence.files, _template(source), *keys)


def _template(source: str) -> str:
    return Manifest({}, source).template


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}{'' if number == 1 else 's'}"


def _listed(history: Iterable[Revision]) -> str:
    return "seen: " + "; ".join(f"{each.revision} {each.status} {each.description!r}" for each in history)
