"""Rules about pods that are refused, find no node, cannot start, or run for as long as they are watched; pure."""

from __future__ import annotations

from collections.abc import Iterator

from canaryproof.analysis.container_runs import Scene
from canaryproof.analysis.stable_state import requested_pods
from canaryproof.model.causes import Cause
from canaryproof.model.evidence import Decision, OutcomeName
from canaryproof.model.kubernetes_text import (
    is_account_missing,
    is_cache_empty,
    is_killed_at_start,
    is_killing_probe_failure,
    is_sandbox_ended,
    is_source_missing,
    scheduling_failure,
)
from canaryproof.model.objects import Manifest, maps_at, text_at, value_at
from canaryproof.model.timeline import PodHistory, condition

UNCONFIGURED: dict[str, OutcomeName] = {
    "CreateContainerConfigError": "config-error",
    "CreateContainerError": "start-error",
}


def asks_for_none(scene: Scene) -> Iterator[Decision]:
    """Decide by a workload that requests zero replicas. One that is changed in place may get no new pods at all."""
    if scene.canary.replicas == 0 and not scene.canary.in_place:
        yield scene.decision("not-ready", Cause(code="zero-replicas"), scene.upgraded_at, "spec.replicas: 0")


def paused(scene: Scene) -> Iterator[Decision]:
    """Decide by a Deployment whose rollout is paused, so that it gets no pod."""
    for version in scene.timeline.versions(scene.canary.kind, scene.canary.name)[-1:]:
        if not scene.pods and not scene.canary.in_place and value_at(version.object.body, "spec", "paused") is True:
            yield scene.decision("not-ready", Cause(code="rollout-paused"), scene.upgraded_at, "spec.paused: true")


def refused(scene: Scene) -> Iterator[Decision]:
    """Decide by pods that the API server does not let in; a ServiceAccount may still be on its way."""
    for since, message in _refusals(scene):
        if scene.now - since >= scene.time_limits.persistence and not is_account_missing(message):
            yield _is_refused(scene, since + scene.time_limits.persistence, since, message)


def still_refused(scene: Scene) -> Iterator[Decision]:
    """Guess from pods that the API server did not let in until the end."""
    for since, message in _refusals(scene):
        yield _is_refused(scene, scene.now, since, message)


def _refusals(scene: Scene) -> Iterator[tuple[float, str]]:
    """Yield since when the API server has let no pod in, without a break, and what it says; nothing where it does."""
    since, message = None, ""
    for version in scene.timeline.versions(scene.canary.kind, scene.canary.name):
        failure = _refusal(version.object)
        since = None if failure is None else version.at if since is None else since
        message = failure or ""
    if since is not None:
        yield since, message


def _is_refused(scene: Scene, proven_at: float, since: float, message: str) -> Decision:
    cause = Cause(code="pods-refused", detail=message)
    return scene.decision("refused", cause, proven_at, f"ReplicaFailure since {since:.1f} s: {message}")


def _refusal(deployment: Manifest) -> str | None:
    failure = condition(deployment, "ReplicaFailure")
    progress = condition(deployment, "Progressing")
    if failure.get("status") == "True":
        return text_at(failure, "message") or text_at(failure, "reason")
    return text_at(progress, "message") if progress.get("reason") == "ReplicaSetCreateError" else None


def unschedulable(scene: Scene) -> Iterator[Decision]:
    """Decide by a pod that no node takes; for a moment that is normal, while other pods leave."""
    for pod in scene.live:
        since = pod.unschedulable_since
        if since is not None and scene.now - since >= scene.time_limits.unschedulable:
            cause = Cause(code="unscheduled", detail=scheduling_failure(pod.scheduling))
            proof = f"pod {pod.name}: Unschedulable since {since:.1f} s: {pod.scheduling}"
            yield scene.decision("unschedulable", cause, since + scene.time_limits.unschedulable, proof)


def unconfigured(scene: Scene) -> Iterator[Decision]:
    """Decide by a container that does not get what it needs, but not while a cache of the kubelet is empty."""
    for runs in scene.runs:
        for waiting, outcome in UNCONFIGURED.items():
            since = runs.waiting_since(frozenset({waiting}))
            if since is None or is_cache_empty(message := runs.moments[-1].message):
                continue
            if scene.now - since >= scene.time_limits.persistence:
                cause = Cause(code="container-not-created", detail=message or waiting)
                proof = f"pod {runs.pod.name}, {runs}: {waiting} since {since:.1f} s: {message}"
                proven_at = since + scene.time_limits.persistence
                yield scene.decision(outcome, cause, proven_at, proof, runs=runs)


