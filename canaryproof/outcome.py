"""Decides the fate of a canary from what was seen of it; pure.

A container that dies again and again is `Running` and Ready in between, and may never be seen in
``CrashLoopBackOff``; so what counts is how its runs ended.  The kubelet restarts a container at once after its first
end and backs off from the second on (Kubernetes, "Pod Lifecycle": 10 s, 20 s, 40 s, ..., 300 s).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace

from canaryproof.durations import Durations
from canaryproof.evidence import Canary, ContainerLog, Decision, OutcomeName
from canaryproof.manifests import Manifest, maps_at, text_at, value_at
from canaryproof.progress import one_line
from canaryproof.scene import BACK_OFF, OOM, PROBE_KILL, SANDBOX_ENDED, Runs, Scene, counted
from canaryproof.timeline import ContainerMoment, PodHistory, Termination, Timeline, condition

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

_NO_SUCH_IMAGE = re.compile(
    r"not found|manifest unknown|name unknown|does not exist|access denied|invalid reference", re.IGNORECASE
)
_CACHE_NOT_SYNCED = re.compile(r"failed to sync .*cache")
_NO_ACCOUNT_YET = re.compile(r"serviceaccount .*not found")
_PROBE_FAILED = re.compile(r"^(Liveness|Startup) probe failed")
_MOUNT_MISSING = re.compile(r"(configmap|secret|references non-existent).*(not found|key)", re.IGNORECASE)

ENOUGH = 2
"""Ends of one container that make a loop: it ended, was restarted, and ended so again."""


def decide(timeline: Timeline, canary: Canary, upgraded_at: float, now: float, durations: Durations) -> Decision | None:
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
    when = f"twice, the second time {scene.after(proven_at)}"
    codes = " and ".join(dict.fromkeys(str(end.exit_code) for end in alike))
    name, who = scene.canary.deployment, str(runs)
    reason = {
        "crash-loop": f"{name} crash-loops: {who} ended by itself with exit code {codes}, {when}",
        "exits-cleanly": f"{name} does not crash: {who} ended by itself with exit code 0, {when}",
        "oom-killed": f"{who} of {name} was killed for using more memory than its limit, {when}",
        "probe-killed": f"{who} of {name} was killed by the kubelet because its {_probe(runs)} failed, {when}",
        "start-error": f"{who} of {name} could not be started, {when}: {_own_words(alike[-1])}",
        "init-crash-loop": f"{who} of {name} ended with exit code {codes}, {when}; the others never started",
    }[kind]
    return scene.decision(kind, reason, proven_at, *_proof(runs, alike), container=runs.container.name)


def _own_words(end: Termination) -> str:
    """Return why a start failed, without the programs that passed it on."""
    return end.message.rpartition("unable to start container process: ")[2] or end.reason


def _counted_at(runs: Runs) -> float:
    """Return when the kubelet had counted enough ends, and one of them had been seen."""
    enough = next(moment.at for moment in runs.moments if counted(moment) >= ENOUGH)
    return max(runs.ends[0].at, enough)


def _probe(runs: Runs) -> str:
    kills = runs.said("Killing", PROBE_KILL)
    found = PROBE_KILL.search(kills[-1].message) if kills else None
    return f"{found.group(1)} probe" if found else "probe"


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
        reason = f"{scene.canary.deployment} does not get its image: imagePullPolicy Never forbids to pull {image}"
        proof = f"imagePullPolicy: Never, and no container of the course's chart has the image {image}"
        yield scene.decision("image-pull", f"{reason}, and nothing before has", scene.upgraded_at, proof)


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
            hopeless = moment.waiting in IMAGE_HOPELESS or bool(_NO_SUCH_IMAGE.search(moment.message))
            hopeless = hopeless or _has_capitals(runs.container.image)
            if moment.waiting in IMAGE_WAITING and (hopeless or failures >= ENOUGH):
                yield _no_image(scene, runs, moment)


def _has_capitals(image: str) -> bool:
    """Report whether its first word has a capital letter: that is taken for the host of a registry."""
    first, slash, _ = image.partition("/")
    return bool(slash) and first != first.lower()


def _no_image(scene: Scene, runs: Runs, moment: ContainerMoment) -> Decision:
    if _has_capitals(runs.container.image):
        why = "is none of Docker Hub, where names have no capital letters"
    elif moment.waiting == "InvalidImageName":
        why = "is no name that an image can have"
    elif moment.waiting == "ErrImageNeverPull":
        why = "is not on the node, and imagePullPolicy Never forbids to pull it"
    elif _NO_SUCH_IMAGE.search(moment.message):
        why = "was not found"
    else:
        why = f"cannot be pulled: {moment.message or moment.waiting}"
    reason = f"{runs} of {scene.canary.deployment} never started: image {runs.container.image} {why}"
    proof = f"pod {runs.pod.name}, {runs}: {moment.waiting} at {moment.at:.1f} s: {moment.message}"
    return scene.decision("image-pull", reason, moment.at, proof, container=runs.container.name)


def _unconfigured(scene: Scene) -> Iterator[Decision]:
    """What a container needs and does not get stays missing; a cache of the kubelet that is not yet filled does not."""
    for runs in scene.runs:
        for waiting, outcome in UNCONFIGURED.items():
            since = runs.waiting_since(frozenset({waiting}))
            if since is None or _CACHE_NOT_SYNCED.search(message := runs.moments[-1].message):
                continue
            if scene.now - since >= scene.durations.persistence:
                reason = f"{runs} of {scene.canary.deployment} cannot be created: {message or waiting}"
                proof = f"pod {runs.pod.name}, {runs}: {waiting} since {since:.1f} s: {message}"
                proven_at = since + scene.durations.persistence
                yield scene.decision(outcome, reason, proven_at, proof, container=runs.container.name)


def _unmountable(scene: Scene) -> Iterator[Decision]:
    """A volume that needs a ConfigMap or Secret that is not there keeps the pod from starting, without any status."""
    for pod in scene.live:
        started = any(
            moment.running or moment.terminated for each in pod.containers for moment in pod.moments(each.name)
        )
        for event in () if started else scene.timeline.events_about(pod.uid):
            missing = event.reason == "FailedMount" and _MOUNT_MISSING.search(event.message)
            if missing and scene.now - event.at >= scene.durations.persistence:
                reason = f"the pod of {scene.canary.deployment} cannot start: {event.message}"
                yield scene.decision("config-error", reason, event.at + scene.durations.persistence, event.message)


def _too_small(scene: Scene) -> Iterator[Decision]:
    """A memory limit below what the start of an empty pod takes: the kubelet tries again and again."""
    for pod in scene.live:
        for event in scene.timeline.events_about(pod.uid):
            killed = event.reason == "FailedCreatePodSandBox" and _is_killed_for_memory(pod, event.message)
            if killed and scene.now - event.at >= scene.durations.persistence:
                reason = (
                    f"the pod of {scene.canary.deployment} cannot start: its memory limit is too low for any program"
                )
                proven_at = event.at + scene.durations.persistence
                yield scene.decision("oom-killed", reason, proven_at, f"pod {pod.name}: {event.message}")


def _is_killed_for_memory(pod: PodHistory, message: str) -> bool:
    """Report whether the kernel killed a pod's sandbox: a pod has a limit where all of its containers have one."""
    is_limited = all(
        value_at(each, "resources", "limits", "memory") for each in maps_at(pod.latest.body, "spec", "containers")
    )
    return bool(OOM.search(message) or (is_limited and SANDBOX_ENDED.search(message)))


