"""Compares the images of pods with those of a rendered Deployment.  This module is pure.

Admission policies of a cluster may change pods or workloads: they add containers, or take images from a mirror. What
they change is no fault of a chart, so a comparison allows it.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from canaryproof.model.objects import Container, Manifest
from canaryproof.model.timeline import PodHistory, Timeline


@dataclass(frozen=True)
class OtherImages:
    """The images of a pod that are not those of its Deployment as rendered."""

    found: tuple[str, ...]
    expected: tuple[str, ...]


def other_images(
    timeline: Timeline, pod: PodHistory, rendered: Manifest, before: Timeline | None = None
) -> OtherImages | None:
    """Return the images of *pod* if it does not run those of *rendered*, or None if it does.

    If the cluster changed the pod, the template of its ReplicaSet still has the rendered images. If the cluster changes
    workloads, the pod has the same images in another registry or with a digest, and perhaps further containers.
    *before* shows the pods before the upgrade, which must have had the same. It is None if nothing recorded them.
    """
    now, expected = _images(pod.containers), _images(rendered.containers)
    if expected in (now, *_templates(timeline, pod)):
        return None
    earlier = before is None or now in [_images(each.containers) for each in before.pods_of(rendered.key.local)]
    same = all(any(_is_same(each, image) for each in now) for image in expected)
    return None if same and earlier else OtherImages(now, expected)


def _is_same(image: str, rendered: str) -> bool:
    """Report whether *image* is *rendered*, perhaps from a mirror, or with the digest that a policy has verified."""
    name = image.partition("@")[0]
    return rendered in {image, name} or name.endswith(f"/{rendered}")


def _images(containers: Iterable[Container]) -> tuple[str, ...]:
    return tuple(sorted(each.image for each in containers))


def _templates(timeline: Timeline, pod: PodHistory) -> Iterable[tuple[str, ...]]:
    """Yield the images in the template of the ReplicaSet that owns *pod*, if it was seen."""
    owners = {owner.uid for owner in pod.latest.owners}
    return (_images(each.containers) for each in timeline.live("ReplicaSet") if each.uid in owners)
