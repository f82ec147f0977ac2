"""Decides the outcome of a canary from its timeline, by the first rule that applies.  This module is pure."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace

from canaryproof.analysis import image_rules, node_rules, pod_rules, rollout_rules, run_rules
from canaryproof.analysis.container_log import last_words
from canaryproof.analysis.container_runs import Scene
from canaryproof.model.evidence import Canary, ContainerLog, Decision, OutcomeName
from canaryproof.model.kubernetes_text import meaning, program_failure
from canaryproof.model.timeline import Timeline
from canaryproof.timeouts import TimeLimits

Rule = Callable[[Scene], Iterator[Decision]]


RULES: tuple[Rule, ...] = (
    rollout_rules.untouched,
    rollout_rules.asks_for_none,
    pod_rules.asks_for_none,
    pod_rules.paused,
    image_rules.never_pulled,
    node_rules.rejected,
    run_rules.loops,
    run_rules.ended_for_good,
    run_rules.restarted_with_all,
    run_rules.crashes_beside,
    node_rules.evicted,
    image_rules.unpullable,
    pod_rules.unconfigured,
    pod_rules.unmountable,
    pod_rules.too_small,
    node_rules.without_sandbox,
    pod_rules.unschedulable,
    node_rules.unassigned,
    pod_rules.refused,
    rollout_rules.refused,
    pod_rules.healthy,
    pod_rules.never_ready,
)
"""The rules that make an outcome certain, the strongest first."""


GUESSES: tuple[Rule, ...] = (
    run_rules.killed_for_a_probe,
    run_rules.killed_for_a_hook,
    pod_rules.steady_after_all,
    image_rules.still_pulling,
    pod_rules.still_refused,
    run_rules.stuck_in_init,
    run_rules.ended_in_different_ways,
    run_rules.ended_once,
    pod_rules.uncertain,
)
"""The rules that apply when time is up, the best supported first. The last one always decides."""

TALKATIVE: frozenset[OutcomeName] = frozenset(
    {"crash-loop", "init-crash-loop", "exits-cleanly", "oom-killed", "probe-killed"}
)
"""The outcomes of containers that ran and may have written a log."""


def decide(
    timeline: Timeline, canary: Canary, upgraded_at: float, now: float, time_limits: TimeLimits
) -> Decision | None:
    """Return the outcome of *canary* as soon as it is certain, or the likeliest one when time is up; None until then.

    Times are in seconds from the start of the recording.  Time is up ``observation`` seconds after the upgrade; after
    ``observation_extended`` while there are live pods, or former pods that still end.
    """
    scene = Scene(timeline.until(now), canary, upgraded_at, now, time_limits)
    pending = scene.live or scene.ending
    is_over = now - upgraded_at >= (time_limits.observation_extended if pending else time_limits.observation)
    decisions = (decision for rule in (*RULES, *(GUESSES if is_over else ())) for decision in rule(scene))
    return next(decisions, None)


def with_program_checked(decision: Decision, logs: Iterable[ContainerLog]) -> Decision:
    """Return a start error instead of a crash loop if the container's program never ran.

    runc reports to the container's log, and not to the kubelet, that the kernel does not run the program.
    """
    for log in logs:
        reason = program_failure(log.text) if log.container == decision.cause.container else ""
        if reason and decision.outcome == "crash-loop":
            cause = replace(decision.cause, code="start-failed", detail=reason, why=meaning("start-error", reason))
            return replace(decision, outcome="start-error", cause=cause)
    return decision


def with_last_words(decision: Decision, logs: Iterable[ContainerLog]) -> Decision:
    """Add the line of the log that tells why the program of the container that decided the outcome ended."""
    for log in sorted(logs, key=lambda each: not each.previous):
        said = last_words(log.text) if log.container == decision.cause.container else ""
        if said and decision.outcome in TALKATIVE:
            return replace(decision, cause=replace(decision.cause, last_words=said))
    return decision
