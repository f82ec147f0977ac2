"""The changes in one namespace, in the order in which the API reported them; pure values."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Literal

from canaryproof.model.objects import (
    Body,
    Container,
    Manifest,
    ObjectKey,
    integer_at,
    mapping_at,
    maps_at,
    text_at,
    value_at,
)

Change = Literal["ADDED", "MODIFIED", "DELETED"]


@dataclass(frozen=True)
class Observation:
    """One change of one object; *at* counts seconds from the start of the recording."""

    at: float
    change: Change
    object: Manifest


@dataclass(frozen=True)
class Termination:
    """One run of a container that ended; a pod tells of its last one again and again, but that is one termination."""

    pod: str
    pod_uid: str
    container: str
    container_id: str
    exit_code: int
    reason: str
    """The runtime's word for it: ``Error``, ``Completed``, ``OOMKilled``, ``StartError``."""
    signal: int
    message: str
    started_at: str
    finished_at: str
    at: float
    """When it was first seen, in seconds from the start of the recording."""
    going: bool = False
    """Whether the pod was being deleted by then: then it did not end by itself."""


@dataclass(frozen=True)
class Event:
    """A report of a component of Kubernetes about an object; *count* says how often it came."""

    at: float
    object: ObjectKey
    """The object of the report."""
    uid: str
    """The uid of that object."""
    container: str
    """The container of that object; empty where it is about none."""
    component: str
    """The component of Kubernetes that reports it: ``kubelet``."""
    reason: str
    message: str
    count: int


@dataclass(frozen=True)
class ContainerMoment:
    """The state of one container in one version of a pod."""

    at: float
    running: bool
    ready: bool
    waiting: str
    """Why it waits, ``CrashLoopBackOff``; empty where it does not."""
    message: str
    restarts: int
    terminated: bool


@dataclass(frozen=True)
class PodHistory:
    """One pod, by its uid: every version of it that was seen."""

    uid: str
    versions: tuple[Observation, ...]

    @property
    def latest(self) -> Manifest:
        """Return what was last seen of it."""
        return self.versions[-1].object

    @property
    def name(self) -> str:
        """Return its name."""
        return self.latest.name

    @property
    def is_live(self) -> bool:
        """Report whether it is there, and is not being deleted."""
        return self.versions[-1].change != "DELETED" and not self.latest.is_going

    @property
    def containers(self) -> tuple[Container, ...]:
        """Return its containers as written in its spec."""
        return self.latest.containers

    @property
    def restarts(self) -> int:
        """Return how often its containers were restarted, all together."""
        return sum(integer_at(status, "restartCount") for status in _statuses(self.latest))

    @property
    def ready_since(self) -> float | None:
        """Return since when it has been Ready without a break; None while it is not."""
        return self._since(lambda pod: condition(pod, "Ready").get("status") == "True")

    @property
    def was_ready(self) -> bool:
        """Report whether it was ever seen Ready."""
        return any(condition(version.object, "Ready").get("status") == "True" for version in self.versions)

    @property
    def running_since(self) -> float | None:
        """Return since when all its containers have been running, init containers aside; None while one is not."""
        return self._since(_all_running)

    @property
    def unschedulable_since(self) -> float | None:
        """Return since when the scheduler has found no node for it; None while that is not so."""
        return self._since(lambda pod: condition(pod, "PodScheduled").get("reason") == "Unschedulable")

    @property
    def scheduling(self) -> str:
        """Return what the scheduler says about it."""
        return text_at(condition(self.latest, "PodScheduled"), "message")

    def _since(self, holds: Callable[[Manifest], bool]) -> float | None:
        since = None
        for version in self.versions:
            if not holds(version.object):
                since = None
            elif since is None:
                since = version.at
        return since

    def moments(self, container: str) -> tuple[ContainerMoment, ...]:
        """Return what each version of the pod says of *container*, oldest first."""
        return tuple(
            _moment(version.at, status)
            for version in self.versions
            for status in _statuses(version.object)
            if status.get("name") == container
        )

    def terminations(self, container: str) -> tuple[Termination, ...]:
        """Return the distinct runs of *container* that were seen to have ended, in the order of their ends.

        The run before the current one is in ``lastState``: the only trace of an end that came between two looks.
        """
        found: dict[str, Termination] = {}
        for version in self.versions:
            for status in _statuses(version.object):
                if status.get("name") == container:
                    for state in ("lastState", "state"):
                        if ended := mapping_at(status, state, "terminated"):
                            termination = _termination(version, container, ended)
                            found.setdefault(_identity(termination), termination)
        return tuple(sorted(found.values(), key=lambda each: (each.finished_at, each.at)))


