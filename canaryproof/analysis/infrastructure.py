"""Distinguishes limitations of the cluster or its machine from faults of a submission.  This module is pure."""

from __future__ import annotations

import json
from collections.abc import Collection, Sequence
from dataclasses import replace

from canaryproof.analysis.node_rules import SHUTDOWN
from canaryproof.model.causes import Cause
from canaryproof.model.evidence import Canary, Decision, OutcomeName
from canaryproof.model.kubernetes_text import insufficient_resources, is_node_exhausted, is_storage_class_missing
from canaryproof.model.objects import mapping_at, maps_at, text_at, value_at
from canaryproof.model.pull_answer import PullAnswer
from canaryproof.model.registries import Registries, registry_of
from canaryproof.model.timeline import Event, PodHistory, Timeline

DOCKER_HUB = "docker.io/"
KUBELET = "kubelet"
REASONS = frozenset({"Failed", "FailedCreatePodContainer", "FailedCreatePodSandBox", "FailedMount", "FailedSync"})
"""Events of a kubelet that could not do its own work; what a container says stands in its log, and nowhere here."""
UNSTARTED: frozenset[OutcomeName] = frozenset({"not-ready", "refused", "undecided", "unschedulable"})
"""The outcomes that no end of a container proves."""
HUGE_PAGES = "hugepages-"
"""The prefix of a node's resources that depend on its machine, as those with a domain in their name do."""
APPARMOR = "AppArmor"
"""The reason of a kubelet that cannot enforce a pod's AppArmor profile (``pkg/kubelet/lifecycle/handlers.go``)."""
LONGEST = 300
"""Characters of a message of the kubelet that are kept."""


def foreign_images(canary: Canary, stand_ins: Collection[str]) -> tuple[str, ...]:
    """Return the third-party images beside an image of the scenario, if *stand_ins* exist only for those.

    An image with the publisher of one of the scenario's images is no third-party image: its name is mistyped.
    """
    images = [image.removeprefix(DOCKER_HUB) for image in canary.images]
    if not stand_ins or not any(image in stand_ins for image in images):
        return ()
    ours = tuple(f"{reference.partition('/')[0]}/" for reference in stand_ins)
    return tuple(
        each
        for each, image in zip(canary.images, images, strict=True)
        if image not in stand_ins and not image.startswith(ours)
    )


def out_of_reach(
    decision: Decision,
    canary: Canary,
    timeline: Timeline,
    registries: Registries | None = None,
    answer: PullAnswer | None = None,
) -> Cause | None:
    """Return the limitation of this cluster that decided the outcome, or None if the chart decided it.

    *registries* are the only ones that the cluster pulls from; None where there is no such rule. *answer* is what the
    registry of an image says that was not pulled, if it was asked.
    """
    pods = canary.pods(timeline)
    if decision.outcome == "image-pull":
        return _image_out_of_reach(decision, canary, registries, answer)
    if decision.outcome in UNSTARTED and (cause := _ended_by_the_node(pods)):
        return cause
    if decision.outcome == "unschedulable":
        return _node_out_of_reach(decision, timeline)
    return _missing_feature(decision, pods)


def _image_out_of_reach(
    decision: Decision, canary: Canary, registries: Registries | None, answer: PullAnswer | None
) -> Cause | None:
    image = "" if decision.cause.code == "image-pull-forbidden" else decision.cause.image
    if image and registries and not registries.has(image):
        return Cause(code="registry-not-allowed", image=image, detail=registry_of(image))
    if answer and answer.availability != "missing":
        return Cause(code="registry-fails", image=image, detail=answer.detail, found=decision.cause.detail)
    return Cause(code="image-not-provided", image=image) if image in canary.foreign else None


def _node_out_of_reach(decision: Decision, timeline: Timeline) -> Cause | None:
    asked = insufficient_resources(decision.cause.detail)
    if asked and all("/" in each or each.startswith(HUGE_PAGES) for each in asked):
        return Cause(code="resource-missing", deployment=decision.cause.deployment, names=asked)
    claims = (str(event.object) for event in timeline.events if is_storage_class_missing(event.message))
    return next((Cause(code="no-storage-class", object=claim) for claim in claims), None)


def _ended_by_the_node(pods: Sequence[PodHistory]) -> Cause | None:
    """Return why a node ended or did not admit a pod for its own purposes: pressure, shutdown, a more important pod."""
    for pod in pods:
        if pod.failure == SHUTDOWN or (pod.failure and pod.disruption):
            message = text_at(pod.latest.body, "status", "message")
            return Cause(code="node-ended-pod", pod=pod.name, states=(pod.failure,), detail=message)
    return None


def _missing_feature(decision: Decision, pods: Sequence[PodHistory]) -> Cause | None:
    """Return the feature that other nodes have and this cluster's lack, if it decided the outcome."""
    cause, feature = decision.cause, ""
    if cause.code == "pods-rejected" and cause.states == (APPARMOR,) and not any(map(_has_own_profile, pods)):
        feature = "AppArmor"
    if cause.code == "sandbox-not-created" and "hostUsers" in cause.names:
        feature = "user namespaces"
    if cause.code == "sandbox-not-created" and not cause.names:
        return cause
    return replace(cause, code="node-feature-missing", expected=feature, why=None) if feature else None


def _has_own_profile(pod: PodHistory) -> bool:
    """Report whether a pod asks for an AppArmor profile other than that of the runtime."""
    spec = mapping_at(pod.latest.body, "spec")
    holders = (spec, *maps_at(spec, "initContainers"), *maps_at(spec, "containers"))
    return any(text_at(each, "securityContext", "appArmorProfile", "type") == "Localhost" for each in holders)


def shortage_claims(timeline: Timeline) -> tuple[Event, ...]:
    """Return the events in which a kubelet seems to say that its node has run out of something (disk, open files)."""
    return tuple(
        event
        for event in timeline.events
        if event.component == KUBELET and event.reason in REASONS and is_node_exhausted(event.message)
    )


def shortage(timeline: Timeline, measured: Collection[str] | None) -> Cause | None:
    """Return what a node ran out of and no chart can exhaust, or None.

    *measured* is what the machine had run out of when a kubelet claimed it.  If None, nothing could be measured, and a
    claim counts unless the pod that it concerns has such words itself.
    """
    for event in shortage_claims(timeline) if measured is None or measured else ():
        if measured is None and _has_such_words(timeline, event.uid):
            continue
        message = event.message if len(event.message) <= LONGEST else f"{event.message[:LONGEST]}..."
        return Cause(code="node-exhausted", detail=message, names=tuple(measured or ()))
    return None


def _has_such_words(timeline: Timeline, uid: str) -> bool:
    bodies = (each.object.body for each in timeline.observations if each.object.uid == uid)
    return any(is_node_exhausted(json.dumps(value_at(body, "spec"))) for body in bodies)
