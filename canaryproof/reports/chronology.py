"""Describes an experiment over time: revisions, pods, answers of stable, and decisions.  This module is pure.

Times are seconds from the start of the recording, as everywhere in the evidence.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import groupby, pairwise
from operator import itemgetter
from typing import Literal

from canaryproof.analysis.availability import by_service, outages
from canaryproof.analysis.container_runs import BACK_OFF
from canaryproof.checks.registry import CHECKS
from canaryproof.model.evidence import Evidence, Probe
from canaryproof.model.objects import WORKLOADS, Body, Manifest, mapping_at, maps_at, text_at, value_at
from canaryproof.model.timeline import Observation, PodHistory, Timeline, condition
from canaryproof.system.progress import cut
from canaryproof.timeouts import TimeLimits

State = Literal["waiting", "starting", "running", "ready", "crashed", "ended", "back-off", "stuck", "leaving"]
Role = Literal["stable", "canary", "other"]

PODS = 16
"""The maximum number of pods in the picture. A chart can create any number."""
NAME = 63
"""The number of characters of a pod's name that are shown. Names that controllers generate are no longer."""
COMING = frozenset({"", "ContainerCreating", "PodInitializing"})
"""The waiting reasons of a container that is still starting."""


@dataclass(frozen=True)
class Stretch:
    """A period in which a state did not change. *said* describes it in words."""

    state: str
    began: float
    ended: float
    said: str = ""


@dataclass(frozen=True)
class Mark:
    """An event without a duration."""

    at: float
    said: str


@dataclass(frozen=True)
class Lane:
    """One pod."""

    pod: str
    role: Role
    stretches: tuple[Stretch, ...]
    crashes: tuple[Mark, ...]


@dataclass(frozen=True)
class Moment:
    """A significant event, and the ids of the checks that it settled."""

    key: str
    at: float
    said: str
    settled: tuple[str, ...] = ()


@dataclass(frozen=True)
class Picture:
    """All that is drawn of one experiment."""

    seconds: float
    revisions: tuple[Stretch, ...]
    lanes: tuple[Lane, ...]
    hidden: int
    """The number of pods that are not drawn."""
    answers: tuple[Stretch, ...]
    requests: int
    answered: int
    moments: tuple[Moment, ...]


def picture(evidence: Evidence) -> Picture | None:
    """Return the picture of an experiment; None where it did not get as far as a cluster."""
    if not began(evidence):
        return None
    lanes = tuple(_lanes(evidence))
    return Picture(
        seconds=_end(evidence),
        revisions=tuple(_revisions(evidence)),
        lanes=lanes[:PODS],
        hidden=max(0, len(lanes) - PODS),
        answers=tuple(_answers(_worst(evidence), evidence.time_limits)),
        requests=len(evidence.probes),
        answered=sum(not probe.error for probe in evidence.probes),
        moments=moments(evidence),
    )


def began(evidence: Evidence) -> bool:
    """Report whether the experiment got as far as to install anything."""
    return evidence.install is not None and _end(evidence) > 0


def _end(evidence: Evidence) -> float:
    return evidence.ended_at or 0.0


def _revisions(evidence: Evidence) -> Iterator[Stretch]:
    """Yield the revision that Helm had deployed, from the start of each operation."""
    steps = [step for step in (evidence.install, evidence.upgrade, evidence.rollback) if step]
    ends = [*(step.began for step in steps[1:]), _end(evidence)]
    for number, (step, what, end) in enumerate(zip(steps, ("install", "upgrade", "rollback"), ends, strict=False), 1):
        yield Stretch("failed" if step.error else what, step.began, end, f"revision {number}: {what}")


def _lanes(evidence: Evidence) -> Iterator[Lane]:
    roles = _roles(evidence)
    for pod in _pods(evidence.timeline):
        stretches = tuple(_stretches(pod, _end(evidence)))
        yield Lane(cut(pod.name, NAME), roles.get(pod.uid, "other"), stretches, tuple(_crashes(pod)))


def _roles(evidence: Evidence) -> dict[str, Role]:
    """Return the roles of the pods of the canary and of the stable chart, by their uids."""
    timeline, canary = evidence.timeline, evidence.canary
    stable = (each.key.local for each in evidence.baseline.manifests if each.kind in WORKLOADS)
    roles: dict[str, Role] = {pod.uid: "stable" for key in stable for pod in timeline.pods_of(key)}
    return roles | {pod.uid: "canary" for pod in (canary.pods(timeline) if canary else ())}


def _pods(timeline: Timeline) -> Iterator[PodHistory]:
    """Yield every pod that was seen, in the order they came."""
    versions: dict[str, list[Observation]] = {}
    for each in timeline.observations:
        if each.object.kind == "Pod":
            versions.setdefault(each.object.uid, []).append(each)
    return (PodHistory(uid, tuple(seen)) for uid, seen in versions.items())


