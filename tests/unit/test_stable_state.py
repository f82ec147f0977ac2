"""Stable counts as ready only when it is, and as restored only when it is as it was."""

from __future__ import annotations

from typing import Any

import pytest

from canaryproof.analysis.stable_state import Stable, difference, stable_of, unready
from canaryproof.model.objects import Body, Manifest, ObjectKey
from canaryproof.model.timeline import Change, Observation, Timeline
from canaryproof.model.wording.cause_sentences import describe

STABLE = Stable(("app",), (("shop", 5000),))


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
    cause = unready(timeline(*(("ADDED", each) for each in objects)), STABLE, {"app": generation})
    return describe(cause) if cause else ""


def test_stable_is_ready_when_all_pods_are_and_the_service_leads_there() -> None:
    """One updated, available pod and one ready endpoint are enough."""
    assert why(deployment(), endpoints()) == ""


@pytest.mark.parametrize(
    ("objects", "reason"),
    [
        ([endpoints()], "Deployment/app does not exist"),
        ([deployment(observed=1), endpoints()], "not looked at"),
        ([deployment(availableReplicas=0), endpoints()], "wants 1 pods and has 1 in all, 1 updated, 0 available"),
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


@pytest.mark.parametrize(
    ("now", "field", "values"),
    [
        ({"spec": {"replicas": 2}}, "spec.replicas", ("1", "2")),
        ({"spec": {"replicas": 1, "paused": True}}, "spec.paused", ("", "True")),
        ({"spec": {}}, "spec.replicas", ("1", "")),
        ({"spec": {"replicas": 1, "args": ["a"]}}, "spec.args[0]", ("", "'a'")),
    ],
)
def test_what_differs_after_the_rollback_is_named(now: Body, field: str, values: tuple[str, str]) -> None:
    """The field, and both of its values."""
    before = body("Deployment", "app") | {"spec": {"replicas": 1}}
    seen = timeline(("ADDED", before), ("MODIFIED", before | now))

    found = difference(seen, [Manifest(before)], 0.5)

    assert found
    assert (found.object, found.field, found.expected, found.found) == ("Deployment/app", field, *values)


def test_what_the_cluster_assigns_is_no_difference() -> None:
    """Nor is what only one of both moments has: an object that was added, or is gone."""
    was = body("Service", "a", annotations={"deployment.kubernetes.io/revision": "1"})
    now = body("Service", "a", annotations={"deployment.kubernetes.io/revision": "3"})
    assigned = {"spec": {"clusterIP": "10.0.0.1", "ports": [{"nodePort": 30000}]}}
    seen = timeline(("ADDED", was), ("ADDED", now | assigned), ("ADDED", body("Service", "b")))

    assert difference(seen, [Manifest(was), Manifest(body("Service", "b"))], 0.5) is None
