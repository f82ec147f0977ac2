"""A timeline folds what was seen into what there is, whatever the order in which it was told."""

from __future__ import annotations

from canaryproof.model.objects import Body, Manifest, ObjectKey
from canaryproof.model.timeline import Change, Observation, Timeline
from tests.unit.stories import CANARY, Story


def seen(*changes: tuple[Change, str, str]) -> Timeline:
    """Return a timeline of a Service by change, name and uid."""
    return Timeline(
        tuple(
            Observation(at, change, Manifest({"kind": "Service", "metadata": {"name": name, "uid": uid}}))
            for at, (change, name, uid) in enumerate(changes)
        )
    )


def uids(timeline: Timeline) -> list[str]:
    """Return the uids of what is live."""
    return [manifest.uid for manifest in timeline.live("Service")]


def test_live_objects_are_the_last_seen_and_not_deleted() -> None:
    """An object told twice is one; a deleted one is none."""
    assert uids(seen(("ADDED", "a", "1"), ("ADDED", "a", "1"), ("ADDED", "b", "2"), ("DELETED", "b", "2"))) == ["1"]


def test_objects_are_known_by_keys_without_a_namespace() -> None:
    """All of them lie in one."""
    pod = Manifest({"kind": "Pod", "metadata": {"name": "a", "namespace": "lab"}})
    timeline = Timeline((Observation(0, "ADDED", pod),))

    assert timeline.objects == {ObjectKey("Pod", "a"): pod}


def test_late_deletion_of_a_predecessor_deletes_nothing() -> None:
    """An object that was made anew outlives the news that its predecessor is gone."""
    assert uids(seen(("ADDED", "a", "1"), ("ADDED", "a", "2"), ("DELETED", "a", "1"))) == ["2"]


def test_live_objects_are_told_apart_by_kind() -> None:
    """Asking for one kind leaves the others out."""
    timeline = Story().pod().timeline

    assert [manifest.kind for manifest in timeline.live()] == ["Deployment", "ReplicaSet", "Pod"]
    assert [manifest.name for manifest in timeline.live("Pod")] == ["one"]


def test_until_cuts_after_a_moment() -> None:
    """What was seen at that very moment is in, what came later is not."""
    timeline = Story().at(1).pod().at(2).running().timeline

    assert len(timeline.until(1).observations) == 3
    assert timeline.until(2) is timeline


def test_versions_of_an_object_come_in_order() -> None:
    """Every version that was seen is kept."""
    timeline = Story().pod().at(1).running().at(2).gone().timeline

    assert [version.change for version in timeline.versions("Pod", "one")] == ["ADDED", "MODIFIED", "DELETED"]


def test_pods_are_owned_through_replica_sets() -> None:
    """A pod of another ReplicaSet, or of none, is not the Deployment's; neither is that of another Deployment."""
    story = Story().pod().pod("two", replica_set="other")
    orphan: Body = {"kind": "Pod", "metadata": {"name": "three", "uid": "3"}}

    timeline = story.observe(orphan).timeline

    assert [pod.name for pod in timeline.pods_of(CANARY.deployment)] == ["one"]
    assert timeline.pods_of("upcommerce-app") == ()


def test_pod_seen_before_its_replica_set_is_owned_as_soon_as_that_is_seen() -> None:
    """Kinds are watched one by one: which comes first does not matter."""
    observations = Story().pod().timeline.observations

    assert len(Timeline(observations[::-1]).pods_of(CANARY.deployment)) == 1


def test_pods_of_one_name_are_told_apart_by_uid() -> None:
    """A pod that was replaced by one of the same name is another pod."""
    story = Story().pod().gone()
    again = story.timeline.observations[-1].object.body
    story.observe(again | {"metadata": again["metadata"] | {"uid": "another"}})

    pods = story.timeline.pods_of(CANARY.deployment)

    assert [pod.is_live for pod in pods] == [False, True]


def test_pod_that_is_being_deleted_is_not_live() -> None:
    """A pod on its way out no longer counts."""
    (pod,) = Story().pod().running().deleting().timeline.pods_of(CANARY.deployment)

    assert not pod.is_live


def test_terminations_are_told_once_each() -> None:
    """State, ``lastState`` and repetitions of both tell of the same run."""
    story = Story().pod().at(1).running().at(2).ended(1).again().at(3).running().again().at(4).ended(2).again()

    (pod,) = story.timeline.pods_of(CANARY.deployment)

    assert [(end.exit_code, end.at) for end in pod.terminations("canary")] == [(1, 2), (2, 4)]


def test_terminations_without_an_id_are_told_apart_by_their_times() -> None:
    """Runs that never got a container are distinct by when they ended."""
    story = Story().pod().ended(128).running().ended(128)
    for observation in story.timeline.observations:
        for status in observation.object.body.get("status", {}).get("containerStatuses", ()):
            for state in ("state", "lastState"):
                status[state].get("terminated", {}).pop("containerID", None)

    (pod,) = story.timeline.pods_of(CANARY.deployment)

    assert len(pod.terminations("canary")) == 2


def test_readiness_counts_from_its_last_beginning() -> None:
    """A pod that lost its readiness counts anew from when it got it back."""
    story = Story().pod().at(1).running().at(2).ready(ready=False)
    (unready,) = story.timeline.pods_of(CANARY.deployment)
    (pod,) = story.at(3).ready().at(4).again().timeline.pods_of(CANARY.deployment)

    assert unready.ready_since is None
    assert unready.was_ready
    assert pod.ready_since == 3
    assert pod.running_since == 1


def test_events_are_counted_up() -> None:
    """An event that comes again is one event, counted by the API, first seen when it first came."""
    story = Story().pod().at(1).event("BackOff", "restarting").at(5).event("BackOff", "restarting", count=3)
    (pod,) = story.timeline.pods_of(CANARY.deployment)

    (event,) = story.timeline.events_about(pod.uid)

    assert (event.at, event.count, event.container) == (1, 3, "canary")


def test_hostile_shapes_are_read_as_empty() -> None:
    """An object without anything that is expected of it breaks nothing."""
    bodies: list[Body] = [
        {"kind": "Pod", "metadata": [], "status": {"containerStatuses": {"a": 1}}},
        {"kind": "ReplicaSet", "metadata": {"ownerReferences": ["x"]}},
        {"kind": "Event"},
    ]
    timeline = Timeline(tuple(Observation(0, "ADDED", Manifest(body)) for body in bodies))

    assert timeline.pods_of("x") == ()
    assert timeline.events_about("x") == ()
    assert len(timeline.live()) == 3
