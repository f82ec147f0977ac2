"""Decides the fate of a canary from what was seen of it; pure.

A container that dies again and again is `Running` and Ready in between, and may never be seen in
``CrashLoopBackOff``; so what counts is how its runs ended.  The kubelet restarts a container at once after its first
end and backs off from the second on (Kubernetes, "Pod Lifecycle": 10 s, 20 s, 40 s, ..., 300 s).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from functools import cached_property

from canaryproof.durations import Durations
from canaryproof.evidence import Canary, ContainerLog, Decision, OutcomeName
from canaryproof.manifests import Container, Manifest, text_at
from canaryproof.progress import one_line
from canaryproof.timeline import ContainerMoment, Event, PodHistory, Termination, Timeline, condition

KILLED = frozenset({128 + 9, 128 + 15})
"""Exit codes of a container that the kubelet ended: SIGKILL and SIGTERM."""
NOT_STARTED = frozenset({"StartError", "ContainerCannotRun", "RunContainerError"})
IMAGE_HOPELESS = frozenset({"InvalidImageName", "ErrImageNeverPull"})
IMAGE_FAILED = frozenset(
    {"ErrImagePull", "ImageInspectError", "RegistryUnavailable", "SignatureValidationFailed", *IMAGE_HOPELESS}
)
IMAGE_WAITING = IMAGE_FAILED | {"ImagePullBackOff"}
UNCONFIGURED: dict[str, OutcomeName] = {
    "CreateContainerConfigError": "config-error",
    "CreateContainerError": "start-error",
}
BACK_OFF = "CrashLoopBackOff"
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
_PROBE_KILL = re.compile(r"failed (liveness|startup) probe")
_PROBE_FAILED = re.compile(r"^(Liveness|Startup) probe failed")
_MOUNT_MISSING = re.compile(r"(configmap|secret|references non-existent).*(not found|key)", re.IGNORECASE)

ENOUGH = 2
"""Ends of one container that make a loop: it ended, was restarted, and ended so again."""


def decide(timeline: Timeline, canary: Canary, upgraded_at: float, now: float, durations: Durations) -> Decision | None:
    """Return the fate of *canary* as soon as it is certain, or what it looks like when time is up; None until then.

    Times are in seconds from the start of the recording.  Time is up ``observation`` seconds after the upgrade; after
    ``observation_extended`` while there are pods whose fate is still open.
    """
    scene = _Scene(timeline.until(now), canary, upgraded_at, now, durations)
    for rule in RULES:
        if decision := next(rule(scene), None):
            return decision
    pending = any(pod.is_live for pod in scene.pods)
    if now - upgraded_at < (durations.observation_extended if pending else durations.observation):
        return None
    return next(_best_guess(scene))


@dataclass(frozen=True)
class _Scene:
    """What the rules look at."""

    timeline: Timeline
    canary: Canary
    upgraded_at: float
    now: float
    durations: Durations

    @cached_property
    def pods(self) -> tuple[PodHistory, ...]:
        return self.timeline.pods_of(self.canary.deployment)

    @cached_property
    def live(self) -> tuple[PodHistory, ...]:
        return tuple(pod for pod in self.pods if pod.is_live)

    @cached_property
    def runs(self) -> tuple[_Runs, ...]:
        return tuple(
            _Runs(pod, container, self.timeline.events_about(pod.uid))
            for pod in self.pods
            for container in pod.containers
        )

    def decision(self, outcome: OutcomeName, reason: str, proven_at: float, *proof: str) -> Decision:
        return Decision(outcome, reason, self.now, proven_at, proof)

    def after(self, at: float) -> str:
        return f"{max(0.0, at - self.upgraded_at):.1f} s after the upgrade"


@dataclass(frozen=True)
class _Runs:
    """The runs of one container of one pod, and what was said about them."""

    pod: PodHistory
    container: Container
    events: tuple[Event, ...]

    def __str__(self) -> str:
        return f"{'init ' if self.container.init else ''}container {self.container.name}"

    @cached_property
    def moments(self) -> tuple[ContainerMoment, ...]:
        return self.pod.moments(self.container.name)

    @cached_property
    def ends(self) -> tuple[Termination, ...]:
        """Return how it ended by itself: not with its pod, nor as an init container that did its work."""
        ends = (end for end in self.pod.terminations(self.container.name) if not end.going)
        return tuple(end for end in ends if end.exit_code or not self.container.init)

    @cached_property
    def unseen(self) -> int:
        """Return how many ends nobody saw: every restart is one (the kubelet counts too few, never too many)."""
        if not self.moments or not self.ends:
            return 0
        return max(0, _counted(self.moments[-1]) - len(self.pod.terminations(self.container.name)))

    @cached_property
    def kinds(self) -> tuple[OutcomeName, ...]:
        """Return what each end speaks for."""
        return tuple(self._kind(number, end) for number, end in enumerate(self.ends))

    def _kind(self, number: int, end: Termination) -> OutcomeName:
        if self.container.init:
            return "init-crash-loop"
        if end.reason == "OOMKilled":
            return "oom-killed"
        if end.reason in NOT_STARTED:
            return "start-error"
        if number in self.probe_killed:
            return "probe-killed"
        return "crash-loop" if end.exit_code else "exits-cleanly"

    @cached_property
    def probe_kills(self) -> int:
        """Return how often the kubelet said that it kills the container for a probe; its exit code may be any."""
        return sum(event.count for event in self.said("Killing", _PROBE_KILL)) if self.container.killing_probe else 0

    @cached_property
    def probe_killed(self) -> frozenset[int]:
        """Return which ends the kubelet brought about: as many as it said, those with the code of a signal first."""
        likely = sorted(range(len(self.ends)), key=lambda number: self.ends[number].exit_code not in KILLED)
        return frozenset(likely[: self.probe_kills])

    def said(self, reason: str, message: re.Pattern[str]) -> tuple[Event, ...]:
        return tuple(
            event
            for event in self.events
            if event.reason == reason and event.container == self.container.name and message.search(event.message)
        )

    def waiting_since(self, reasons: frozenset[str]) -> float | None:
        """Return since when it has been waiting for one of *reasons*, without a break."""
        since = None
        for moment in self.moments:
            if moment.waiting not in reasons:
                since = None
            elif since is None:
                since = moment.at
        return since


def _loops(scene: _Scene) -> Iterator[Decision]:
    """A container that ended, was restarted, and ended in the same way again."""
    for runs in scene.runs:
        for kind in dict.fromkeys(runs.kinds):
            alike = tuple(end for end, its in zip(runs.ends, runs.kinds, strict=True) if its == kind)
            # With one kind of end known, the ends that nobody saw are taken to be like it.
            unseen = runs.unseen if len(set(runs.kinds)) == 1 else 0
            if len(alike) + unseen >= ENOUGH:
                yield _loop(scene, runs, kind, alike)


def _loop(scene: _Scene, runs: _Runs, kind: OutcomeName, alike: tuple[Termination, ...]) -> Decision:
    proven_at = sorted(end.at for end in alike)[ENOUGH - 1] if len(alike) >= ENOUGH else _counted_at(runs)
    when = f"twice, the second time {scene.after(proven_at)}"
    codes = " and ".join(dict.fromkeys(str(end.exit_code) for end in alike))
    name, who = scene.canary.deployment, str(runs)
    reason = {
        "crash-loop": f"{name} crash-loops: {who} ended by itself with exit code {codes}, {when}",
        "exits-cleanly": f"{name} does not crash: {who} ended by itself with exit code 0, {when}",
        "oom-killed": f"{who} of {name} was killed for using more memory than its limit, {when}",
        "probe-killed": f"{who} of {name} was killed by the kubelet because its {_probe(runs)} failed, {when}",
        "start-error": f"{who} of {name} could not be started, {when}: {alike[-1].message or alike[-1].reason}",
        "init-crash-loop": f"{who} of {name} ended with exit code {codes}, {when}; the others never started",
    }[kind]
    return scene.decision(kind, reason, proven_at, *_proof(runs, alike))


def _counted(moment: ContainerMoment) -> int:
    """Return how many ends a pod's status stands for: one for each restart, and the one that awaits its restart."""
    return moment.restarts + (moment.terminated or moment.waiting == BACK_OFF)


