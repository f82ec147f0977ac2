"""Decides the fate of a canary from what was seen of it; pure.

A container that dies again and again is `Running` and Ready in between, and may never be seen in
``CrashLoopBackOff``; so what counts is how its runs ended.  The kubelet restarts a container at once after its first
end and backs off from the second on (Kubernetes, "Pod Lifecycle": 10 s, 20 s, 40 s, ..., 300 s).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import replace

from canaryproof.analysis.container_runs import BACK_OFF, Runs, Scene, counted
from canaryproof.model.causes import Cause, Code
from canaryproof.model.evidence import Canary, ContainerLog, Decision, OutcomeName
from canaryproof.model.kubernetes_text import (
    is_account_missing,
    is_cache_empty,
    is_killed_at_start,
    is_killing_probe_failure,
    is_no_such_image,
    is_sandbox_ended,
    is_source_missing,
    killing_probe,
    scheduling_failure,
    start_failure,
)
from canaryproof.model.objects import Manifest, maps_at, text_at, value_at
from canaryproof.model.timeline import ContainerMoment, PodHistory, Termination, Timeline, condition
from canaryproof.system.progress import one_line
from canaryproof.timeouts import TimeLimits

IMAGE_HOPELESS = frozenset({"InvalidImageName", "ErrImageNeverPull"})
IMAGE_FAILED = frozenset(
    {"ErrImagePull", "ImageInspectError", "RegistryUnavailable", "SignatureValidationFailed", *IMAGE_HOPELESS}
)
IMAGE_WAITING = IMAGE_FAILED | {"ImagePullBackOff"}
UNCONFIGURED: dict[str, OutcomeName] = {
    "CreateContainerConfigError": "config-error",
    "CreateContainerError": "start-error",
}
TALKATIVE: frozenset[OutcomeName] = frozenset(
    {"crash-loop", "init-crash-loop", "exits-cleanly", "oom-killed", "probe-killed"}
)
"""The fates of containers that ran, and may have said something."""
SAID = 200
"""Characters of its last words."""

LOOPS: Mapping[OutcomeName, Code] = {
    "crash-loop": "crash-looped",
    "exits-cleanly": "exited-cleanly",
    "oom-killed": "out-of-memory",
    "probe-killed": "probe-killed",
    "start-error": "start-failed",
    "init-crash-loop": "init-crash-looped",
}
"""The cause of each way in which a container can end again and again."""

ENOUGH = 2
"""Ends of one container that make a loop: it ended, was restarted, and ended so again."""


def decide(
    timeline: Timeline, canary: Canary, upgraded_at: float, now: float, durations: TimeLimits
) -> Decision | None:
    """Return the fate of *canary* as soon as it is certain, or what it looks like when time is up; None until then.

    Times are in seconds from the start of the recording.  Time is up ``observation`` seconds after the upgrade; after
    ``observation_extended`` while there are pods whose fate is still open.
    """
    scene = Scene(timeline.until(now), canary, upgraded_at, now, durations)
    pending = any(pod.is_live for pod in scene.pods)
    is_over = now - upgraded_at >= (durations.observation_extended if pending else durations.observation)
    decisions = (decision for rule in (*RULES, *(GUESSES if is_over else ())) for decision in rule(scene))
    return next(decisions, None)


def _loops(scene: Scene) -> Iterator[Decision]:
    """A container that ended, was restarted, and ended in the same way again."""
    for runs in scene.runs:
        for kind in dict.fromkeys(runs.kinds):
            alike = tuple(end for end, its in zip(runs.ends, runs.kinds, strict=True) if its == kind)
            # With one kind of end known, the ends that nobody saw are taken to be like it.
            unseen = runs.unseen if len(set(runs.kinds)) == 1 else 0
            if len(alike) + unseen >= ENOUGH:
                yield _loop(scene, runs, kind, alike)


def _loop(scene: Scene, runs: Runs, kind: OutcomeName, alike: tuple[Termination, ...]) -> Decision:
    proven_at = sorted(end.at for end in alike)[ENOUGH - 1] if len(alike) >= ENOUGH else _counted_at(runs)
    cause = Cause(
        code=LOOPS[kind],
        exit_codes=tuple(dict.fromkeys(end.exit_code for end in alike)),
        ended=alike[-1].reason,
        seconds=scene.after(proven_at),
        probe=_probe(runs) if kind == "probe-killed" else "",
        detail=start_failure(alike[-1].message) or alike[-1].reason if kind == "start-error" else "",
    )
    return scene.decision(kind, cause, proven_at, *_proof(runs, alike), runs=runs)


def _counted_at(runs: Runs) -> float:
    """Return when the kubelet had counted enough ends, and one of them had been seen."""
    enough = next(moment.at for moment in runs.moments if counted(moment) >= ENOUGH)
    return max(runs.ends[0].at, enough)


def _probe(runs: Runs) -> str:
    """Return the probe for which the kubelet killed the container last."""
    return killing_probe(runs.said("Killing", killing_probe)[-1].message)


def _proof(runs: Runs, ends: tuple[Termination, ...]) -> Iterator[str]:
    for end in ends:
        ended = f"exit code {end.exit_code} ({end.reason or 'no reason given'})"
        times = f"started {end.started_at}, finished {end.finished_at}, seen at {end.at:.1f} s"
        yield f"pod {end.pod}, {runs}: {ended}, {times}"
    if runs.unseen:
        restarts = runs.moments[-1].restarts
        yield f"pod {runs.pod.name}, {runs}: {restarts} restarts counted; {runs.unseen} of its ends went unseen"
    for moment in runs.moments:
        if moment.waiting == BACK_OFF:
            yield f"pod {runs.pod.name}, {runs}: {BACK_OFF} seen at {moment.at:.1f} s: {moment.message}"
            return


def _never_pulled(scene: Scene) -> Iterator[Decision]:
    """An image that must not be pulled is there by chance: what else has run on the node decides nothing.

    ``Never``: "the kubelet does not try fetching the image" (Kubernetes, "Images").
    """
    for image in scene.canary.unpulled:
        cause = Cause(code="image-pull-forbidden", image=image)
        proof = f"imagePullPolicy: Never, and no container of the course's chart has the image {image}"
        yield scene.decision("image-pull", cause, scene.upgraded_at, proof)


def _needed(scene: Scene) -> Iterator[Runs]:
    """Yield the runs of the containers without which the canary is not what it is: not of sidecars that others make."""
    return (each for each in scene.runs if each.container.init or each.container.image not in scene.canary.foreign)


def _unpullable(scene: Scene) -> Iterator[Decision]:
    """An image that is not there is decided at the first failure; one that may be, at the second."""
    for runs in _needed(scene):
        failures = 0
        before = ""
        for moment in runs.moments:
            failures += moment.waiting in IMAGE_FAILED and before not in IMAGE_FAILED
            before = moment.waiting
            hopeless = moment.waiting in IMAGE_HOPELESS or is_no_such_image(moment.message)
            hopeless = hopeless or _has_capitals(runs.container.image)
            if moment.waiting in IMAGE_WAITING and (hopeless or failures >= ENOUGH):
                yield _no_image(scene, runs, moment)


def _has_capitals(image: str) -> bool:
    """Report whether its first word has a capital letter: that is taken for the host of a registry."""
    first, slash, _ = image.partition("/")
    return bool(slash) and first != first.lower()


def _no_image(scene: Scene, runs: Runs, moment: ContainerMoment) -> Decision:
    code: Code = "image-pull-failed"
    if _has_capitals(runs.container.image):
        code = "image-capitals"
    elif moment.waiting == "InvalidImageName":
        code = "image-name-invalid"
    elif moment.waiting == "ErrImageNeverPull":
        code = "image-not-on-node"
    elif is_no_such_image(moment.message):
        code = "image-not-found"
    detail = moment.message or moment.waiting
    cause = Cause(code=code, image=runs.container.image, detail=detail)
    proof = f"pod {runs.pod.name}, {runs}: {moment.waiting} at {moment.at:.1f} s: {moment.message}"
    return scene.decision("image-pull", cause, moment.at, proof, runs=runs)


def _unconfigured(scene: Scene) -> Iterator[Decision]:
    """What a container needs and does not get stays missing; a cache of the kubelet that is not yet filled does not."""
    for runs in scene.runs:
        for waiting, outcome in UNCONFIGURED.items():
            since = runs.waiting_since(frozenset({waiting}))
            if since is None or is_cache_empty(message := runs.moments[-1].message):
                continue
            if scene.now - since >= scene.durations.persistence:
                cause = Cause(code="container-not-created", detail=message or waiting)
                proof = f"pod {runs.pod.name}, {runs}: {waiting} since {since:.1f} s: {message}"
                proven_at = since + scene.durations.persistence
                yield scene.decision(outcome, cause, proven_at, proof, runs=runs)


def _unmountable(scene: Scene) -> Iterator[Decision]:
    """A volume that needs a ConfigMap or Secret that is not there keeps the pod from starting, without any status."""
    for pod in scene.live:
        started = any(
            moment.running or moment.terminated for each in pod.containers for moment in pod.moments(each.name)
        )
        for event in () if started else scene.timeline.events_about(pod.uid):
            missing = event.reason == "FailedMount" and is_source_missing(event.message)
            if missing and scene.now - event.at >= scene.durations.persistence:
                cause = Cause(code="volume-not-mounted", detail=event.message)
                yield scene.decision("config-error", cause, event.at + scene.durations.persistence, event.message)


def _too_small(scene: Scene) -> Iterator[Decision]:
    """A memory limit below what the start of an empty pod takes: the kubelet tries again and again."""
    for pod in scene.live:
        for event in scene.timeline.events_about(pod.uid):
            killed = event.reason == "FailedCreatePodSandBox" and _is_killed_for_memory(pod, event.message)
            if killed and scene.now - event.at >= scene.durations.persistence:
                cause = Cause(code="memory-too-low")
                proven_at = event.at + scene.durations.persistence
                yield scene.decision("oom-killed", cause, proven_at, f"pod {pod.name}: {event.message}")


def _is_killed_for_memory(pod: PodHistory, message: str) -> bool:
    """Report whether the kernel killed a pod's sandbox: a pod has a limit where all of its containers have one."""
    is_limited = all(
        value_at(each, "resources", "limits", "memory") for each in maps_at(pod.latest.body, "spec", "containers")
    )
    return is_killed_at_start(message) or (is_limited and is_sandbox_ended(message))


