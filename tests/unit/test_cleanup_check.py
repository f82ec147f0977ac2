"""The wait after a rollback ends when all added objects are gone, or when the remaining ones are certain to stay."""

from __future__ import annotations

from typing import Any

import pytest

from canaryproof.experiment.cleanup_check import CleanupCheck
from canaryproof.kube.recorder import Recording
from canaryproof.kube.resources import Resource
from canaryproof.model.evidence import Canary, Holder, Leftover
from canaryproof.model.objects import Body, Manifest, ObjectKey

CANARY = ObjectKey("Deployment", "canary")
CONFIG = ObjectKey("ConfigMap", "extra")
DATABASE = ObjectKey("StatefulSet", "db")
ROLE = ObjectKey("ClusterRole", "reader")


class FakeClock:
    """A clock that a test sets."""

    def __init__(self) -> None:
        """Start at zero."""
        self.now = 0.0

    def monotonic(self) -> float:
        """Return the time."""
        return self.now


class FakeObjects:
    """Live objects that a test sets."""

    def __init__(self) -> None:
        """Start without objects."""
        self.bodies: dict[str, Body] = {}
        self.freed: list[str] = []

    def resource(self, api_version: str, kind: str) -> Resource | None:
        """Accept every kind."""
        return Resource(kind, f"/apis/{api_version}", kind.lower(), namespaced=kind != "ClusterRole")

    def get(self, resource: Resource, name: str, namespace: str = "") -> Body | None:
        """Return the object that the test set."""
        del namespace
        return self.bodies.get(f"{resource.kind}/{name}")

    def drop_finalizers(self, resource: Resource, name: str, namespace: str) -> None:
        """Record the call."""
        self.freed.append(f"{namespace}/{resource.kind}/{name}")


class Scene:
    """A cleanup check for one added object, with methods that change the cluster."""

    def __init__(self, key: ObjectKey = CANARY, canary: Canary | None = None) -> None:
        """Start right after the rollback, with the stable app not ready."""
        self.clock = FakeClock()
        self.recording = Recording(self.clock)
        self.objects = FakeObjects()
        self.unready = "Deployment/app wants 1 pods"
        version = "apps/v1" if key == CANARY else "v1"
        self.check = CleanupCheck(
            client=self.objects,
            recording=self.recording,
            namespace="lab",
            added=[Manifest({"kind": key.kind, "apiVersion": version, "metadata": {"name": key.name}})],
            canary=canary,
            unready=lambda stuck: "" if DATABASE in stuck else self.unready,
        )

    def put(self, kind: str, name: str, **metadata: Any) -> Body:
        """Add a live object, and record its observation."""
        version = str(len(self.recording.timeline.observations))
        meta = {"name": name, "uid": name, "resourceVersion": version, **metadata}
        body = {"kind": kind, "apiVersion": "apps/v1", "metadata": meta}
        self.objects.bodies[f"{kind}/{name}"] = body
        self.recording.record("ADDED", body)
        return body

    def remove(self, body: Body) -> None:
        """Record the deletion of an object."""
        self.objects.bodies.pop(f"{body['kind']}/{body['metadata']['name']}", None)
        self.recording.record("DELETED", body)

    def at(self, now: float) -> bool:
        """Run the check at *now*."""
        self.clock.now = now
        return self.check.look(1, 5)


def test_it_is_over_when_stable_has_held_and_all_is_gone() -> None:
    """The check ends when all objects are gone and the stable app was ready without a break for the hold time."""
    scene = Scene()

    assert not scene.at(1)
    scene.unready = ""
    assert not scene.at(2)
    scene.unready = "lapsed"
    assert not scene.at(2.5)
    scene.unready = ""
    assert not scene.at(2.6)
    assert not scene.at(3.1)
    assert scene.at(3.7)
    assert scene.check.result().restored_at == 2.6


def test_what_is_going_is_waited_for() -> None:
    """The check waits for an object that is being deleted or whose owner is gone."""
    scene = Scene()
    scene.unready = ""
    owner = {"ownerReferences": [{"kind": "Deployment", "name": "canary"}]}
    pod = scene.put("Pod", "canary-x", **owner)
    scene.at(1)

    assert not scene.at(3)
    assert scene.check.seen() == "Pod/canary-x"

    scene.remove(pod)

    assert scene.at(4)
    assert scene.check.result().leftovers == ()


