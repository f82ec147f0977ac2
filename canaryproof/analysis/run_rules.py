"""Rules about the runs of a container that ended again and again, once, or not at all.  This module is pure.

A container that dies again and again is `Running` and Ready in between, and may never be seen in
``CrashLoopBackOff``; so the ends of its runs decide.  The kubelet restarts a container at once after its first
end and backs off from the second on (Kubernetes, "Pod Lifecycle": 10 s, 20 s, 40 s, ..., 300 s).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from canaryproof.analysis.container_runs import BACK_OFF, ENOUGH, Runs, Scene, counted
from canaryproof.model.causes import Cause, Code
from canaryproof.model.evidence import Decision, OutcomeName
from canaryproof.model.kubernetes_text import killing_probe, start_failure
from canaryproof.model.timeline import Termination

LOOPS: Mapping[OutcomeName, Code] = {
    "crash-loop": "crash-looped",
    "exits-cleanly": "exited-cleanly",
    "oom-killed": "out-of-memory",
    "probe-killed": "probe-killed",
    "start-error": "start-failed",
    "init-crash-loop": "init-crash-looped",
}
"""The cause of each way in which a container can end again and again."""


def loops(scene: Scene) -> Iterator[Decision]:
    """Decide by a container that ended, was restarted, and ended in the same way again."""
    for runs in scene.runs:
        for kind in dict.fromkeys(runs.kinds):
            alike = tuple(end for end, its in zip(runs.ends, runs.kinds, strict=True) if its == kind)
            # Where all known ends are of one kind, the unseen ends are taken to be of that kind too.
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


def killed_for_a_probe(scene: Scene) -> Iterator[Decision]:
    """Guess from a container that the kubelet killed for a probe."""
    for runs in scene.runs:
        if runs.probe_kills:
            cause = Cause(code="probe-kills", probe=_probe(runs))
            yield scene.decision("probe-killed", cause, scene.now, *_proof(runs, runs.ends), runs=runs)


def stuck_in_init(scene: Scene) -> Iterator[Decision]:
    """Guess from an init container that still runs: the others wait for its end."""
    for runs in scene.runs:
        if runs.container.init and runs.pod.is_live and runs.moments and runs.moments[-1].running and not runs.ends:
            proof = f"pod {runs.pod.name}, {runs}: still running"
            cause = Cause(code="init-not-ended", seconds=scene.watched)
            yield scene.decision("not-ready", cause, scene.now, proof, runs=runs)


def ended_in_different_ways(scene: Scene) -> Iterator[Decision]:
    """Guess from a container that ended several times, each time in another way."""
    for runs in scene.runs:
        if len(runs.kinds) >= ENOUGH:
            proof = _proof(runs, runs.ends)
            yield scene.decision(runs.kinds[-1], _ended(scene, runs, "ended-differently"), scene.now, *proof, runs=runs)


def ended_once(scene: Scene) -> Iterator[Decision]:
    """Guess from a container that ended once."""
    for runs in scene.runs:
        if runs.ends:
            proof = _proof(runs, runs.ends)
            yield scene.decision("undecided", _ended(scene, runs, "ended-once"), scene.now, *proof, runs=runs)


def _ended(scene: Scene, runs: Runs, code: Code) -> Cause:
    codes = tuple(end.exit_code for end in runs.ends)
    return Cause(code=code, exit_codes=codes, ended=runs.ends[-1].reason, seconds=scene.watched)
