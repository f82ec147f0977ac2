"""The leftovers of an upgrade are found with their holders."""

from __future__ import annotations

from typing import Any

import pytest

from canaryproof.analysis.leftovers import descendants, key_in, last_deletion, leftover
from canaryproof.model.evidence import Holder, Leftover
from canaryproof.model.objects import Body, Manifest, ObjectKey
from canaryproof.model.timeline import Change, Observation, Timeline
from canaryproof.model.wording.cause_sentences import HOLDERS

DEPLOYMENT = ObjectKey("Deployment", "app")


def body(kind: str, name: str, *, owner: ObjectKey | None = None, **metadata: Any) -> Body:
    """Return a minimal object."""
    owners = {"ownerReferences": [{"kind": owner.kind, "name": owner.name}]} if owner else {}
    return {"kind": kind, "metadata": {"name": name, **owners, **metadata}}


def timeline(*changes: tuple[Change, Body]) -> Timeline:
    """Record *changes*, one per second."""
    return Timeline(tuple(Observation(float(at), change, Manifest(what)) for at, (change, what) in enumerate(changes)))


def test_keys_do_not_repeat_the_namespace_of_the_experiment() -> None:
    """An object that names the experiment's namespace has the same key as one that names none."""
    named, elsewhere = (Manifest(body("Service", "a", namespace=name)) for name in ("lab", "other"))

    assert key_in("lab", named) == ObjectKey("Service", "a")
    assert key_in("lab", elsewhere) == ObjectKey("Service", "a", "other")


def test_a_family_reaches_through_owners_that_are_gone() -> None:
    """A pod belongs to its Deployment even after the deletion of the ReplicaSet between them."""
    between = ObjectKey("ReplicaSet", "app-1")
    seen = timeline(
        ("ADDED", body("ReplicaSet", "app-1", owner=DEPLOYMENT)),
        ("ADDED", body("Pod", "app-1-x", owner=between)),
        ("ADDED", body("Pod", "other")),
        ("DELETED", body("ReplicaSet", "app-1", owner=DEPLOYMENT)),
    )

    family = descendants(seen, [DEPLOYMENT])

    assert family == {DEPLOYMENT, between, ObjectKey("Pod", "app-1-x")}
    assert last_deletion(seen, family) == 3
    assert last_deletion(seen, frozenset({ObjectKey("Pod", "other")})) is None


@pytest.mark.parametrize(
    ("found", "held_by"),
    [
        (body("Job", "a", annotations={"helm.sh/hook": "post-upgrade"}), "helm.sh/hook: post-upgrade"),
        (body("Service", "a", annotations={"helm.sh/resource-policy": "keep"}), "helm.sh/resource-policy: keep"),
        (body("Service", "a", finalizers=["example.com/stay"]), "finalizers: example.com/stay"),
        (body("Pod", "a", deletionTimestamp="2026-11-24T08:17:29Z"), "still terminating"),
        (
            body("ReplicaSet", "a", owner=DEPLOYMENT, annotations={"helm.sh/resource-policy": "keep"}),
            "its owner Deployment/app",
        ),
        (body("Service", "a"), ""),
    ],
)
def test_what_is_left_says_what_holds_it(found: Body, held_by: str) -> None:
    """A leftover names its holder. The Deployment holds a ReplicaSet that has copied its annotations."""
    key = ObjectKey(found["kind"], "a")

    holder = leftover(key, Manifest(found), frozenset({key, DEPLOYMENT}), Timeline()).holder
    held = HOLDERS[holder.kind].format(holder.value) if holder else ""

    assert held_by in held
    assert bool(held) == bool(held_by)


def test_a_leftover_names_its_object_and_all_that_holds_it() -> None:
    """A leftover names every finalizer that holds it."""
    key = ObjectKey("Service", "a")
    held = Manifest(body("Service", "a", finalizers=["example.com/stay", "example.com/wait"]))

    found = leftover(key, held, frozenset({key}), Timeline())

    assert found == Leftover(key, Holder("finalizers", "example.com/stay, example.com/wait"))