@pytest.mark.parametrize(
    ("spec", "status", "is_over"),
    [
        ({"readinessProbe": {"httpGet": {}}}, {"running": {}}, True),
        ({}, {"waiting": {"reason": "ImagePullBackOff"}}, True),
        ({}, {"running": {}}, False),
    ],
    ids=["probe-fails", "never-started", "ready-for-an-instant"],
)
def test_a_stateful_set_that_waits_in_vain_is_not_waited_for(spec: Body, status: Body, is_over: bool) -> None:  # noqa: FBT001
    """The check ends after a while if only a stuck StatefulSet keeps the stable app from being ready.

    It goes on where a broken pod without a probe may be Ready for an instant.
    """
    canary = Canary("db", "t", 1, (), ("a:2",), kind="StatefulSet", in_place=True, former=("db-1",))
    scene = Scene(canary=canary)
    scene.put("StatefulSet", "db")
    owner = {"ownerReferences": [{"kind": "StatefulSet", "name": "db"}], "labels": {"controller-revision-hash": "db-2"}}
    pod = scene.put("Pod", "db-0", **owner)
    pod["spec"] = {"containers": [{"name": "main", **spec}]}
    pod["status"] = {"containerStatuses": [{"name": "main", "restartCount": 0, "state": status}]}
    pod["metadata"] = pod["metadata"] | {"resourceVersion": "9"}
    scene.recording.record("MODIFIED", pod)

    assert not scene.at(1)
    assert not scene.at(5.1)
    assert scene.at(6.2) == is_over
    assert [each.object.name for each in scene.check.result().leftovers] == ["db-0"]
    assert scene.check.result().restored_at is None


def test_what_nobody_deletes_is_not_waited_for() -> None:
    """The check does not wait for an object whose deletion Helm has not requested, or for the objects that it owns.

    Helm requests every deletion before it returns.
    """
    scene = Scene()
    scene.unready = ""
    scene.put("Deployment", "canary", annotations={"helm.sh/resource-policy": "keep"})
    scene.put("Pod", "canary-x", ownerReferences=[{"kind": "Deployment", "name": "canary"}])
    scene.at(1)

    assert scene.at(2)
    assert scene.check.result().leftovers == (
        Leftover(CANARY, Holder("resource-policy", "keep")),
        Leftover(ObjectKey("Pod", "canary-x"), Holder("owner", "Deployment/canary")),
    )


def test_a_recording_that_lags_behind_does_not_make_leftovers() -> None:
    """An object that the API no longer has is gone once the recording has reported it."""
    scene = Scene()
    scene.unready = ""
    scene.put("Deployment", "canary")
    scene.objects.bodies.clear()
    scene.at(1)

    assert not scene.at(3)


def test_kinds_that_nobody_watches_are_asked_for() -> None:
    """The check asks the API for added objects whose kind is not watched, such as a ConfigMap."""
    scene = Scene(CONFIG)
    scene.unready = ""
    scene.objects.bodies["ConfigMap/extra"] = {"kind": "ConfigMap", "apiVersion": "v1", "metadata": {"name": "extra"}}
    scene.at(1)

    assert scene.at(3)
    assert scene.check.result().leftovers == (Leftover(CONFIG),)


def test_what_others_have_outside_the_namespace_is_not_ours() -> None:
    """A cluster-scoped object counts as a leftover only if Helm's annotations assign it to this release."""
    scene = Scene(ROLE)
    body: Body = {"kind": "ClusterRole", "apiVersion": "v1", "metadata": {"name": "reader", "annotations": {}}}
    scene.objects.bodies["ClusterRole/reader"] = body

    scene.at(1)
    assert scene.check.result().leftovers == ()

    body["metadata"]["annotations"]["meta.helm.sh/release-namespace"] = "lab"

    scene.at(2)
    assert scene.check.result().leftovers == (Leftover(ROLE),)


def test_finalizers_do_not_hold_up_the_end_of_the_namespace() -> None:
    """The check drops the finalizers of an object in deletion after it is recorded as a leftover.

    Other objects keep their finalizers.
    """
    scene = Scene()
    going = {"deletionTimestamp": "2026-11-24T08:17:29Z", "finalizers": ["example.com/stay"]}
    scene.put("Deployment", "canary", **going)
    scene.put("Pod", "canary-x", finalizers=["a/b"], ownerReferences=[{"kind": "Deployment", "name": "canary"}])
    scene.at(1)

    scene.check.let_go()

    assert scene.objects.freed == ["lab/Deployment/canary"]
    assert scene.check.result().leftovers[0].holder == Holder("finalizers", "example.com/stay")
