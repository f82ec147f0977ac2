"""The stable app counts as ready only if all its parts are, and as restored only if it is unchanged."""

from __future__ import annotations

from typing import Any

import pytest

from canaryproof.analysis.stable_state import Stable, difference, stable_of, unready
from canaryproof.model.causes import Cause
from canaryproof.model.objects import Body, Manifest, ObjectKey
from canaryproof.model.timeline import Change, Observation, Timeline
from canaryproof.model.wording.cause_sentences import describe

APP = ObjectKey("Deployment", "app")
STABLE = Stable((APP,), (("shop", 5000),))


def body(kind: str, name: str, *, owner: ObjectKey | None = None, **metadata: Any) -> Body:
    """Return a minimal object."""
    owners = {"ownerReferences": [{"kind": owner.kind, "name": owner.name}]} if owner else {}
    return {"kind": kind, "metadata": {"name": name, **owners, **metadata}}


def timeline(*changes: tuple[Change, Body]) -> Timeline:
    """Record *changes*, one per second."""
    return Timeline(tuple(Observation(float(at), change, Manifest(what)) for at, (change, what) in enumerate(changes)))


def deployment(*, generation: int = 2, observed: int = 2, **counts: int) -> Body:
    """Return a ready Deployment with one replica, except for *counts*."""
    ready = {"replicas": 1, "updatedReplicas": 1, "availableReplicas": 1}
    found = body("Deployment", "app", generation=generation)
    return found | {"spec": {"replicas": 1}, "status": {"observedGeneration": observed, **ready, **counts}}


def endpoints(*, ready: bool = True, service: str = "shop") -> Body:
    """Return the EndpointSlice of a Service."""
    found = body("EndpointSlice", "shop-x", labels={"kubernetes.io/service-name": service})
    return found | {"endpoints": [{"conditions": {"ready": ready}}]}


def why(*objects: Body, generation: int = 0) -> str:
    """Return the reason why STABLE is not ready."""
    cause = unready(timeline(*(("ADDED", each) for each in objects)), STABLE, {APP: generation})
    return describe(cause) if cause else ""


def test_stable_is_ready_when_all_pods_are_and_the_service_leads_there() -> None:
    """The stable app is ready with one updated, available pod and one ready endpoint."""
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
    """The reason names the missing part."""
    assert reason in why(*objects)


def test_what_was_seen_before_the_rollback_does_not_count() -> None:
    """A ready status of an earlier generation does not count after a rollback."""
    assert "not looked at" in why(deployment(generation=2, observed=2), endpoints(), generation=3)
    assert why(deployment(generation=3, observed=3), endpoints(), generation=3) == ""


def test_the_courses_chart_says_what_stable_is() -> None:
    """The stable app consists of the Deployments and Services of the course's chart, with each Service's first port."""
    service = body("Service", "shop") | {"spec": {"selector": {"app": "a"}, "ports": [{"port": 5000}, {"port": 5001}]}}
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
    """The difference after a rollback names the field and both values."""
    before = body("Deployment", "app") | {"spec": {"replicas": 1}}
    seen = timeline(("ADDED", before), ("MODIFIED", before | now))

    found = difference(seen, [Manifest(before)], 0.5)

    assert found
    assert (found.object, found.field, found.expected, found.found) == ("Deployment/app", field, *values)


def test_what_the_cluster_assigns_is_no_difference() -> None:
    """Values that the cluster assigns are no difference, nor are objects that exist in only one of the two states."""
    was = body("Service", "a", annotations={"deployment.kubernetes.io/revision": "1"})
    now = body("Service", "a", annotations={"deployment.kubernetes.io/revision": "3"})
    assigned = {"spec": {"clusterIP": "10.0.0.1", "ports": [{"nodePort": 30000}]}}
    seen = timeline(("ADDED", was), ("ADDED", now | assigned), ("ADDED", body("Service", "b")))

    assert difference(seen, [Manifest(was), Manifest(body("Service", "b"))], 0.5) is None


def unready_app(app: Body) -> Cause | None:
    """Return the reason why the Deployment *app* without a Service is not ready, with no Helm operation before."""
    return unready(timeline(("ADDED", app)), Stable((APP,), ()), {})


def test_a_deployment_that_says_little_has_one_replica_and_no_generation() -> None:
    """A Deployment without these fields has the API's defaults: one replica, generation 0 and no pod."""
    plain = body("Deployment", "app") | {"spec": {}}
    counts = {"replicas": 1, "updatedReplicas": 1, "availableReplicas": 1}

    assert unready_app(plain) == Cause(
        code="deployment-not-available", object="Deployment/app", count=1, replicas=(0, 0, 0)
    )
    assert unready_app(plain | {"status": counts}) is None


def test_a_deployment_is_ready_with_as_many_pods_as_it_asks_for() -> None:
    """A Deployment is ready if as many pods as replicas are updated and available."""
    two = {"replicas": 2, "updatedReplicas": 2, "availableReplicas": 2}
    app = body("Deployment", "app") | {"spec": {"replicas": 2}}

    assert unready_app(app | {"status": two}) is None
    assert unready_app(app | {"status": two | {"updatedReplicas": 1}}) == Cause(
        code="deployment-not-available", object="Deployment/app", count=2, replicas=(2, 1, 2)
    )