def _stretches(pod: PodHistory, end: float) -> Iterator[Stretch]:
    """Yield the states of a pod until it was gone. Consecutive equal states are merged."""
    states = [(each.at, *_state(each.object)) for each in pod.versions if each.change != "DELETED"]
    last = pod.versions[-1]
    states.append((last.at if last.change == "DELETED" else end, "waiting", ""))
    changes = [next(same) for _, same in groupby(states[:-1], key=lambda each: each[1:])]
    for (began, state, said), (ended, *_) in pairwise([*changes, states[-1]]):
        yield Stretch(state, began, ended, said or state)


def _state(pod: Manifest) -> tuple[State, str]:
    """Return what one version of a pod says of it, and the words for it where those are Kubernetes' own."""
    if pod.is_going:
        return "leaving", ""
    init = maps_at(pod.body, "status", "initContainerStatuses")
    main = maps_at(pod.body, "status", "containerStatuses")
    return _trouble((*init, *main)) or (_health(pod, main), "")


def _trouble(statuses: Iterable[Body]) -> tuple[State, str] | None:
    """Return the worst state of the containers, or None if none of them has a problem."""
    waiting = ""
    for status in statuses:
        if code := value_at(status, "state", "terminated", "exitCode"):
            return "crashed", f"crashed: exit code {code}"
        reason = text_at(status, "state", "waiting", "reason")
        waiting = waiting or ("" if reason in COMING else reason)
    if not waiting:
        return None
    return ("back-off", "") if waiting == BACK_OFF else ("stuck", waiting)


def _health(pod: Manifest, main: Iterable[Body]) -> State:
    states = [mapping_at(status, "state") for status in main]
    if any("terminated" in state for state in states):
        return "ended"
    if states and all("running" in state for state in states):
        return "ready" if condition(pod, "Ready").get("status") == "True" else "running"
    return "starting" if condition(pod, "PodScheduled").get("status") == "True" else "waiting"


def _crashes(pod: PodHistory) -> Iterator[Mark]:
    """Yield how containers ended that should have gone on, also those ends that only a later version told of."""
    for container in pod.containers:
        for end in pod.terminations(container.name):
            if (end.exit_code or not container.init) and not end.going:
                yield Mark(end.at, f"{container.name}: exit code {end.exit_code}{end.reason and f' ({end.reason})'}")


def _worst(evidence: Evidence) -> tuple[Probe, ...]:
    """Return the requests to the Service with the longest outage, else to the first one: there is one lane."""
    services = by_service(evidence.probes).values()
    down = [sum(each.seconds for each in outages(probes, evidence.time_limits)) for probes in services]
    return max(zip(down, services, strict=True), key=itemgetter(0), default=(0.0, ()))[1]


def _answers(probes: Iterable[Probe], time_limits: TimeLimits) -> Iterator[Stretch]:
    """Yield how long the stable Service answered, and how long it did not."""
    for failed, same in groupby(probes, key=lambda probe: bool(probe.error)):
        run = tuple(same)
        count = f"{len(run)} request{'' if len(run) == 1 else 's'}"
        if not failed:
            yield Stretch("answered", run[0].at, run[-1].at + run[-1].seconds, f"{count} answered")
            continue
        (outage,) = outages(run, time_limits)
        lasted = f", {outage.seconds:.1f} s" if outage.seconds else ""
        yield Stretch("silent", outage.began, outage.ended, f"{count} not answered{lasted}: {outage.error}")


def moments(evidence: Evidence) -> tuple[Moment, ...]:
    """Return the significant moments in order of time. The end settles the checks that no moment settled.

    There is nothing where the experiment did not get as far as a cluster.
    """
    if not began(evidence):
        return ()
    told = sorted(_told(evidence), key=lambda each: each[1])
    seen = {key for key, *_ in told}
    moment_of = {check.id: check.settled if check.settled in seen else "end" for check in CHECKS}
    return tuple(
        Moment(key, at, said, tuple(check for check, moment in moment_of.items() if moment == key))
        for key, at, said in told
    )


def _told(evidence: Evidence) -> Iterator[tuple[str, float, str]]:
    decision, upgrade, rollback = evidence.decision, evidence.upgrade, evidence.rollback
    if evidence.install:
        yield "start", evidence.install.began, "the chart is rendered; Helm installs the stable chart as revision 1"
    if evidence.settled_at is not None:
        yield "settled", evidence.settled_at, "stable is ready and answers"
    if upgrade:
        yield "upgrade", upgrade.began, "Helm upgrades to the submission: revision 2"
        yield "upgraded", upgrade.ended, "the upgrade failed" if upgrade.error else "the upgrade is applied"
    if decision.proven_at is not None:
        yield "fate", decision.proven_at, f"the canary's outcome is certain: {decision.outcome}"
    if rollback:
        yield "rollback", rollback.began, "Helm rolls back to revision 1"
        yield "rolled-back", rollback.ended, "the rollback failed" if rollback.error else "the rollback is recorded"
    if evidence.gone_at is not None:
        yield "gone", evidence.gone_at, "nothing of the canary is left"
    if evidence.restored_at is not None:
        yield "restored", evidence.restored_at, "stable is ready again"
    yield "end", _end(evidence), "the experiment ends"
