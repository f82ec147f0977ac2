"""Rules about the runs of a container that ended again and again, once, or not at all.  This module is pure.

A container that dies again and again is `Running` and Ready in between, and may never be seen in
``CrashLoopBackOff``; so the ends of its runs decide.  The kubelet restarts a container at once after its first
end and backs off from the second on (Kubernetes, "Pod Lifecycle": 10 s, 20 s, 40 s, ..., 300 s).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace

from canaryproof.analysis.container_runs import BACK_OFF, ENOUGH, FROM_OUTSIDE, EndKind, Runs, Scene, counted
from canaryproof.model.causes import Cause, Code
from canaryproof.model.evidence import Decision, OutcomeName
from canaryproof.model.kubernetes_text import killing_probe, start_failure
from canaryproof.model.timeline import Termination

LOOPS: Mapping[EndKind, tuple[OutcomeName, Code]] = {
    "crash-loop": ("crash-loop", "crash-looped"),
    "exits-cleanly": ("exits-cleanly", "exited-cleanly"),
    "oom-killed": ("oom-killed", "out-of-memory"),
    "probe-killed": ("probe-killed", "probe-killed"),
    "start-error": ("start-error", "start-failed"),
    "init-crash-loop": ("init-crash-loop", "init-crash-looped"),
    "hook-killed": ("start-error", "post-start-failed"),
    "restarted-with-all": ("not-ready", "restarted-with-all"),
}
"""The outcome and the cause of each way in which a container can end again and again."""


def loops(scene: Scene) -> Iterator[Decision]:
    """Decide by a container that ended, was restarted, and ended in the same way again."""
    for runs in scene.deciding:
        for kind, alike in _repeated(runs).items():
            proven_at = sorted(end.at for end in alike)[ENOUGH - 1] if len(alike) >= ENOUGH else _counted_at(runs)
            # An event about the kill of a container can arrive after the status with its end.
            known = kind in FROM_OUTSIDE or not runs.can_be_ended
            if known or scene.now - proven_at >= scene.time_limits.report:
                yield _loop(scene, runs, kind, alike, proven_at)


def _repeated(runs: Runs) -> Mapping[EndKind, tuple[Termination, ...]]:
    """Return the ends of each kind that occurred often enough."""
    found: dict[EndKind, tuple[Termination, ...]] = {}
    # Where all known ends are of one kind, the unseen ends are taken to be of that kind too.
    unseen = runs.unseen if len(set(runs.kinds)) == 1 else 0
    for kind in dict.fromkeys(runs.kinds):
        alike = tuple(end for end, its in zip(runs.ends, runs.kinds, strict=True) if its == kind)
        if len(alike) + unseen >= ENOUGH:
            found[kind] = alike
    return found


def _loop(scene: Scene, runs: Runs, kind: EndKind, alike: tuple[Termination, ...], proven_at: float) -> Decision:
    outcome, code = LOOPS[kind]
    cause = Cause(
        code=code,
        exit_codes=tuple(dict.fromkeys(end.exit_code for end in alike)),
        ended=alike[-1].reason,
        seconds=scene.after(proven_at),
        probe=_probe(runs) if kind == "probe-killed" else "",
        detail=_detail(runs, kind, alike[-1]),
    )
    return scene.decision(outcome, cause, proven_at, *_proof(runs, alike), runs=runs)


def _detail(runs: Runs, kind: EndKind, end: Termination) -> str:
    """Return the reason of the runtime or the kubelet for an end of this kind."""
    if kind == "start-error":
        return start_failure(end.message) or end.reason
    return runs.hook_failures[-1] if kind == "hook-killed" and runs.hook_failures else ""


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


def killed_for_a_probe(scene: Scene) -> Iterator[Decision]:
    """Guess from a container that the kubelet killed for a probe."""
    for runs in scene.deciding:
        if runs.kills("probe-killed"):
            cause = Cause(code="probe-kills", probe=_probe(runs))
            yield scene.decision("probe-killed", cause, scene.now, *_proof(runs, runs.ends), runs=runs)


def killed_for_a_hook(scene: Scene) -> Iterator[Decision]:
    """Guess from a container that the kubelet killed because its ``postStart`` hook failed."""
    for runs in scene.deciding:
        if runs.kills("hook-killed"):
            detail = runs.hook_failures[-1] if runs.hook_failures else ""
            cause = Cause(code="post-start-fails", detail=detail)
            yield scene.decision("start-error", cause, scene.now, *_proof(runs, runs.ends), runs=runs)


def stuck_in_init(scene: Scene) -> Iterator[Decision]:
    """Guess from an init container that still runs: the others wait for its end."""
    for runs in scene.runs:
        if runs.container.init and runs.pod.is_live and runs.moments and runs.moments[-1].running and not runs.ends:
            proof = f"pod {runs.pod.name}, {runs}: still running"
            cause = Cause(code="init-not-ended", seconds=scene.watched)
            yield scene.decision("not-ready", cause, scene.now, proof, runs=runs)


def ended_for_good(scene: Scene) -> Iterator[Decision]:
    """Decide by a container that ended, and that the kubelet does not restart because of its own restart policy."""
    for runs in scene.deciding:
        for end in runs.ends[-1:]:
            if runs.container.init or runs.container.restarts_after(end.exit_code):
                continue
            cause = replace(_ended(scene, runs, "not-restarted"), found=runs.container.restart_policy)
            yield scene.decision("not-ready", cause, end.at, *_proof(runs, (end,)), runs=runs)


def restarted_with_all(scene: Scene) -> Iterator[Decision]:
    """Decide by a container that the kubelet killed again and again because of a restart rule of another container."""
    for runs in scene.deciding:
        if runs.kills("restarted-with-all") >= ENOUGH:
            cause = Cause(code="restarted-with-all", seconds=scene.watched)
            proof = (f"pod {runs.pod.name}, {runs}: {event.reason}: {event.message}" for event in runs.killings)
            yield scene.decision("not-ready", cause, scene.now, *proof, runs=runs)


def crashes_beside(scene: Scene) -> Iterator[Decision]:
    """Decide by the container that determines the outcome: it runs for as long as it is watched, and others crash."""
    for runs in scene.deciding:
        since = runs.running_since
        others = tuple(each for each in scene.runs if each.container.name != runs.container.name and _repeated(each))
        if not scene.canary.decisive or runs.container.init or since is None or not others or runs.ends:
            continue
        if scene.now - since >= scene.time_limits.observation:
            cause = Cause(
                code="others-ended",
                names=tuple(dict.fromkeys(each.container.name for each in others)),
                seconds=scene.now - since,
                image=runs.container.image,
            )
            proof = (line for each in others for line in _proof(each, each.ends))
            outcome: OutcomeName = "healthy" if runs.moments[-1].ready else "not-ready"
            yield scene.decision(outcome, cause, since + scene.time_limits.observation, *proof, runs=runs)


def ended_in_different_ways(scene: Scene) -> Iterator[Decision]:
    """Guess from a container that ended several times, each time in another way."""
    for runs in scene.deciding:
        if len(runs.kinds) >= ENOUGH:
            outcome, _ = LOOPS[runs.kinds[-1]]
            cause = _ended(scene, runs, "ended-differently")
            yield scene.decision(outcome, cause, scene.now, *_proof(runs, runs.ends), runs=runs)


def ended_once(scene: Scene) -> Iterator[Decision]:
    """Guess from a container that ended once."""
    for runs in scene.deciding:
        if runs.ends:
            proof = _proof(runs, runs.ends)
            yield scene.decision("undecided", _ended(scene, runs, "ended-once"), scene.now, *proof, runs=runs)


def _ended(scene: Scene, runs: Runs, code: Code) -> Cause:
    codes = tuple(end.exit_code for end in runs.ends)
    return Cause(code=code, exit_codes=codes, ended=runs.ends[-1].reason, seconds=scene.watched)
