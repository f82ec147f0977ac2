"""What this cluster has not, and others have, is no fault of a submission."""

from __future__ import annotations

from dataclasses import replace

import pytest

from canaryproof.analysis.infrastructure import foreign_images, out_of_reach
from canaryproof.model.causes import Cause
from canaryproof.model.evidence import Decision
from canaryproof.model.objects import Body
from canaryproof.model.registries import Registries
from canaryproof.model.timeline import Timeline
from canaryproof.scenario import load_course
from tests.unit.stories import CANARY, Story

STAND_INS = load_course().stand_ins
OURS = CANARY.images[0]
PENDING = Decision(
    "unschedulable", Cause(code="unscheduled", detail="pod has unbound immediate PersistentVolumeClaims")
)


def told(message: str) -> Timeline:
    """Tell what the cluster says of a claim."""
    event: Body = {"kind": "Event", "metadata": {"name": "e", "uid": "e"}, "message": message}
    return Story().observe(event | {"involvedObject": {"kind": "PersistentVolumeClaim", "name": "data"}}).timeline


@pytest.mark.parametrize(
    ("images", "foreign"),
    [
        ((OURS,), ()),
        (("busybox:1.36", OURS), ("busybox:1.36",)),
        (("busybox:1.36", f"docker.io/{OURS}"), ("busybox:1.36",)),
        (("uonyeka/upcommerce:v33", OURS), ()),
        (("nginx", "busybox"), ()),
    ],
)
def test_images_beside_the_courses_are_foreign(images: tuple[str, ...], foreign: tuple[str, ...]) -> None:
    """Only beside it: without the course's image there is no canary, and a slip in its name is the author's."""
    assert foreign_images(replace(CANARY, images=images), STAND_INS) == foreign


def test_where_images_are_pulled_none_is_foreign() -> None:
    """Without stand-ins the cluster can pull what there is."""
    assert foreign_images(replace(CANARY, images=("busybox", OURS)), ()) == ()


def test_a_foreign_image_that_decides_is_out_of_reach() -> None:
    """An init container that the cluster cannot have keeps the canary from starting, there and nowhere else."""
    canary = replace(CANARY, foreign=("busybox:1.36",))
    waits = Decision("image-pull", Cause(code="image-not-found", image="busybox:1.36", init=True))
    slip = Decision("image-pull", Cause(code="image-not-found", image=OURS))

    assert "no way to pull busybox:1.36; try it on one that can" in out_of_reach(waits, canary, Timeline())
    assert out_of_reach(slip, canary, Timeline()) == ""


def test_an_image_of_another_registry_is_out_of_reach_where_only_some_are_asked() -> None:
    """The user is told the option; a name that the course's registry does not know is still the author's slip."""
    canary = replace(CANARY, images=("elsewhere.lan:5000/app:1", OURS))
    refused = Decision("image-pull", Cause(code="image-pull-failed", image="elsewhere.lan:5000/app:1"))
    slip = Decision("image-pull", Cause(code="image-not-found", image=OURS))
    registries = Registries.of(STAND_INS)

    assert "--image-registry elsewhere.lan:5000" in out_of_reach(refused, canary, Timeline(), registries)
    assert out_of_reach(refused, canary, Timeline()) == ""
    assert out_of_reach(slip, canary, Timeline(), registries) == ""
    assert out_of_reach(refused, canary, Timeline(), Registries.of(added=["elsewhere.lan:5000"])) == ""


@pytest.mark.parametrize(
    "message",
    [
        "no persistent volumes available for this claim and no storage class is set",
        'storageclass.storage.k8s.io "standard" not found',
    ],
)
def test_a_claim_that_other_clusters_serve_is_out_of_reach(message: str) -> None:
    """Minikube and kind have a default class, called standard."""
    assert "no StorageClass for the claim data" in out_of_reach(PENDING, CANARY, told(message))


def test_a_claim_that_no_cluster_serves_is_the_charts() -> None:
    """A class by another name, and a pod that is too large, are the author's."""
    assert out_of_reach(PENDING, CANARY, told('storageclass.storage.k8s.io "fsat" not found')) == ""
    assert (
        out_of_reach(
            Decision("unschedulable", Cause(code="unscheduled", detail="Insufficient cpu")), CANARY, Timeline()
        )
        == ""
    )