def test_a_generation_that_no_controller_saw_is_not_ready() -> None:
    """A status without ``observedGeneration`` is older than every generation, and not ready."""
    unseen = body("Deployment", "app", generation=1) | {"spec": {}, "status": {}}

    assert unready_app(unseen) == Cause(code="deployment-not-observed", object="Deployment/app")


def test_what_is_not_there_is_named() -> None:
    """The reason names a missing Deployment, or a Service without a ready endpoint."""
    missing = unready(timeline(("ADDED", body("Deployment", "other"))), STABLE, {})
    silent = unready(timeline(("ADDED", deployment())), STABLE, {})

    assert missing == Cause(code="deployment-missing", object="Deployment/app")
    assert silent == Cause(code="service-without-endpoints", object="Service/shop")


def test_an_endpoint_without_conditions_is_ready() -> None:
    """An endpoint without conditions is ready (Kubernetes, "EndpointSlices"). A Service without endpoints is not."""
    labelled = body("EndpointSlice", "shop-x", labels={"kubernetes.io/service-name": "shop"})
    unlabelled = body("EndpointSlice", "shop-y") | {"endpoints": [{}]}

    assert why(deployment(), unlabelled, labelled | {"endpoints": [{}]}) == ""
    assert why(deployment(), unlabelled, labelled | {"endpoints": [{"conditions": {}}]}) == ""
    assert why(deployment(), unlabelled, labelled | {"endpoints": None}) == "Service/shop has no ready endpoint"


def changed(before: Body, after: Body) -> tuple[str, str, str] | None:
    """Return the difference of a course object after a change in an upgrade: field, former and current value."""
    found = difference(timeline(("ADDED", before), ("MODIFIED", after)), [Manifest(before)], upgraded_at=0.5)
    return (found.field, found.expected, found.found) if found else None


def test_an_object_of_the_course_that_was_changed_back_does_not_differ() -> None:
    """An object that was changed back does not differ, because only the final state counts."""
    was, meanwhile = (body("Service", "a") | {"spec": {"type": kind}} for kind in ("ClusterIP", "NodePort"))
    seen = timeline(("ADDED", was), ("MODIFIED", meanwhile), ("MODIFIED", was))

    assert difference(seen, [Manifest(was)], upgraded_at=0.5) is None


@pytest.mark.parametrize(
    ("before", "after", "told"),
    [
        (
            {"spec": {"ports": [{"port": 80}]}},
            {"spec": {"ports": [{"port": 81}]}},
            ("spec.ports[0].port", "80", "81"),
        ),
        ({}, {"spec": {"type": "ClusterIP"}}, ("spec.type", "", "'ClusterIP'")),
        ({"spec": {"b": 1, "a": 1}}, {"spec": {"b": 2, "a": 2}}, ("spec.a", "1", "2")),
        ({"spec": {"a": {}}}, {"spec": {"a": None}}, None),
    ],
)
def test_the_first_field_that_differs_is_told(before: Body, after: Body, told: tuple[str, str, str] | None) -> None:
    """The first differing field in alphabetical order is reported. A field without a value counts as missing."""
    plain = body("Service", "a")

    assert changed(plain | before, plain | after) == told


def test_labels_and_annotations_of_the_courses_objects_count() -> None:
    """Changes of labels and annotations count, because selectors and controllers use them."""
    assert changed(body("Service", "a", labels={"app": "a"}), body("Service", "a", labels={"app": "b"})) == (
        ("labels.app", "'a'", "'b'")
    )
    assert changed(body("Service", "a"), body("Service", "a", annotations={"x": "y"})) == (("annotations.x", "", "'y'"))


@pytest.mark.parametrize(
    "assigned",
    [
        {"spec": {"clusterIP": "10.0.0.1", "clusterIPs": ["10.0.0.1"]}},
        {"spec": {"ports": [{"nodePort": 30000}], "healthCheckNodePort": 30001}},
        {"status": {"loadBalancer": {"ingress": "1.2.3.4"}}},
    ],
)
def test_an_object_that_was_made_again_does_not_differ(assigned: Body) -> None:
    """A recreated object does not differ by the addresses, ports and status that the cluster assigns."""
    assert changed(body("Service", "a"), body("Service", "a") | assigned) is None


def test_objects_behind_one_that_is_gone_are_compared() -> None:
    """The objects after a missing one are compared. The missing one is another check's finding."""
    gone, new, kept = (body("ConfigMap", name) for name in ("gone", "new", "kept"))
    other = kept | {"spec": {"a": 1}}
    seen = timeline(("ADDED", gone), ("ADDED", kept), ("DELETED", gone), ("ADDED", new), ("MODIFIED", other))

    found = difference(seen, map(Manifest, (gone, new, kept)), upgraded_at=1.5)

    assert found == Cause(code="field-differs", object="ConfigMap/kept", field="spec.a", found="1")


def test_what_a_policy_changed_at_first_is_no_difference() -> None:
    """A policy that changes new objects only is undone by Helm's next upgrade: the object is then as rendered."""
    rendered, mutated = deployment(), deployment()
    mutated["metadata"] = {**mutated["metadata"], "labels": {"team": "shop"}}
    mutated["spec"] = {"replicas": 3}
    seen = timeline(("ADDED", mutated), ("MODIFIED", rendered))

    assert difference(seen, [Manifest(rendered)], 0.5) is None
    other = timeline(("ADDED", rendered), ("MODIFIED", mutated))
    assert difference(other, [Manifest(rendered)], 0.5)
