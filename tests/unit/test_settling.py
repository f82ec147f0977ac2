"""Stable counts as ready only when it is, and what is left of an upgrade is found and explained."""

from __future__ import annotations

from typing import Any

import pytest

from canaryproof.analysis.settling import Stable, descendants, key_in, last_deletion, leftover, live, stable_of, unready
from canaryproof.model.objects import Body, Manifest, ObjectKey
from canaryproof.model.timeline import Change, Observation, Timeline
from canaryproof.model.wording.leftover_sentences import describe_holder

STABLE = Stable(("app",), (("shop", 5000),))
DEPLOYMENT = ObjectKey("Deployment", "app")


def body(kind: str, name: str, *, owner: ObjectKey | None = None, **metadata: Any) -> Body:
    """Return an object of hardly anything."""
    owners = {"ownerReferences": [{"kind": owner.kind, "name": owner.name}]} if owner else {}
    return {"kind": kind, "metadata": {"name": name, **owners, **metadata}}


def timeline(*changes: tuple[Change, Body]) -> Timeline:
    """Tell *changes*, one a second."""
    return Timeline(tuple(Observation(float(at), change, Manifest(what)) for at, (change, what) in enumerate(changes)))


def deployment(*, generation: int = 2, observed: int = 2, **counts: int) -> Body:
    """Return a ready Deployment of one replica, but for *counts*."""
    ready = {"replicas": 1, "updatedReplicas": 1, "availableReplicas": 1}
    found = body("Deployment", "app", generation=generation)
    return found | {"spec": {"replicas": 1}, "status": {"observedGeneration": observed, **ready, **counts}}


def endpoints(*, ready: bool = True, service: str = "shop") -> Body:
    """Return the EndpointSlice of a Service."""
    found = body("EndpointSlice", "shop-x", labels={"kubernetes.io/service-name": service})
    return found | {"endpoints": [{"conditions": {"ready": ready}}]}


def why(*objects: Body, generation: int = 0) -> str:
    """Return why STABLE is not ready."""
    return unready(live(timeline(*(("ADDED", each) for each in objects))), STABLE, {"app": generation})


def test_stable_is_ready_when_all_pods_are_and_the_service_leads_there() -> None:
    """One updated, available pod and one ready endpoint are enough."""
    assert why(deployment(), endpoints()) == ""


@pytest.mark.parametrize(
    ("objects", "reason"),
    [
        ([endpoints()], "Deployment/app does not exist"),
        ([deployment(observed=1), endpoints()], "not looked at"),
        ([deployment(availableReplicas=0), endpoints()], "wants 1 pods"),
        ([deployment(replicas=2), endpoints()], "wants 1 pods"),
        ([deployment(updatedReplicas=0), endpoints()], "wants 1 pods"),
        ([deployment()], "Service/shop has no ready endpoint"),
        ([deployment(), endpoints(ready=False)], "Service/shop has no ready endpoint"),
        ([deployment(), endpoints(service="other")], "Service/shop has no ready endpoint"),
    ],
)
def test_stable_is_not_ready_for_a_reason(objects: list[Body], reason: str) -> None:
    """Each thing that is missing is named."""
    assert reason in why(*objects)


def test_what_was_seen_before_the_rollback_does_not_count() -> None:
    """A ready status of an older generation says nothing about the one that Helm has just stored."""
    assert "not looked at" in why(deployment(generation=2, observed=2), endpoints(), generation=3)
    assert why(deployment(generation=3, observed=3), endpoints(), generation=3) == ""


def test_the_courses_chart_says_what_stable_is() -> None:
    """Deployments and Services count, with the first port of each Service."""
    service = body("Service", "shop") | {"spec": {"ports": [{"port": 5000}, {"port": 5001}]}}
    chart = [body("ConfigMap", "c"), service, body("Deployment", "app")]

    assert stable_of(map(Manifest, chart)) == STABLE


def test_keys_do_not_repeat_the_namespace_of_the_experiment() -> None:
    """An object that names the experiment's namespace is the same as one that leaves it to Helm."""
    named, elsewhere = (Manifest(body("Service", "a", namespace=name)) for name in ("lab", "other"))

    assert key_in("lab", named) == ObjectKey("Service", "a")
    assert key_in("lab", elsewhere) == ObjectKey("Service", "a", "other")


def test_only_what_was_not_deleted_is_live() -> None:
    """The last change of an object counts."""
    seen = timeline(("ADDED", body("Pod", "a")), ("ADDED", body("Pod", "b")), ("DELETED", body("Pod", "a")))

    assert list(live(seen)) == [ObjectKey("Pod", "b")]


def test_a_family_reaches_through_owners_that_are_gone() -> None:
    """A pod belongs to its Deployment even after the ReplicaSet between them was deleted."""
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
    assert last_deletion(seen, frozenset({ObjectKey("Pod", "other")})) == 0


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
    """A ReplicaSet copies its Deployment's annotations: it is the Deployment that is kept."""
    key = ObjectKey(found["kind"], "a")

    holder = leftover(key, found, frozenset({key, DEPLOYMENT})).holder
    held = describe_holder(holder) if holder else ""

    assert held_by in held
    assert bool(held) == bool(held_by)
