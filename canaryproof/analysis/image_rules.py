"""Defines outcome rules for images that do not arrive on the node.  This module is pure."""

from __future__ import annotations

from collections.abc import Iterator

from canaryproof.analysis.container_runs import ENOUGH, Runs, Scene
from canaryproof.model.causes import Cause, Code
from canaryproof.model.evidence import Decision
from canaryproof.model.kubernetes_text import is_no_such_image
from canaryproof.model.timeline import ContainerMoment

IMAGE_HOPELESS = frozenset({"InvalidImageName", "ErrImageNeverPull"})
IMAGE_FAILED = frozenset(
    {"ErrImagePull", "ImageInspectError", "RegistryUnavailable", "SignatureValidationFailed", *IMAGE_HOPELESS}
)
IMAGE_WAITING = IMAGE_FAILED | {"ImagePullBackOff"}


def never_pulled(scene: Scene) -> Iterator[Decision]:
    """Decide by an image that must not be pulled: it is on a node by chance, whatever has run there before.

    ``Never``: "the kubelet does not try fetching the image" (Kubernetes, "Images").
    """
    for image in scene.canary.unpulled:
        cause = Cause(code="image-pull-forbidden", image=image)
        proof = f"imagePullPolicy: Never, and no container of the stable chart has the image {image}"
        yield scene.decision("image-pull", cause, scene.upgraded_at, proof)


def unpullable(scene: Scene) -> Iterator[Decision]:
    """Decide by an image that is not there at its first failure, and by any other image at its second one."""
    for runs in _needed(scene):
        failures = 0
        before = ""
        for moment in runs.moments:
            failures += moment.waiting in IMAGE_FAILED and before not in IMAGE_FAILED
            before = moment.waiting
            hopeless = moment.waiting in IMAGE_HOPELESS or is_no_such_image(moment.message)
            hopeless = hopeless or _has_capitals(runs.container.image)
            if moment.waiting in IMAGE_WAITING and (hopeless or failures >= ENOUGH):
                yield _no_image(scene, runs, moment)


def still_pulling(scene: Scene) -> Iterator[Decision]:
    """Guess from a container that still waits for its image."""
    for runs in _needed(scene):
        if runs.moments and runs.moments[-1].waiting in IMAGE_WAITING:
            yield _no_image(scene, runs, runs.moments[-1])


def _needed(scene: Scene) -> Iterator[Runs]:
    """Yield the runs of the containers without which the canary is not what it is: not of sidecars that others make."""
    return (each for each in scene.runs if each.container.init or each.container.image not in scene.canary.foreign)


def _no_image(scene: Scene, runs: Runs, moment: ContainerMoment) -> Decision:
    code: Code = "image-pull-failed"
    if _has_capitals(runs.container.image):
        code = "image-capitals"
    elif moment.waiting == "InvalidImageName":
        code = "image-name-invalid"
    elif moment.waiting == "ErrImageNeverPull":
        code = "image-not-on-node"
    elif is_no_such_image(moment.message):
        code = "image-not-found"
    detail = moment.message or moment.waiting
    cause = Cause(code=code, image=_image_of(runs, moment.message), detail=detail)
    proof = f"pod {runs.pod.name}, {runs}: {moment.waiting} at {moment.at:.1f} s: {moment.message}"
    return scene.decision("image-pull", cause, moment.at, proof, runs=runs)


def _has_capitals(image: str) -> bool:
    """Report whether its first word has a capital letter: that is taken for the host of a registry."""
    first, slash, _ = image.partition("/")
    return bool(slash) and first != first.lower()


def _image_of(runs: Runs, message: str) -> str:
    """Return the image that *message* is about: that of the container, or else one that its pod mounts as a volume."""
    images = (runs.container.image, *runs.pod.latest.volume_images)
    return max((image for image in images if image in message), key=len, default=runs.container.image)
