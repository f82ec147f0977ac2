"""Finds the hook of a chart because of which a Helm operation failed.  This module is pure.

Helm keeps the phase of the last run of each hook in the record of the revision (``pkg/action/hooks.go``).
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator

from canaryproof.analysis.container_log import last_words
from canaryproof.helm.releases import HookRun
from canaryproof.model.causes import Cause
from canaryproof.model.evidence import ContainerLog
from canaryproof.model.objects import ObjectKey
from canaryproof.model.timeline import Observation, PodHistory, Termination, Timeline

UPGRADE_EVENTS = frozenset({"pre-upgrade", "post-upgrade"})
INSTALL_EVENTS = frozenset({"pre-install", "post-install"})
ROLLBACK_EVENTS = frozenset({"pre-rollback", "post-rollback"})
ENDED_WELL = "Succeeded"


def hook_failure(
    hooks: Iterable[HookRun],
    events: Collection[str],
    timeline: Timeline,
    began: float,
    *,
    error: str,
    logs: Iterable[ContainerLog] = (),
) -> Cause | None:
    """Return the failure of the hook that Helm ran last for one of *events*, or None if no hook failed.

    *hooks* are those of the revision of the operation, which began at *began* and failed with *error*.
    """
    failed = [each for each in hooks if each.phase not in {"", ENDED_WELL} and not set(events).isdisjoint(each.events)]
    if not failed:
        return None
    hook = failed[-1]
    event = next(each for each in hook.events if each in events)
    cause = Cause(code="hook-failed", object=str(hook.key), field=event, detail=error)
    ends = sorted(_ends(hook.key, timeline, began), key=lambda each: (each[1].finished_at, each[1].at))
    if not ends:
        return cause
    pod, last = ends[-1]
    image = next((each.image for each in pod.containers if each.name == last.container), "")
    return Cause(
        code="hook-failed",
        object=str(hook.key),
        field=event,
        detail=error,
        pod=pod.name,
        container=last.container,
        image=image,
        exit_codes=(last.exit_code,),
        ended=last.reason,
        last_words=_last_words(pod.name, last.container, logs),
    )


def pods_of_hook(hook: ObjectKey, timeline: Timeline) -> tuple[PodHistory, ...]:
    """Return the pods of a hook: those that a Job owns, or the hook itself."""
    versions: dict[str, list[Observation]] = {}
    for each in timeline.observations:
        pod = each.object
        if pod.kind == "Pod" and (pod.key.local == hook or hook in {owner.key for owner in pod.owners}):
            versions.setdefault(pod.uid, []).append(each)
    return tuple(PodHistory(uid, tuple(seen)) for uid, seen in versions.items())


def _ends(hook: ObjectKey, timeline: Timeline, began: float) -> Iterator[tuple[PodHistory, Termination]]:
    """Yield the ends of the hook's containers with a non-zero exit code, since *began*."""
    for pod in pods_of_hook(hook, timeline):
        for container in pod.containers:
            for end in pod.terminations(container.name):
                if end.exit_code and end.at >= began:
                    yield pod, end


def _last_words(pod: str, container: str, logs: Iterable[ContainerLog]) -> str:
    text = next((log.text for log in logs if (log.pod, log.container) == (pod, container)), "")
    return last_words(text)