def _counted_at(runs: _Runs) -> float:
    """Return when the kubelet had counted enough ends, and one of them had been seen."""
    enough = next(moment.at for moment in runs.moments if _counted(moment) >= ENOUGH)
    return max(runs.ends[0].at, enough)


def _probe(runs: _Runs) -> str:
    kills = runs.said("Killing", _PROBE_KILL)
    found = _PROBE_KILL.search(kills[-1].message) if kills else None
    return f"{found.group(1)} probe" if found else "probe"


def _proof(runs: _Runs, ends: tuple[Termination, ...]) -> Iterator[str]:
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


def _unpullable(scene: _Scene) -> Iterator[Decision]:
    """An image that is not there is decided at the first failure; one that may be, at the second."""
    for runs in scene.runs:
        failures = 0
        before = ""
        for moment in runs.moments:
            failures += moment.waiting in IMAGE_FAILED and before not in IMAGE_FAILED
            before = moment.waiting
            hopeless = moment.waiting in IMAGE_HOPELESS or bool(_NO_SUCH_IMAGE.search(moment.message))
            if moment.waiting in IMAGE_WAITING and (hopeless or failures >= ENOUGH):
                yield _no_image(scene, runs, moment)


def _no_image(scene: _Scene, runs: _Runs, moment: ContainerMoment) -> Decision:
    if moment.waiting == "InvalidImageName":
        why = "is no name that an image can have"
    elif moment.waiting == "ErrImageNeverPull":
        why = "is not on the node, and imagePullPolicy Never forbids to pull it"
    elif _NO_SUCH_IMAGE.search(moment.message):
        why = "was not found"
    else:
        why = f"cannot be pulled: {moment.message or moment.waiting}"
    reason = f"{runs} of {scene.canary.deployment} never started: image {runs.container.image} {why}"
    proof = f"pod {runs.pod.name}, {runs}: {moment.waiting} at {moment.at:.1f} s: {moment.message}"
    return scene.decision("image-pull", reason, moment.at, proof)