@dataclass(frozen=True)
class Timeline:
    """Everything seen so far; grows only by making a new one."""

    observations: tuple[Observation, ...] = ()

    def until(self, at: float) -> Timeline:
        """Return what had been seen by then."""
        end = bisect_right(self.observations, at, key=lambda observation: observation.at)
        return self if end == len(self.observations) else Timeline(self.observations[:end])

    def live(self, kind: str = "") -> tuple[Manifest, ...]:
        """Return the objects that are there at its end, of all kinds or of one."""
        objects: dict[ObjectKey, Manifest] = {}
        for observation in self._of(kind):
            key = observation.object.key
            if observation.change != "DELETED":
                objects[key] = observation.object
            elif key in objects and objects[key].uid == observation.object.uid:
                del objects[key]
        return tuple(objects.values())

    @property
    def objects(self) -> dict[ObjectKey, Manifest]:
        """Return the objects that are there at its end, by keys that do not repeat their namespace."""
        return {each.key.local: each for each in self.live()}

    def versions(self, kind: str, name: str) -> tuple[Observation, ...]:
        """Return every version of an object that was seen, oldest first."""
        return tuple(each for each in self._of(kind) if each.object.name == name)

    def pods_of(self, deployment: str) -> tuple[PodHistory, ...]:
        """Return the pods that a Deployment ever owned, through its ReplicaSets, in the order they were first seen."""
        replica_sets = {
            observation.object.uid
            for observation in self._of("ReplicaSet")
            if ObjectKey("Deployment", deployment) in {owner.key for owner in observation.object.owners}
        }
        versions: dict[str, list[Observation]] = {}
        for each in self._of("Pod"):
            if any(owner.uid in replica_sets for owner in each.object.owners):
                versions.setdefault(each.object.uid, []).append(each)
        return tuple(PodHistory(uid, tuple(seen)) for uid, seen in versions.items())

    @property
    def events(self) -> tuple[Event, ...]:
        """Return all events, each as it was last counted, in the order they were first seen."""
        found: dict[str, Event] = {}
        for observation in self._of("Event"):
            if observation.change != "DELETED":
                first = found.get(observation.object.name)
                at = first.at if first else observation.at
                found[observation.object.name] = _event(at, observation.object.body)
        return tuple(found.values())

    def events_about(self, uid: str) -> tuple[Event, ...]:
        """Return the events about an object."""
        return tuple(each for each in self.events if each.uid == uid)

    @property
    def messages(self) -> tuple[str, ...]:
        """Return what the components of Kubernetes said about any object, each sentence once."""
        said = (text_at(each.object.body, "message") for each in self._of("Event"))
        return tuple(dict.fromkeys(said))

    def _of(self, kind: str) -> Iterator[Observation]:
        return (each for each in self.observations if not kind or each.object.body.get("kind") == kind)


def condition(manifest: Manifest, name: str) -> Body:
    """Return the condition *name* of a live object; an empty one where it has none."""
    conditions = maps_at(manifest.body, "status", "conditions")
    return next((each for each in conditions if each.get("type") == name), {})


def _statuses(pod: Manifest) -> tuple[Body, ...]:
    return (*maps_at(pod.body, "status", "initContainerStatuses"), *maps_at(pod.body, "status", "containerStatuses"))


def _all_running(pod: Manifest) -> bool:
    statuses = maps_at(pod.body, "status", "containerStatuses")
    return bool(statuses) and all(value_at(status, "state", "running") is not None for status in statuses)


def _moment(at: float, status: Body) -> ContainerMoment:
    waiting = mapping_at(status, "state", "waiting")
    return ContainerMoment(
        at=at,
        running=value_at(status, "state", "running") is not None,
        ready=status.get("ready") is True,
        waiting=text_at(waiting, "reason"),
        message=text_at(waiting, "message"),
        restarts=integer_at(status, "restartCount"),
        terminated=value_at(status, "state", "terminated") is not None,
    )


def _termination(version: Observation, container: str, ended: Body) -> Termination:
    return Termination(
        pod=version.object.name,
        pod_uid=version.object.uid,
        container=container,
        container_id=text_at(ended, "containerID"),
        exit_code=integer_at(ended, "exitCode"),
        reason=text_at(ended, "reason"),
        signal=integer_at(ended, "signal"),
        message=text_at(ended, "message"),
        started_at=text_at(ended, "startedAt"),
        finished_at=text_at(ended, "finishedAt"),
        at=version.at,
        going=version.object.is_going or version.change == "DELETED",
    )


def _identity(termination: Termination) -> str:
    """Tell one run from another; a run that never began may have no id (the times then differ by their seconds)."""
    return termination.container_id or f"{termination.started_at} {termination.finished_at}"


def _event(at: float, body: Body) -> Event:
    about = mapping_at(body, "involvedObject")
    return Event(
        at=at,
        object=ObjectKey(text_at(about, "kind"), text_at(about, "name")),
        uid=text_at(about, "uid"),
        container=text_at(about, "fieldPath").partition("{")[2].removesuffix("}"),
        component=text_at(body, "source", "component") or text_at(body, "reportingComponent"),
        reason=text_at(body, "reason"),
        message=text_at(body, "message"),
        count=max(1, integer_at(body, "count"), integer_at(body, "series", "count")),
    )
