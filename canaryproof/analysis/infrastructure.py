"""Distinguishes limitations of the cluster or its machine from faults of a submission.  This module is pure."""

from __future__ import annotations

from collections.abc import Collection

from canaryproof.model.causes import Cause
from canaryproof.model.evidence import Canary, Decision
from canaryproof.model.kubernetes_text import is_node_exhausted, is_storage_class_missing
from canaryproof.model.registries import Registries, registry_of
from canaryproof.model.timeline import Timeline

DOCKER_HUB = "docker.io/"
KUBELET = "kubelet"
REASONS = frozenset({"Failed", "FailedCreatePodContainer", "FailedCreatePodSandBox", "FailedMount", "FailedSync"})
"""Events of a kubelet that could not do its own work; what a container says stands in its log, and nowhere here."""
LONGEST = 300
"""Characters of a message of the kubelet that are kept."""


def foreign_images(canary: Canary, stand_ins: Collection[str]) -> tuple[str, ...]:
    """Return the third-party images beside an image of the course, if *stand_ins* exist only for the course's images.

    Whoever publishes the course's images publishes no others here: under their name, it is a slip of the pen.
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
    decision: Decision, canary: Canary, timeline: Timeline, registries: Registries | None = None
) -> Cause | None:
    """Return the limitation of this cluster that decided the outcome, or None if the chart decided it.

    *registries* are the only ones that the cluster pulls from; None where there is no such rule.
    """
    if decision.outcome == "image-pull":
        image = "" if decision.cause.code == "image-pull-forbidden" else decision.cause.image
        if image and registries and not registries.has(image):
            return Cause(code="registry-not-allowed", image=image, detail=registry_of(image))
        if image in canary.foreign:
            return Cause(code="image-not-provided", image=image)
    if decision.outcome == "unschedulable":
        claims = (str(event.object) for event in timeline.events if is_storage_class_missing(event.message))
        return next((Cause(code="no-storage-class", object=claim) for claim in claims), None)
    return None


def shortage(timeline: Timeline) -> Cause | None:
    """Return the resource that a node ran out of and no chart can exhaust (disk, open files), or None."""
    for event in timeline.events:
        if event.component == KUBELET and event.reason in REASONS and is_node_exhausted(event.message):
            message = event.message if len(event.message) <= LONGEST else f"{event.message[:LONGEST]}..."
            return Cause(code="node-exhausted", detail=message)
    return None