def unmountable(scene: Scene) -> Iterator[Decision]:
    """Decide by a volume without its ConfigMap or Secret: no status tells that it keeps the pod from starting."""
    for pod in scene.live:
        started = any(
            moment.running or moment.terminated for each in pod.containers for moment in pod.moments(each.name)
        )
        for event in () if started else scene.timeline.events_about(pod.uid):
            missing = event.reason == "FailedMount" and is_source_missing(event.message)
            if missing and scene.now - event.at >= scene.time_limits.persistence:
                cause = Cause(code="volume-not-mounted", detail=event.message)
                yield scene.decision("config-error", cause, event.at + scene.time_limits.persistence, event.message)


def too_small(scene: Scene) -> Iterator[Decision]:
    """Decide by a memory limit below what the start of an empty pod takes: the kubelet tries again and again."""
    for pod in scene.live:
        for event in scene.timeline.events_about(pod.uid):
            killed = event.reason == "FailedCreatePodSandBox" and _is_killed_for_memory(pod, event.message)
            if killed and scene.now - event.at >= scene.time_limits.persistence:
                cause = Cause(code="memory-too-low")
                proven_at = event.at + scene.time_limits.persistence
                yield scene.decision("oom-killed", cause, proven_at, f"pod {pod.name}: {event.message}")


def _is_killed_for_memory(pod: PodHistory, message: str) -> bool:
    """Report whether the kernel killed a pod's sandbox: a pod has a limit where all of its containers have one."""
    is_limited = all(
        value_at(each, "resources", "limits", "memory") for each in maps_at(pod.latest.body, "spec", "containers")
    )
    return is_killed_at_start(message) or (is_limited and is_sandbox_ended(message))


def healthy(scene: Scene) -> Iterator[Decision]:
    """Decide by pods that were Ready for as long as a canary is watched, while no container ended."""
    if _is_steady(scene) and not _in_doubt(scene):
        yield _is_healthy(scene)


def steady_after_all(scene: Scene) -> Iterator[Decision]:
    """Guess from pods that are Ready for that long now, whatever happened before."""
    if _is_steady(scene):
        yield _is_healthy(scene)


def never_ready(scene: Scene) -> Iterator[Decision]:
    """Decide by a pod that ran for as long as a canary is watched, and was never Ready."""
    for pod in scene.live:
        since = pod.running_since
        if since is None or pod.was_ready or _in_doubt(scene):
            continue
        if scene.now - since >= scene.time_limits.observation:
            said = [event.message for event in scene.timeline.events_about(pod.uid) if event.reason == "Unhealthy"]
            cause = Cause(code="never-ready", detail=said[-1] if said else "")
            proof = f"pod {pod.name}: running since {since:.1f} s, not Ready"
            yield scene.decision("not-ready", cause, since + scene.time_limits.observation, proof)


def _is_steady(scene: Scene) -> bool:
    since = [pod.ready_since for pod in scene.live]
    steady = all(each is not None and scene.now - each >= scene.time_limits.observation for each in since)
    return steady and len(since) >= max(1, _wanted(scene))


def _wanted(scene: Scene) -> int:
    """Return the number of pods that the canary gets. A DaemonSet gets one on each node that its controller chooses."""
    workload = scene.timeline.objects.get(scene.canary.key)
    if scene.canary.kind == "DaemonSet" and workload:
        return requested_pods(workload)
    return scene.canary.replicas


def _in_doubt(scene: Scene) -> bool:
    """Report whether a run ended, or a probe failed that a container is killed for."""
    return any(runs.ends or runs.said("Unhealthy", is_killing_probe_failure) for runs in scene.runs)


def _is_healthy(scene: Scene) -> Decision:
    since = max(pod.ready_since or 0.0 for pod in scene.live)
    cause = Cause(
        code="ready",
        seconds=scene.now - since,
        count=sum(pod.restarts for pod in scene.live),
        images=tuple(dict.fromkeys(scene.canary.images)),
    )
    proof = (f"pod {pod.name}: Ready since {pod.ready_since:.1f} s" for pod in scene.live)
    return scene.decision("healthy", cause, since + scene.time_limits.observation, *proof)


def uncertain(scene: Scene) -> Iterator[Decision]:
    """Report that no outcome is certain, and describe the current state of the canary."""
    yield scene.decision("undecided", _state(scene), scene.now)


def _state(scene: Scene) -> Cause:
    """Return the current state of the canary as a cause."""
    if not scene.live and scene.ending:
        return Cause(code="former-pod-ending", pod=scene.ending[0].name, seconds=scene.watched)
    if not scene.live:
        return Cause(code="no-pod", seconds=scene.watched)
    waiting = {moment.waiting for runs in scene.runs for moment in runs.moments[-1:] if moment.waiting}
    warnings = [event.message for pod in scene.live for event in scene.timeline.events_about(pod.uid)]
    if waiting:
        said = warnings[-1] if warnings else ""
        return Cause(code="still-waiting", states=tuple(sorted(waiting)), detail=said, seconds=scene.watched)
    return Cause(code="ready-too-short", seconds=scene.watched)
