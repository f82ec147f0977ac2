"""A Deployment whose pods fail one after the other is scaled to zero, so that others keep the cluster's time."""

from __future__ import annotations

import pytest

from canaryproof.analysis.storms import MANY, Storms
from canaryproof.errors import InfrastructureError
from canaryproof.experiment.storm_guard import storms_ended
from canaryproof.kube.recorder import Recording
from canaryproof.kube.resources import Resource
from canaryproof.model.objects import Body
from canaryproof.model.timeline import Timeline
from canaryproof.system.wait import Ticks, wait_for
from tests.unit.stories import CANARY, Story


def storm(
    pods: int, reason: str, phase: str = "Failed", *, deleted: bool = False, deployment: str = CANARY.name
) -> Timeline:
    """Record pods of a Deployment that ended, one after the other."""
    story = Story(deployment)
    for number in range(pods):
        name = f"{deployment}-{number}"
        story.at(number).pod(name).phase(phase, reason, pod=name)
        if deleted:
            story.deleting(name)
    return story.timeline


@pytest.mark.parametrize(
    ("pods", "reason", "phase", "storms"),
    [
        (1, "AppArmor", "Failed", False),
        (2, "AppArmor", "Failed", True),
        (2, "OutOfcpu", "Failed", False),
        (MANY, "OutOfcpu", "Failed", True),
        (MANY - 1, "", "Succeeded", False),
        (MANY, "", "Succeeded", True),
        (MANY, "", "Running", False),
    ],
)
def test_a_storm_is_recognised_by_the_ends_of_its_pods(pods: int, reason: str, phase: str, *, storms: bool) -> None:
    """Two hopeless rejections are a storm. Pods that may be admitted next, or whose containers ended, must be more."""
    found = Storms()
    for change in storm(pods, reason, phase).observations:
        found.add([change])

    assert found.deployments == ((CANARY.name,) if storms else ())


def test_pods_of_an_ended_release_are_no_storm() -> None:
    """Pods that are being deleted end, too."""
    found = Storms()
    timeline = storm(MANY, "", deleted=True)
    found.add(each for each in timeline.observations if each.object.is_going or each.object.kind != "Pod")

    assert found.deployments == ()


class Client:
    """A client that records what is patched."""

    def __init__(self, *, refuses: bool = False) -> None:
        """Answer, or refuse."""
        self.patched: list[tuple[str, str, Body]] = []
        self._refuses = refuses

    def patch(self, resource: Resource, name: str, namespace: str, body: Body) -> bool:
        self.patched.append((f"{resource.kind}/{name}", namespace, body))
        if self._refuses:
            raise InfrastructureError("forbidden")
        return True


def guarded(client: Client, spared: tuple[str, ...]) -> None:
    """Record the storms of two Deployments while the guard looks, until it has patched the second one."""
    recording = Recording()
    with storms_ended(client, recording, "sre-alice", spared):  # type: ignore[arg-type]
        for name in ("first", "second"):
            for number, change in enumerate(storm(5, "AppArmor", deployment=name).observations):
                change.object.body["metadata"]["resourceVersion"] = str(number)
                recording.record(change.change, change.object.body)
        wait_for(
            "patch",
            lambda: any("second" in name for name, _, _ in client.patched) or None,
            within=10,
            changes=Ticks(),
        )


@pytest.mark.parametrize("refuses", [False, True])
def test_each_storm_is_ended_once(*, refuses: bool) -> None:
    """The guard scales a Deployment to zero once, even if it may not."""
    client = Client(refuses=refuses)
    guarded(client, ())

    zero = {"spec": {"replicas": 0}}
    assert client.patched == [(f"Deployment/{name}", "sre-alice", zero) for name in ("first", "second")]


def test_a_deployment_of_the_stable_revision_is_spared() -> None:
    """A rollback changes the stable Deployments, and would meet another owner of their replicas."""
    client = Client()
    guarded(client, ("first",))

    assert [name for name, _, _ in client.patched] == ["Deployment/second"]
