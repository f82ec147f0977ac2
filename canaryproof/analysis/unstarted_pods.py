"""Finds why pods of a namespace are not ready, in the words of Kubernetes.  This module is pure."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from canaryproof.model.causes import Cause
from canaryproof.model.objects import Manifest, integer_at, mapping_at, maps_at, text_at
from canaryproof.model.timeline import Timeline, condition

STATUSES = ("initContainerStatuses", "containerStatuses")
LONGEST = 300
"""Characters of a message of Kubernetes that are kept."""


def unstarted_pods(timeline: Timeline) -> Iterator[Cause]:
    """Yield why pods that exist at the end of *timeline* are not ready: the states of their containers, or no node."""
    for pod in timeline.live("Pod"):
        if pod.is_going or condition(pod, "Ready").get("status") == "True":
            continue
        scheduled = condition(pod, "PodScheduled")
        if scheduled.get("status") == "False":
            yield _state(pod, "", text_at(scheduled, "reason"), text_at(scheduled, "message"))
        yield from _containers(pod)


def _containers(pod: Manifest) -> Iterator[Cause]:
    for status in (each for name in STATUSES for each in maps_at(pod.body, "status", name)):
        waiting, container = mapping_at(status, "state", "waiting"), text_at(status, "name")
        last = mapping_at(status, "lastState", "terminated") or mapping_at(status, "state", "terminated")
        if last and integer_at(last, "exitCode"):
            code = integer_at(last, "exitCode")
            told = filter(None, (f"exit code {code}", text_at(last, "message").strip()))
            state = _state(pod, container, text_at(waiting, "reason") or text_at(last, "reason"), ": ".join(told))
            yield replace(state, exit_codes=(code,))
        elif waiting and text_at(waiting, "reason") not in {"ContainerCreating", "PodInitializing"}:
            yield _state(pod, container, text_at(waiting, "reason"), text_at(waiting, "message"))


def _state(pod: Manifest, container: str, reason: str, detail: str) -> Cause:
    return Cause(
        code="pod-unstarted", object=str(pod.key), container=container, states=(reason,), detail=detail[:LONGEST]
    )