def _unconfigured(scene: _Scene) -> Iterator[Decision]:
    """What a container needs and does not get stays missing; a cache of the kubelet that is not yet filled does not."""
    for runs in scene.runs:
        for waiting, outcome in UNCONFIGURED.items():
            since = runs.waiting_since(frozenset({waiting}))
            if since is None or _CACHE_NOT_SYNCED.search(message := runs.moments[-1].message):
                continue
            if scene.now - since >= scene.durations.persistence:
                reason = f"{runs} of {scene.canary.deployment} cannot be created: {message or waiting}"
                proof = f"pod {runs.pod.name}, {runs}: {waiting} since {since:.1f} s: {message}"
                yield scene.decision(outcome, reason, since + scene.durations.persistence, proof)


def _unmountable(scene: _Scene) -> Iterator[Decision]:
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


def _unschedulable(scene: _Scene) -> Iterator[Decision]:
    """A pod that no node takes; for a moment that is normal, while other pods leave."""
    for pod in scene.live:
        since = pod.unschedulable_since
        if since is not None and scene.now - since >= scene.durations.unschedulable:
            reason = f"no node takes the pod of {scene.canary.deployment}: {pod.scheduling}"
            proof = f"pod {pod.name}: Unschedulable since {since:.1f} s: {pod.scheduling}"
            yield scene.decision("unschedulable", reason, since + scene.durations.unschedulable, proof)


def _refused(scene: _Scene) -> Iterator[Decision]:
    """Pods that the API server does not let in; a ServiceAccount may still be on its way."""
    since, message = None, ""
    for version in scene.timeline.versions("Deployment", scene.canary.deployment):
        failure = _refusal(version.object)
        since = None if failure is None else version.at if since is None else since
        message = failure or ""
    if since is None:
        return
    patience = scene.durations.observation if _NO_ACCOUNT_YET.search(message) else scene.durations.persistence
    if scene.now - since >= patience:
        reason = f"the cluster refused the pods of {scene.canary.deployment}: {message}"
        yield scene.decision("refused", reason, since + patience, f"ReplicaFailure since {since:.1f} s: {message}")


def _refusal(deployment: Manifest) -> str | None:
    failure = condition(deployment, "ReplicaFailure")
    progress = condition(deployment, "Progressing")
    if failure.get("status") == "True":
        return text_at(failure, "message") or text_at(failure, "reason")
    return text_at(progress, "message") if progress.get("reason") == "ReplicaSetCreateError" else None


