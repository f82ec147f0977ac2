"""Pods are compared with a rendered Deployment, whatever the policies of a cluster make of them."""

from __future__ import annotations

import pytest

from canaryproof.analysis.pod_images import other_images
from canaryproof.model.objects import Body
from canaryproof.model.timeline import Timeline
from tests.unit.stories import STABLE_DEPLOYMENT, Story, rendering

(STABLE,) = rendering(STABLE_DEPLOYMENT).manifests
IMAGE = "uonyeka/upcommerce:v3"
MIRROR = f"mirror.example.com/{IMAGE}"
INJECTED = "mesh.example.com/proxy:1"


def pods(*images: str, template: tuple[str, ...] = ()) -> Timeline:
    """Return a pod with *images*, whose ReplicaSet has *template*, or the same images."""
    story = Story(STABLE.name, image=IMAGE).at(1).pod()
    for each in story.timeline.observations:
        body = each.object.body
        if body["kind"] == "Pod":
            body["spec"] = {"containers": _containers(*images)}
        if body["kind"] == "ReplicaSet":
            body["spec"] = {"template": {"spec": {"containers": _containers(*(template or images))}}}
    return story.timeline


def _containers(*images: str) -> list[Body]:
    return [{"name": f"c{number}", "image": image} for number, image in enumerate(images)]


def is_same(now: Timeline, before: Timeline | None) -> bool:
    """Report whether the only pod of *now* counts as the stable one."""
    (pod,) = now.pods_of(STABLE.key.local)
    return other_images(now, pod, STABLE, before) is None


@pytest.mark.parametrize("images", [(IMAGE, INJECTED), (MIRROR,), (MIRROR, INJECTED)])
def test_what_the_cluster_changes_in_pods_is_no_fault(images: tuple[str, ...]) -> None:
    """The template of the ReplicaSet shows what Helm applied, in an experiment and in an observation."""
    now = pods(*images, template=(IMAGE,))

    assert is_same(now, None)
    assert is_same(now, Timeline())


@pytest.mark.parametrize("images", [(IMAGE, INJECTED), (MIRROR,), (f"{IMAGE}@sha256:{'0' * 64}", INJECTED)])
def test_what_the_cluster_changes_in_workloads_is_no_fault(images: tuple[str, ...]) -> None:
    """The pods before the upgrade show it; without them, an additional container or another registry is allowed."""
    now = pods(*images)

    assert is_same(now, None)
    assert is_same(now, pods(*images))
    assert not is_same(now, pods(IMAGE))


@pytest.mark.parametrize("images", [("uonyeka/upcommerce:v4",), ("other/app:v3", INJECTED), (f"not-{IMAGE}",)])
def test_another_image_is_found(images: tuple[str, ...]) -> None:
    """A pod that does not run the rendered image is named with its images."""
    now = pods(*images)
    (pod,) = now.pods_of(STABLE.key.local)

    for before in (None, Timeline(), pods(IMAGE), now):
        other = other_images(now, pod, STABLE, before)
        assert other
        assert (other.found, other.expected) == (tuple(sorted(images)), (IMAGE,))