def _unschedulable(scene: Scene) -> Iterator[Decision]:
    """A pod that no node takes; for a moment that is normal, while other pods leave."""
    for pod in scene.live:
        since = pod.unschedulable_since
        if since is not None and scene.now - since >= scene.durations.unschedulable:
            said = pod.scheduling.partition(" preemption: ")[0]  # that no other pod would have to go helps nobody
            reason = f"no node takes the pod of {scene.canary.deployment}: {said}"
            proof = f"pod {pod.name}: Unschedulable since {since:.1f} s: {pod.scheduling}"
            yield scene.decision("unschedulable", reason, since + scene.durations.unschedulable, proof)


def _refused(scene: Scene) -> Iterator[Decision]:
    """Pods that the API server does not let in; a ServiceAccount may still be on its way."""
    for since, message in _refusals(scene):
        if scene.now - since >= scene.durations.persistence and not _NO_ACCOUNT_YET.search(message):
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
    reason = f"the cluster refused the pods of {scene.canary.deployment}: {message}"
    return scene.decision("refused", reason, proven_at, f"ReplicaFailure since {since:.1f} s: {message}")


def _refusal(deployment: Manifest) -> str | None:
    failure = condition(deployment, "ReplicaFailure")
    progress = condition(deployment, "Progressing")
    if failure.get("status") == "True":
        return text_at(failure, "message") or text_at(failure, "reason")
    return text_at(progress, "message") if progress.get("reason") == "ReplicaSetCreateError" else None


def _asks_for_none(scene: Scene) -> Iterator[Decision]:
    if scene.canary.replicas == 0:
        reason = f"{scene.canary.deployment} asks for 0 replicas, so no pod of it was started"
        yield scene.decision("not-ready", reason, scene.upgraded_at, "spec.replicas: 0")