def _asks_for_none(scene: _Scene) -> Iterator[Decision]:
    if scene.canary.replicas == 0:
        reason = f"{scene.canary.deployment} asks for 0 replicas, so no pod of it was started"
        yield scene.decision("not-ready", reason, scene.upgraded_at, "spec.replicas: 0")


def _healthy(scene: _Scene) -> Iterator[Decision]:
    """All pods Ready for as long as a canary is watched, and no container ended."""
    if _is_steady(scene) and not _in_doubt(scene):
        yield _is_healthy(scene)


def _is_steady(scene: _Scene) -> bool:
    since = [pod.ready_since for pod in scene.live]
    steady = all(each is not None and scene.now - each >= scene.durations.observation for each in since)
    return steady and len(since) >= max(1, scene.canary.replicas)


def _in_doubt(scene: _Scene) -> bool:
    """Report whether a run ended, or a probe failed that a container is killed for."""
    return any(runs.ends or runs.said("Unhealthy", _PROBE_FAILED) for runs in scene.runs)


def _is_healthy(scene: _Scene) -> Decision:
    since = max(pod.ready_since or 0.0 for pod in scene.live)
    for_how_long = f"has been Ready for {scene.now - since:.0f} s"
    restarts = sum(pod.restarts for pod in scene.live)
    past = f" after {restarts} restart{'s'[: restarts != 1]}" if restarts else " without a restart"
    reason = f"{scene.canary.deployment} did not crash: it {for_how_long}{past}"
    proof = (f"pod {pod.name}: Ready since {pod.ready_since:.1f} s" for pod in scene.live)
    return scene.decision("healthy", reason, since + scene.durations.observation, *proof)


def _never_ready(scene: _Scene) -> Iterator[Decision]:
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


Rule = Callable[[_Scene], Iterator[Decision]]
RULES: tuple[Rule, ...] = (
    _asks_for_none,
    _loops,
    _unpullable,
    _unconfigured,
    _unmountable,
    _unschedulable,
    _refused,
    _healthy,
    _never_ready,
)
"""What makes a fate certain, strongest first."""


def _best_guess(scene: _Scene) -> Iterator[Decision]:
    """Yield what the end of the time suggests, best supported first; the last one always comes."""
    watched = f"within {scene.now - scene.upgraded_at:.0f} s"
    for runs in scene.runs:
        if runs.probe_kills:
            reason = f"{runs} of {scene.canary.deployment} is killed by the kubelet because its {_probe(runs)} fails"
            yield scene.decision("probe-killed", reason, scene.now, *_proof(runs, runs.ends))
    if _is_steady(scene):
        yield _is_healthy(scene)
    for runs in scene.runs:
        if runs.moments and runs.moments[-1].waiting in IMAGE_WAITING:
            yield _no_image(scene, runs, runs.moments[-1])
    for runs in scene.runs:
        if len(runs.kinds) >= ENOUGH:
            reason = f"{runs} of {scene.canary.deployment} ended in different ways {watched}, last with {_end(runs)}"
            yield scene.decision(runs.kinds[-1], reason, scene.now, *_proof(runs, runs.ends))
    for runs in scene.runs:
        if runs.ends:
            reason = f"{runs} of {scene.canary.deployment} ended once, with {_end(runs)}, and not again {watched}"
            yield scene.decision("undecided", reason, scene.now, *_proof(runs, runs.ends))
    yield scene.decision("undecided", f"{_state(scene)} {watched}; nothing else is certain", scene.now)


def _end(runs: _Runs) -> str:
    return f"exit code {runs.ends[-1].exit_code} ({runs.ends[-1].reason or 'no reason given'})"


def with_last_words(decision: Decision, logs: Iterable[ContainerLog]) -> Decision:
    """Add what the container that decided it wrote last: it says why the program gave up."""
    for log in sorted(logs, key=lambda each: not each.previous):
        lines = [said for line in log.text.splitlines() if (said := one_line(line).strip())]
        if lines and decision.outcome in TALKATIVE and f"container {log.container} " in decision.reason:
            said = lines[-1] if len(lines[-1]) <= SAID else f"{lines[-1][:SAID]}..."
            return replace(decision, reason=f"{decision.reason}; its last words: {said}")
    return decision


def _state(scene: _Scene) -> str:
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
