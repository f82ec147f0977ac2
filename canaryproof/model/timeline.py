"""Defines the timeline: the changes in one namespace, in the order in which the API reported them.  Pure module."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Literal

from canaryproof.model.objects import (
    REVISION_LABELS,
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
    """One change of one object. *at* is the number of seconds from the start of the recording."""

    at: float
    change: Change
    object: Manifest


@dataclass(frozen=True)
class Termination:
    """One run of a container that ended. A pod may report the same termination in many of its versions."""

    pod: str
    pod_uid: str
    container: str
    container_id: str
    exit_code: int
    reason: str
    """The reason that the runtime reports: ``Error``, ``Completed``, ``OOMKilled``, ``StartError``."""
    signal: int
    message: str
    started_at: str
    finished_at: str
    at: float
    """Seconds from the start of the recording to the first observation of the termination."""
    going: bool = False
    """True if the pod was being deleted or evicted at that time. The container then did not end by itself."""


@dataclass(frozen=True)
class Event:
    """An event of a Kubernetes component about an object. *count* is the number of its occurrences."""

    at: float
    object: ObjectKey
    """The object that the event concerns."""
    uid: str
    """The uid of that object."""
    container: str
    """The container that the event concerns, or an empty string."""
    component: str
    """The Kubernetes component that reports the event, such as ``kubelet``."""
    reason: str
    message: str
    count: int
    began: str = ""
    """The time of the first occurrence in ISO 8601, or an empty string if the event has none."""
    last: float = 0.0
    """The time of the latest observation. *at* is that of the first."""


@dataclass(frozen=True)
class ContainerMoment:
    """The state of one container in one version of a pod."""

    at: float
    running: bool
    ready: bool
    waiting: str
    """The reason why the container waits, such as ``CrashLoopBackOff``, or an empty string if it does not wait."""
    message: str
    restarts: int
    terminated: bool


@dataclass(frozen=True)
class PodHistory:
    """All observed versions of one pod, which its uid identifies."""

    uid: str
    versions: tuple[Observation, ...]

    @property
    def latest(self) -> Manifest:
        """Return the last observed version of the pod."""
        return self.versions[-1].object

    @property
    def name(self) -> str:
        """Return the name of the pod."""
        return self.latest.name

    @property
    def revision(self) -> str:
        """Return the hash of the pod template that the pod was made from, or an empty string if it has none."""
        labels = self.latest.labels
        return next((str(labels[name]) for name in REVISION_LABELS if name in labels), "")

    @property
    def is_live(self) -> bool:
        """Report whether the pod exists and is not being deleted."""
        return self.versions[-1].change != "DELETED" and not self.latest.is_going

    @property
    def containers(self) -> tuple[Container, ...]:
        """Return the containers in the spec of the pod."""
        return self.latest.containers

    @property
    def restarts(self) -> int:
        """Return the total number of restarts of all containers."""
        return sum(integer_at(status, "restartCount") for status in _statuses(self.latest))

    @property
    def restarts_over_time(self) -> tuple[tuple[float, int], ...]:
        """Return each number of restarts of all containers, with the seconds at which it was first observed."""
        counts: dict[int, float] = {}
        for version in self.versions:
            number = sum(integer_at(status, "restartCount") for status in _statuses(version.object))
            counts.setdefault(number, version.at)
        return tuple((at, number) for number, at in counts.items())

    @property
    def ready_since(self) -> float | None:
        """Return the time in seconds since which the pod has been Ready without interruption, or None if it is not."""
        return self._since(lambda pod: condition(pod, "Ready").get("status") == "True")

    @property
    def was_ready(self) -> bool:
        """Report whether the pod was ever observed Ready."""
        return any(condition(version.object, "Ready").get("status") == "True" for version in self.versions)

    @property
    def running_since(self) -> float | None:
        """Return the time since which all containers except init containers have been running, or None."""
        return self._since(_all_running)

    @property
    def unschedulable_since(self) -> float | None:
        """Return the time since which the pod has been unschedulable, or None if it is not."""
        return self._since(lambda pod: condition(pod, "PodScheduled").get("reason") == "Unschedulable")

    @property
    def failure(self) -> str:
        """Return the reason why the kubelet ended the pod or did not admit it, such as ``Evicted``, or an empty string.

        A pod whose containers ended has no such reason.
        """
        return failure(self.latest)

    @property
    def failed_at(self) -> float:
        """Return the time at which the pod's phase was first observed as ``Failed`` for that reason."""
        return next((version.at for version in self.versions if failure(version.object)), self.versions[-1].at)

    @property
    def disruption(self) -> str:
        """Return why the cluster ended the pod for its own purposes, such as ``TerminationByKubelet``.

        Returns an empty string if it did not (Kubernetes, "Disruptions", ``DisruptionTarget``).
        """
        disrupted = condition(self.latest, "DisruptionTarget")
        return text_at(disrupted, "reason") if disrupted.get("status") == "True" else ""

    @property
    def names_its_node(self) -> bool:
        """Report whether the pod's author chose the node (``spec.nodeName``), so that no scheduler did."""
        first = self.versions[0].object
        return bool(text_at(first.body, "spec", "nodeName")) and not condition(first, "PodScheduled")

    @property
    def has_sandbox(self) -> bool:
        """Report whether the pod has a sandbox with network (Kubernetes, "Pod Lifecycle")."""
        return condition(self.latest, "PodReadyToStartContainers").get("status") == "True"

    @property
    def scheduling(self) -> str:
        """Return the scheduler's message about the pod."""
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
        """Return the state of *container* in each version of the pod, oldest first."""
        return tuple(
            _moment(version.at, status)
            for version in self.versions
            for status in _statuses(version.object)
            if status.get("name") == container
        )

    def terminations(self, container: str) -> tuple[Termination, ...]:
        """Return the distinct terminations of *container* in the order of their ends.

        ``lastState`` contains the run before the current one. It is the only trace of a termination that occurred
        between two observations.
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
    """All observations so far. A timeline is immutable."""

    observations: tuple[Observation, ...] = ()

    def until(self, at: float) -> Timeline:
        """Return the timeline up to the time *at*, in seconds from the start of the recording."""
        end = bisect_right(self.observations, at, key=lambda observation: observation.at)
        return self if end == len(self.observations) else Timeline(self.observations[:end])

    def live(self, kind: str = "") -> tuple[Manifest, ...]:
        """Return the objects that exist at the end of the timeline, of all kinds or of one."""
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
        """Return the objects that exist at the end of the timeline, by their keys without namespaces."""
        return {each.key.local: each for each in self.live()}

    def versions(self, kind: str, name: str) -> tuple[Observation, ...]:
        """Return all observed versions of an object, oldest first."""
        return tuple(each for each in self._of(kind) if each.object.name == name)

    def pods_of(self, workload: ObjectKey) -> tuple[PodHistory, ...]:
        """Return all pods that a workload ever owned, in the order of first observation.

        A Deployment owns its pods through its ReplicaSets.
        """
        replica_sets = {
            observation.object.uid
            for observation in self._of("ReplicaSet")
            if workload in {owner.key for owner in observation.object.owners}
        }
        versions: dict[str, list[Observation]] = {}
        for each in self._of("Pod"):
            if any(owner.uid in replica_sets or owner.key == workload for owner in each.object.owners):
                versions.setdefault(each.object.uid, []).append(each)
        return tuple(PodHistory(uid, tuple(seen)) for uid, seen in versions.items())

    @cached_property
    def events(self) -> tuple[Event, ...]:
        """Return all events in the order of first observation, each with its latest count."""
        found: dict[str, Event] = {}
        for observation in self._of("Event"):
            if observation.change != "DELETED":
                first = found.get(observation.object.name)
                at = first.at if first else observation.at
                found[observation.object.name] = replace(_event(at, observation.object.body), last=observation.at)
        return tuple(found.values())

    def events_about(self, uid: str) -> tuple[Event, ...]:
        """Return the events about the object with *uid*."""
        return self._events_by_uid.get(uid, ())

    @cached_property
    def _events_by_uid(self) -> Mapping[str, tuple[Event, ...]]:
        found: dict[str, list[Event]] = {}
        for event in self.events:
            found.setdefault(event.uid, []).append(event)
        return {uid: tuple(events) for uid, events in found.items()}

    @property
    def messages(self) -> tuple[str, ...]:
        """Return the messages of all events, without duplicates.

        Those of kubelets are left out, because they can contain text of a chart, such as a command.
        """
        events = (each.object.body for each in self._of("Event"))
        said = (text_at(body, "message") for body in events if text_at(body, "source", "component") != "kubelet")
        return tuple(dict.fromkeys(said))

    def _of(self, kind: str) -> Iterable[Observation]:
        return self._by_kind.get(kind, ()) if kind else self.observations

    @cached_property
    def _by_kind(self) -> Mapping[str, tuple[Observation, ...]]:
        found: dict[str, list[Observation]] = {}
        for each in self.observations:
            found.setdefault(each.object.kind, []).append(each)
        return {kind: tuple(seen) for kind, seen in found.items()}


def condition(manifest: Manifest, name: str) -> Body:
    """Return the condition *name* of a live object, or an empty map if it has none."""
    conditions = maps_at(manifest.body, "status", "conditions")
    return next((each for each in conditions if each.get("type") == name), {})


def failure(pod: Manifest) -> str:
    """Return the reason why the kubelet ended a pod or did not admit it, or an empty string."""
    is_failed = text_at(pod.body, "status", "phase") == "Failed"
    return text_at(pod.body, "status", "reason") if is_failed else ""


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
        going=version.object.is_going or version.change == "DELETED" or bool(failure(version.object)),
    )


def _identity(termination: Termination) -> str:
    """Return a key that identifies a run of a container.

    A run that never started may have no container ID. Its start and end times, in whole seconds, then identify it.
    """
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
        began=text_at(body, "firstTimestamp")
        or text_at(body, "eventTime")
        or text_at(body, "metadata", "creationTimestamp"),
    )