def _paused(scene: Scene) -> Iterator[Decision]:
    """A Deployment whose rollout is paused gets no pod."""
    for version in scene.timeline.versions("Deployment", scene.canary.deployment)[-1:]:
        if not scene.pods and value_at(version.object.body, "spec", "paused") is True:
            reason = f"{scene.canary.deployment} is paused, so no pod of it was started"
            yield scene.decision("not-ready", reason, scene.upgraded_at, "spec.paused: true")


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
    return any(runs.ends or runs.said("Unhealthy", _PROBE_FAILED) for runs in scene.runs)


def _is_healthy(scene: Scene) -> Decision:
    since = max(pod.ready_since or 0.0 for pod in scene.live)
    for_how_long = f"has been Ready for {scene.now - since:.0f} s"
    restarts = sum(pod.restarts for pod in scene.live)
    past = f" after {restarts} restart{'s'[: restarts != 1]}" if restarts else " without a restart"
    runs = f"it runs {' and '.join(dict.fromkeys(scene.canary.images))}"
    reason = f"{scene.canary.deployment} did not crash: it {for_how_long}{past}; {runs}"
    proof = (f"pod {pod.name}: Ready since {pod.ready_since:.1f} s" for pod in scene.live)
    return scene.decision("healthy", reason, since + scene.durations.observation, *proof)


def _never_ready(scene: Scene) -> Iterator[Decision]:
    """Running for as long as a canary is watched, and not Ready in all that time."""
    for pod in scene.live:
        since = pod.running_since
        if since is None or pod.was_ready or _in_doubt(scene):
            continue
        if scene.now - since >= scene.durations.observation:
            said = [event.message for event in scene.timeline.events_about(pod.uid) if event.reason == "Unhealthy"]
            why = f": {said[-1]}" if said else ""
            reason = f"{scene.canary.deployment} runs without crashing, but never became Ready{why}"
            proof = f"pod {pod.name}: running since {since:.1f} s, not Ready"
            yield scene.decision("not-ready", reason, since + scene.durations.observation, proof)


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
            reason = f"{runs} of {scene.canary.deployment} is killed by the kubelet because its {_probe(runs)} fails"
            proof = _proof(runs, runs.ends)
            yield scene.decision("probe-killed", reason, scene.now, *proof, container=runs.container.name)


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
            name = scene.canary.deployment
            reason = f"{name} never became Ready: {runs} did not end {scene.watched}, and the others wait for it"
            proof = f"pod {runs.pod.name}, {runs}: still running"
            yield scene.decision("not-ready", reason, scene.now, proof, container=runs.container.name)


def _ended_in_different_ways(scene: Scene) -> Iterator[Decision]:
    for runs in scene.runs:
        if len(runs.kinds) >= ENOUGH:
            ended = f"ended in different ways {scene.watched}, last with {_end(runs)}"
            reason = f"{runs} of {scene.canary.deployment} {ended}"
            proof = _proof(runs, runs.ends)
            yield scene.decision(runs.kinds[-1], reason, scene.now, *proof, container=runs.container.name)


def _ended_once(scene: Scene) -> Iterator[Decision]:
    for runs in scene.runs:
        if runs.ends:
            ended = f"ended once, with {_end(runs)}, and not again {scene.watched}"
            reason = f"{runs} of {scene.canary.deployment} {ended}"
            proof = _proof(runs, runs.ends)
            yield scene.decision("undecided", reason, scene.now, *proof, container=runs.container.name)


def _uncertain(scene: Scene) -> Iterator[Decision]:
    yield scene.decision("undecided", f"{_state(scene)} {scene.watched}; nothing else is certain", scene.now)


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


def _end(runs: Runs) -> str:
    return f"exit code {runs.ends[-1].exit_code} ({runs.ends[-1].reason or 'no reason given'})"


def with_last_words(decision: Decision, logs: Iterable[ContainerLog]) -> Decision:
    """Add what the container that decided it wrote last: it says why the program gave up."""
    for log in sorted(logs, key=lambda each: not each.previous):
        lines = [said for line in log.text.splitlines() if (said := one_line(line).strip())]
        if lines and decision.outcome in TALKATIVE and f"container {log.container} " in decision.reason:
            said = lines[-1] if len(lines[-1]) <= SAID else f"{lines[-1][:SAID]}..."
            return replace(decision, reason=f"{decision.reason}; its last words: {said}")
    return decision


def _state(scene: Scene) -> str:
    """Say in a few words what there is of the canary."""
    name = scene.canary.deployment
    if not scene.live:
        return f"{name} had no pod"
    waiting = {moment.waiting for runs in scene.runs for moment in runs.moments[-1:] if moment.waiting}
    warnings = [event.message for pod in scene.live for event in scene.timeline.events_about(pod.uid)]
    if waiting:
        said = f" ({warnings[-1]})" if warnings else ""
        return f"{name} was still waiting, {', '.join(sorted(waiting))}{said},"
    return f"{name} did not crash, but was not Ready for long enough"
