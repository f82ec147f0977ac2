"""Provides the facts for the outcome rules: the canary's pods and the runs of their containers.  Pure module."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Literal

from canaryproof.model.causes import Cause
from canaryproof.model.evidence import Canary, Decision, OutcomeName
from canaryproof.model.kubernetes_text import (
    hook_failure,
    is_failed_hook_kill,
    is_killed_at_start,
    is_restart_of_all,
    is_stop,
    killing_probe,
    meaning,
)
from canaryproof.model.objects import Container
from canaryproof.model.timeline import ContainerMoment, Event, PodHistory, Termination, Timeline
from canaryproof.timeouts import TimeLimits

SIGKILLED = 128 + 9
KILLED = frozenset({SIGKILLED, 128 + 15})
"""Exit codes of a container that the kubelet ended: SIGKILL and SIGTERM."""
NOT_STARTED = frozenset({"StartError", "ContainerCannotRun", "RunContainerError"})
HOOK_FAILED = "PostStartHookError"
RESTARTED_WITH_ALL = "RestartingAllContainers"
"""The reason of a termination that the kubelet makes up for a container that it removed and restarts (KEP-5532)."""
BACK_OFF = "CrashLoopBackOff"
ENOUGH = 2
"""The number of ends of one container that prove a loop: it ended, was restarted, and ended again the same way."""


EndKind = Literal[
    "crash-loop",
    "exits-cleanly",
    "init-crash-loop",
    "oom-killed",
    "probe-killed",
    "start-error",
    "hook-killed",
    "restarted-with-all",
]
"""How a run of a container ended."""
FROM_OUTSIDE: tuple[EndKind, ...] = ("probe-killed", "hook-killed", "restarted-with-all")
"""The ends that the kubelet brought about."""


@dataclass(frozen=True)
class Scene:
    """The timeline of a canary at one moment."""

    timeline: Timeline
    canary: Canary
    upgraded_at: float
    now: float
    time_limits: TimeLimits

    @cached_property
    def pods(self) -> tuple[PodHistory, ...]:
        """Return every pod that the canary ever had."""
        return self.canary.pods(self.timeline)

    @cached_property
    def live(self) -> tuple[PodHistory, ...]:
        """Return the pods that exist now."""
        return tuple(pod for pod in self.pods if pod.is_live)

    @cached_property
    def ending(self) -> tuple[PodHistory, ...]:
        """Return the former pods of a workload that is changed in place which still end.

        A StatefulSet or a DaemonSet makes the new pod after the end of the former one, which may take its whole grace
        period.
        """
        pods = self.timeline.pods_of(self.canary.key) if self.canary.in_place else ()
        former = (pod for pod in pods if pod.revision in self.canary.former)
        return tuple(pod for pod in former if pod.versions[-1].change != "DELETED" and pod.latest.is_going)

    @cached_property
    def runs(self) -> tuple[Runs, ...]:
        """Return the runs of every container of every pod."""
        return tuple(
            Runs(pod, container, self.timeline.events_about(pod.uid))
            for pod in self.pods
            for container in pod.containers
        )

    @cached_property
    def deciding(self) -> tuple[Runs, ...]:
        """Return the runs of the containers that determine the outcome, and of init containers, which others wait for.

        A canary that names none of its containers is determined by all of them. A sidecar counts as an init container
        until the named container has started.
        """
        named = self.canary.decisive
        if not named:
            return self.runs
        started = {each.pod.uid for each in self.runs if each.container.name == named and each.has_started}
        waiting = (each for each in self.runs if each.container.sidecar and each.pod.uid not in started)
        chosen = (each for each in self.runs if each.container.init or each.container.name == named)
        return (*chosen, *(replace(each, container=replace(each.container, init=True)) for each in waiting))

    def decision(
        self, outcome: OutcomeName, cause: Cause, proven_at: float, *proof: str, runs: Runs | None = None
    ) -> Decision:
        """Decide now what was certain at *proven_at*; *runs* are those of the container whose state decided."""
        cause = replace(cause, deployment=self.canary.name, why=meaning(outcome, cause.detail))
        if runs:
            cause = replace(cause, container=runs.container.name, init=runs.container.init)
        return Decision(outcome, cause, self.now, proven_at, proof)

    @property
    def watched(self) -> float:
        """Return the seconds for which the canary was watched."""
        return self.now - self.upgraded_at

    def after(self, at: float) -> float:
        """Return the seconds from the upgrade to *at*."""
        return max(0.0, at - self.upgraded_at)


@dataclass(frozen=True)
class Runs:
    """The runs of one container of one pod, and the events about them."""

    pod: PodHistory
    container: Container
    events: tuple[Event, ...]

    def __str__(self) -> str:
        """Return the name of the container, with its kind (container or init container)."""
        return f"{'init ' if self.container.init else ''}container {self.container.name}"

    @cached_property
    def moments(self) -> tuple[ContainerMoment, ...]:
        """Return the states of the container in order."""
        return self.pod.moments(self.container.name)

    @cached_property
    def ends(self) -> tuple[Termination, ...]:
        """Return the ends of the container, without those with its pod and the success of an init container."""
        every = self.pod.terminations(self.container.name)
        ends = [end for end in every if not end.going and end.reason != RESTARTED_WITH_ALL]
        # An evicted pod whose program handles SIGTERM can have the phase Succeeded: then only events tell of its end.
        if self._killed(is_stop) > sum(end.going for end in every):
            ends = ends[:-1]
        succeeds = self.container.init and not self.container.sidecar
        return tuple(end for end in ends if end.exit_code or not succeeds)

    @property
    def has_started(self) -> bool:
        """Report whether the container ever ran."""
        return any(moment.running or moment.terminated or moment.restarts for moment in self.moments)

    @cached_property
    def unseen(self) -> int:
        """Return the number of unseen ends, where one end was seen.

        Every restart is an end (the kubelet counts too few, never too many).
        """
        return max(0, counted(self.moments[-1]) - len(self.pod.terminations(self.container.name)))

    @cached_property
    def kinds(self) -> tuple[EndKind, ...]:
        """Return how each end came about."""
        return tuple(self._kind(number, end) for number, end in enumerate(self.ends))

    def _kind(self, number: int, end: Termination) -> EndKind:
        if end.reason == "OOMKilled" and not self.container.init:
            return "oom-killed"
        if number in self.ended_by_kubelet:
            return self.ended_by_kubelet[number]
        if self.container.init:
            return "init-crash-loop"
        if end.reason in NOT_STARTED:
            return "oom-killed" if is_killed_at_start(end.message) else "start-error"
        if end.exit_code == SIGKILLED and self.ran_out_of_memory:
            return "oom-killed"
        return "crash-loop" if end.exit_code else "exits-cleanly"

    @cached_property
    def ran_out_of_memory(self) -> bool:
        """Report whether it did at least once.

        Where it does again and again, some of its ends may only say that it was killed: containerd looks whether its
        cgroup counts a kill for memory, and knows itself that it can miss it (``internal/cri/server/events.go``).
        """
        return any(end.reason == "OOMKilled" for end in self.ends)

    def kills(self, kind: EndKind) -> int:
        """Return how often the kubelet reported that it kills the container *kind* (``Killing`` events)."""
        if kind == "probe-killed":
            return self._killed(killing_probe) if self.container.killing_probe else 0
        if kind == "hook-killed":
            return self._killed(is_failed_hook_kill) if self.container.post_start and self._hook_fails else 0
        return self._killed(is_restart_of_all) if kind == "restarted-with-all" else 0

    def _killed(self, means: Callable[[str], object]) -> int:
        return sum(event.count for event in self.said("Killing", means))

    @cached_property
    def hook_failures(self) -> tuple[str, ...]:
        """Return the reasons why its ``postStart`` hook failed, as far as the hook itself failed.

        A hook also fails if the container ends while the hook runs. Such a container ended by itself, although the
        kubelet reports a kill.
        """
        return tuple(filter(None, map(hook_failure, self._hook_messages)))

    @property
    def _hook_messages(self) -> tuple[str, ...]:
        return tuple(dict.fromkeys(each.message for each in self.moments if each.waiting == HOOK_FAILED))

    @property
    def _hook_fails(self) -> bool:
        return bool(self.hook_failures) or not self._hook_messages

    @cached_property
    def ended_by_kubelet(self) -> dict[int, EndKind]:
        """Return the ends that the kubelet brought about, by number.

        They are as many as it reported, those with the exit code of a signal first: a program may handle the signal and
        end with any exit code.
        """
        likely = sorted(range(len(self.ends)), key=lambda number: self.ends[number].exit_code not in KILLED)
        kinds = [kind for kind in FROM_OUTSIDE for _ in range(self.kills(kind))]
        return dict(zip(likely, kinds, strict=False))

    @property
    def can_be_ended(self) -> bool:
        """Report whether the kubelet can end the container and restart it, which only its events tell."""
        rules = (rule.action == "RestartAllContainers" for each in self.pod.containers for rule in each.restart_rules)
        return self.container.killing_probe or self.container.post_start or any(rules)

    def said(self, reason: str, means: Callable[[str], object]) -> tuple[Event, ...]:
        """Return the events of this *reason* about the container, whose message *means* something."""
        return tuple(
            event
            for event in self.events
            if event.reason == reason and event.container == self.container.name and means(event.message)
        )

    @property
    def killings(self) -> tuple[Event, ...]:
        """Return the events in which the kubelet says that it kills the container."""
        return self.said("Killing", bool)

    @property
    def running_since(self) -> float | None:
        """Return the time since which the container has been running without interruption, or None."""
        since = None
        for moment in self.moments:
            if not moment.running:
                since = None
            elif since is None:
                since = moment.at
        return since

    def waiting_since(self, reasons: frozenset[str]) -> float | None:
        """Return the time since which the container has waited without a break for one of *reasons*."""
        since = None
        for moment in self.moments:
            if moment.waiting not in reasons:
                since = None
            elif since is None:
                since = moment.at
        return since


def counted(moment: ContainerMoment) -> int:
    """Return how many ends a pod's status stands for: one for each restart, and the one that awaits its restart."""
    return moment.restarts + (moment.terminated or moment.waiting == BACK_OFF)