def _unschedulable(scene: Scene) -> Iterator[Decision]:
    """A pod that no node takes; for a moment that is normal, while other pods leave."""
    for pod in scene.live:
        since = pod.unschedulable_since
        if since is not None and scene.now - since >= scene.durations.unschedulable:
            cause = Cause(code="unscheduled", detail=scheduling_failure(pod.scheduling))
            proof = f"pod {pod.name}: Unschedulable since {since:.1f} s: {pod.scheduling}"
            yield scene.decision("unschedulable", cause, since + scene.durations.unschedulable, proof)


def _refused(scene: Scene) -> Iterator[Decision]:
    """Pods that the API server does not let in; a ServiceAccount may still be on its way."""
    for since, message in _refusals(scene):
        if scene.now - since >= scene.durations.persistence and not is_account_missing(message):
            yield _is_refused(scene, since + scene.durations.persistence, since, message)


def _refusals(scene: Scene) -> Iterator[tuple[float, str]]:
    """Yield since when the API server has let no pod in, without a break, and what it says; nothing where it does."""
    since, message = None, ""
    for version in scene.timeline.versions("Deployment", scene.canary.deployment):
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


def _asks_for_none(scene: Scene) -> Iterator[Decision]:
    if scene.canary.replicas == 0:
        yield scene.decision("not-ready", Cause(code="zero-replicas"), scene.upgraded_at, "spec.replicas: 0")


