"""What a submission asks for that this cluster has not, and others have: no fault of the submission; pure."""

from __future__ import annotations

from collections.abc import Collection

from canaryproof.model.evidence import Canary, Decision
from canaryproof.model.kubernetes_text import is_storage_class_missing
from canaryproof.model.registries import Registries, registry_of
from canaryproof.model.timeline import Timeline

DOCKER_HUB = "docker.io/"
ELSEWHERE = "try it on one that can: --cluster existing, or kind or minikube with --images upstream"


def foreign_images(canary: Canary, stand_ins: Collection[str]) -> tuple[str, ...]:
    """Return the images of others that run beside one of the course's, where there are *stand_ins* of these only.

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


def out_of_reach(decision: Decision, canary: Canary, timeline: Timeline, registries: Registries | None = None) -> str:
    """Return what it is that this cluster lacks, and not the chart, where that decided; empty where it did not.

    *registries* are the only ones that it pulls from; None where there is no such rule.
    """
    if decision.outcome == "image-pull":
        image = "" if decision.cause.code == "image-pull-forbidden" else decision.cause.image
        if image and registries and not registries.has(image):
            return _not_allowed(image)
        if image in canary.foreign:
            return f"this cluster has the course's images only, and no way to pull {image}; {ELSEWHERE}"
    if decision.outcome == "unschedulable":
        for event in timeline.events:
            if is_storage_class_missing(event.message):
                return f"this cluster has no StorageClass for the claim {event.object.name}; {ELSEWHERE}"
    return ""


def _not_allowed(image: str) -> str:
    registry = registry_of(image)
    return (
        f"this cluster pulls images from the registries of the course's images only, and {image} is of {registry}:"
        f" if the submission may use that one, add --image-registry {registry}"
    )
