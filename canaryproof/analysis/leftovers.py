"""Finds the objects of an upgrade that outlive the rollback, and the reason each one stays.  This module is pure."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from canaryproof.model.evidence import Canary, Holder, Leftover
from canaryproof.model.objects import HOOK, RESOURCE_POLICY, Manifest, ObjectKey, maps_at, text_at
from canaryproof.model.timeline import PodHistory, Timeline, condition


def key_in(namespace: str, manifest: Manifest) -> ObjectKey:
    """Return the key of an object as seen from *namespace*: its own is empty where it lies there, or says nothing."""
    return replace(manifest.key, namespace="") if manifest.namespace == namespace else manifest.key


def descendants(timeline: Timeline, roots: Iterable[ObjectKey]) -> frozenset[ObjectKey]:
    """Return *roots* and all objects that they were ever seen to own, directly or through other owners."""
    children: dict[ObjectKey, set[ObjectKey]] = {}
    for observation in timeline.observations:
        for owner in observation.object.owners:
            children.setdefault(owner.key, set()).add(observation.object.key.local)
    family: set[ObjectKey] = set()
    found = set(roots)
    while found:
        family |= found
        found = {child for parent in found for child in children.get(parent, ())} - family
    return frozenset(family)


def last_deletion(timeline: Timeline, family: frozenset[ObjectKey]) -> float | None:
    """Return the time at which the last object of *family* was deleted, or None if none was."""
    deletions = (each for each in timeline.observations if each.change == "DELETED")
    return max((each.at for each in deletions if each.object.key.local in family), default=None)


def new_pods(timeline: Timeline, canary: Canary | None) -> dict[ObjectKey, Manifest]:
    """Return the pods of a canary that is changed in place, as far as they exist at the end of *timeline*.

    The rollback leaves the workload, and has its controller replace these pods by pods of the former pod template.
    """
    pods = canary.pods(timeline) if canary and canary.in_place else ()
    return {pod.latest.key.local: pod.latest for pod in pods if pod.versions[-1].change != "DELETED"}


def every_pod(timeline: Timeline, canary: Canary | None) -> frozenset[ObjectKey]:
    """Return the keys of all pods that a canary that is changed in place ever had."""
    pods = canary.pods(timeline) if canary and canary.in_place else ()
    return frozenset(pod.latest.key.local for pod in pods)


def is_waited_for(pod: Manifest, timeline: Timeline) -> bool:
    """Report whether a StatefulSet does not replace *pod*, because it waits for the pod to be Ready.

    With the pod management policy ``OrderedReady``, the default, a rolling update waits for each pod to be Running and
    Ready (Kubernetes, "StatefulSets", on forced rollback).
    """
    if pod.is_going or condition(pod, "Ready").get("status") == "True":
        return False
    owners = (timeline.objects.get(owner.key) for owner in pod.owners if owner.key.kind == "StatefulSet")
    policies = [text_at(owner.body, "spec", "podManagementPolicy") for owner in owners if owner]
    return any(policy in {"", "OrderedReady"} for policy in policies)


def stuck_pods(timeline: Timeline, canary: Canary | None) -> dict[ObjectKey, ObjectKey]:
    """Return the pods of a canary for which their StatefulSet waits in vain, each with the StatefulSet.

    A pod that was never Ready does not become Ready by itself if a readiness probe keeps failing, or if no container of
    it ever started.  Without a probe, a pod that crash-loops is Ready for an instant, in which it can be replaced.
    """
    pods = canary.pods(timeline) if canary and canary.in_place else ()
    found = (pod for pod in pods if pod.is_live and not pod.was_ready and is_waited_for(pod.latest, timeline))
    return {pod.latest.key.local: pod.latest.owners[0].key for pod in found if _has_probe(pod) or not _has_started(pod)}


def _has_probe(pod: PodHistory) -> bool:
    return any(each.get("readinessProbe") for each in maps_at(pod.latest.body, "spec", "containers"))


def _has_started(pod: PodHistory) -> bool:
    return any(it.running or it.terminated for each in pod.containers for it in pod.moments(each.name))


def leftover(key: ObjectKey, manifest: Manifest, left: frozenset[ObjectKey], timeline: Timeline) -> Leftover:
    """Return an object that outlived the rollback, with what holds it; *left* is all that did."""
    if manifest.kind == "Pod" and is_waited_for(manifest, timeline):
        (owner, *_) = manifest.owners
        return Leftover(key, Holder("ordered-ready", str(owner.key)))
    return Leftover(key, _holder(manifest, left))


def _holder(manifest: Manifest, left: frozenset[ObjectKey]) -> Holder | None:
    # Owners come first: a ReplicaSet copies the annotations of its Deployment.
    if alive := [owner.key for owner in manifest.owners if owner.key in left]:
        return Holder("owner", str(alive[0]))
    if policy := manifest.annotations.get(RESOURCE_POLICY):
        return Holder("resource-policy", str(policy))
    if hook := manifest.annotations.get(HOOK):
        return Holder("hook", str(hook))
    if manifest.finalizers:
        return Holder("finalizers", ", ".join(manifest.finalizers))
    return Holder("deletion") if manifest.is_going else None