def _paused(scene: Scene) -> Iterator[Decision]:
    """A Deployment whose rollout is paused gets no pod."""
    for version in scene.timeline.versions("Deployment", scene.canary.deployment)[-1:]:
        if not scene.pods and value_at(version.object.body, "spec", "paused") is True:
            yield scene.decision("not-ready", Cause(code="rollout-paused"), scene.upgraded_at, "spec.paused: true")


def _healthy(scene: Scene) -> Iterator[Decision]:
    """All pods Ready for as long as a canary is watched, and no container ended."""
    if _is_steady(scene) and not _in_doubt(scene):
        yield _is_healthy(scene)


def _is_steady(scene: Scene) -> bool:
    since = [pod.ready_since for pod in scene.live]
    steady = all(each is not None and scene.now - each >= scene.durations.observation for each in since)
    return steady and len(since) >= max(1, scene.canary.replicas)


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
    return scene.decision("healthy", cause, since + scene.durations.observation, *proof)


def _never_ready(scene: Scene) -> Iterator[Decision]:
    """Running for as long as a canary is watched, and not Ready in all that time."""
    for pod in scene.live:
        since = pod.running_since
        if since is None or pod.was_ready or _in_doubt(scene):
            continue
        if scene.now - since >= scene.durations.observation:
            said = [event.message for event in scene.timeline.events_about(pod.uid) if event.reason == "Unhealthy"]
            cause = Cause(code="never-ready", detail=said[-1] if said else "")
            proof = f"pod {pod.name}: running since {since:.1f} s, not Ready"
            yield scene.decision("not-ready", cause, since + scene.durations.observation, proof)


Rule = Callable[[Scene], Iterator[Decision]]
RULES: tuple[Rule, ...] = (
    _asks_for_none,
    _paused,
    _never_pulled,
    _loops,
    _unpullable,
    _unconfigured,
    _unmountable,
    _too_small,
    _unschedulable,
    _refused,
    _healthy,
    _never_ready,
)
"""What makes a fate certain, strongest first."""


def _killed_for_a_probe(scene: Scene) -> Iterator[Decision]:
    for runs in scene.runs:
        if runs.probe_kills:
            cause = Cause(code="probe-kills", probe=_probe(runs))
            yield scene.decision("probe-killed", cause, scene.now, *_proof(runs, runs.ends), runs=runs)


def _steady_after_all(scene: Scene) -> Iterator[Decision]:
    if _is_steady(scene):
        yield _is_healthy(scene)


def _still_pulling(scene: Scene) -> Iterator[Decision]:
    for runs in _needed(scene):
        if runs.moments and runs.moments[-1].waiting in IMAGE_WAITING:
            yield _no_image(scene, runs, runs.moments[-1])


def _still_refused(scene: Scene) -> Iterator[Decision]:
    for since, message in _refusals(scene):
        yield _is_refused(scene, scene.now, since, message)


def _stuck_in_init(scene: Scene) -> Iterator[Decision]:
    for runs in scene.runs:
        if runs.container.init and runs.pod.is_live and runs.moments and runs.moments[-1].running and not runs.ends:
            proof = f"pod {runs.pod.name}, {runs}: still running"
            cause = Cause(code="init-not-ended", seconds=scene.watched)
            yield scene.decision("not-ready", cause, scene.now, proof, runs=runs)


def _ended_in_different_ways(scene: Scene) -> Iterator[Decision]:
    for runs in scene.runs:
        if len(runs.kinds) >= ENOUGH:
            proof = _proof(runs, runs.ends)
            yield scene.decision(runs.kinds[-1], _ended(scene, runs, "ended-differently"), scene.now, *proof, runs=runs)


def _ended_once(scene: Scene) -> Iterator[Decision]:
    for runs in scene.runs:
        if runs.ends:
            proof = _proof(runs, runs.ends)
            yield scene.decision("undecided", _ended(scene, runs, "ended-once"), scene.now, *proof, runs=runs)


def _uncertain(scene: Scene) -> Iterator[Decision]:
    yield scene.decision("undecided", _state(scene), scene.now)


GUESSES: tuple[Rule, ...] = (
    _killed_for_a_probe,
    _steady_after_all,
    _still_pulling,
    _still_refused,
    _stuck_in_init,
    _ended_in_different_ways,
    _ended_once,
    _uncertain,
)
"""What the end of the time suggests, best supported first; the last one always has an answer."""


def _ended(scene: Scene, runs: Runs, code: Code) -> Cause:
    codes = tuple(end.exit_code for end in runs.ends)
    return Cause(code=code, exit_codes=codes, ended=runs.ends[-1].reason, seconds=scene.watched)


def with_last_words(decision: Decision, logs: Iterable[ContainerLog]) -> Decision:
    """Add what the container that decided it wrote last: it says why the program gave up."""
    for log in sorted(logs, key=lambda each: not each.previous):
        lines = [said for line in log.text.splitlines() if (said := one_line(line).strip())]
        if lines and decision.outcome in TALKATIVE and log.container == decision.cause.container:
            said = lines[-1] if len(lines[-1]) <= SAID else f"{lines[-1][:SAID]}..."
            return replace(decision, cause=replace(decision.cause, last_words=said))
    return decision


def _state(scene: Scene) -> Cause:
    """Return what there is of the canary."""
    if not scene.live:
        return Cause(code="no-pod", seconds=scene.watched)
    waiting = {moment.waiting for runs in scene.runs for moment in runs.moments[-1:] if moment.waiting}
    warnings = [event.message for pod in scene.live for event in scene.timeline.events_about(pod.uid)]
    if waiting:
        said = warnings[-1] if warnings else ""
        return Cause(code="still-waiting", states=tuple(sorted(waiting)), detail=said, seconds=scene.watched)
    return Cause(code="ready-too-short", seconds=scene.watched)
