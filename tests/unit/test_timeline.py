"""The timeline derives the state of the objects from observations in any order."""

from __future__ import annotations

from dataclasses import replace

from canaryproof.model.objects import Body, Manifest, ObjectKey
from canaryproof.model.timeline import (
    Change,
    ContainerMoment,
    Event,
    Observation,
    PodHistory,
    Termination,
    Timeline,
)
from tests.unit.stories import CANARY, Story


def seen(*changes: tuple[Change, str, str]) -> Timeline:
    """Return a timeline of a Service from changes, names and uids."""
    return Timeline(
        tuple(
            Observation(at, change, Manifest({"kind": "Service", "metadata": {"name": name, "uid": uid}}))
            for at, (change, name, uid) in enumerate(changes)
        )
    )


def uids(timeline: Timeline) -> list[str]:
    """Return the uids of the live objects."""
    return [manifest.uid for manifest in timeline.live("Service")]


def test_live_objects_are_the_last_seen_and_not_deleted() -> None:
    """An object that was observed twice is live once, and a deleted one is not live."""
    assert uids(seen(("ADDED", "a", "1"), ("ADDED", "a", "1"), ("ADDED", "b", "2"), ("DELETED", "b", "2"))) == ["1"]


def test_objects_are_known_by_keys_without_a_namespace() -> None:
    """Objects have keys without a namespace, because all are in one."""
    pod = Manifest({"kind": "Pod", "metadata": {"name": "a", "namespace": "lab"}})
    timeline = Timeline((Observation(0, "ADDED", pod),))

    assert timeline.objects == {ObjectKey("Pod", "a"): pod}


def test_late_deletion_of_a_predecessor_deletes_nothing() -> None:
    """A late deletion of a predecessor does not affect its successor."""
    assert uids(seen(("ADDED", "a", "1"), ("ADDED", "a", "2"), ("DELETED", "a", "1"))) == ["2"]


def test_live_objects_are_told_apart_by_kind() -> None:
    """A query for live objects of one kind returns no others."""
    timeline = Story().pod().timeline

    assert [manifest.kind for manifest in timeline.live()] == ["Deployment", "ReplicaSet", "Pod"]
    assert [manifest.name for manifest in timeline.live("Pod")] == ["one"]


def test_until_cuts_after_a_moment() -> None:
    """``until`` includes the observations at the given time and leaves out later ones."""
    timeline = Story().at(1).pod().at(2).running().timeline

    assert len(timeline.until(1).observations) == 3
    assert timeline.until(2) is timeline


def test_versions_of_an_object_come_in_order() -> None:
    """The versions of an object are all kept in order."""
    timeline = Story().pod().at(1).running().at(2).gone().timeline

    assert [version.change for version in timeline.versions("Pod", "one")] == ["ADDED", "MODIFIED", "DELETED"]


def test_pods_are_owned_through_replica_sets() -> None:
    """A Deployment owns the pods of its ReplicaSets only."""
    story = Story().pod().pod("two", replica_set="other")
    orphan: Body = {"kind": "Pod", "metadata": {"name": "three", "uid": "3"}}

    timeline = story.observe(orphan).timeline

    assert [pod.name for pod in timeline.pods_of(CANARY.key)] == ["one"]
    assert timeline.pods_of(ObjectKey("Deployment", "upcommerce-app")) == ()


def test_pod_seen_before_its_replica_set_is_owned_as_soon_as_that_is_seen() -> None:
    """A pod that was observed before its ReplicaSet is owned once that is observed.

    Each kind has its own watch, so that either may come first.
    """
    observations = Story().pod().timeline.observations

    assert len(Timeline(observations[::-1]).pods_of(CANARY.key)) == 1


def test_pods_of_one_name_are_told_apart_by_uid() -> None:
    """Pods of the same name are distinguished by uid."""
    story = Story().pod().gone()
    again = story.timeline.observations[-1].object.body
    story.observe(again | {"metadata": again["metadata"] | {"uid": "another"}})

    pods = story.timeline.pods_of(CANARY.key)

    assert [pod.is_live for pod in pods] == [False, True]


def test_pod_that_is_being_deleted_is_not_live() -> None:
    """A pod in deletion is not live."""
    (pod,) = Story().pod().running().deleting().timeline.pods_of(CANARY.key)

    assert not pod.is_live


def test_terminations_are_told_once_each() -> None:
    """A termination in state, ``lastState`` and repeated observations counts once."""
    story = Story().pod().at(1).running().at(2).ended(1).again().at(3).running().again().at(4).ended(2).again()

    (pod,) = story.timeline.pods_of(CANARY.key)

    assert [(end.exit_code, end.at) for end in pod.terminations("canary")] == [(1, 2), (2, 4)]


def test_terminations_without_an_id_are_told_apart_by_their_times() -> None:
    """Terminations without a container id are distinguished by their end times."""
    story = Story().pod().ended(128).running().ended(128)
    for observation in story.timeline.observations:
        for status in observation.object.body.get("status", {}).get("containerStatuses", ()):
            for state in ("state", "lastState"):
                status[state].get("terminated", {}).pop("containerID", None)

    (pod,) = story.timeline.pods_of(CANARY.key)

    assert len(pod.terminations("canary")) == 2


def test_readiness_counts_from_its_last_beginning() -> None:
    """Readiness counts from its latest start."""
    story = Story().pod().at(1).running().at(2).ready(ready=False)
    (unready,) = story.timeline.pods_of(CANARY.key)
    (pod,) = story.at(3).ready().at(4).again().timeline.pods_of(CANARY.key)

    assert unready.ready_since is None
    assert unready.was_ready
    assert pod.ready_since == 3
    assert pod.running_since == 1


def test_events_are_counted_up() -> None:
    """A repeated event is one event with the API's count and the time of its first observation."""
    story = Story().pod().at(1).event("BackOff", "restarting").at(5).event("BackOff", "restarting", count=3)
    (pod,) = story.timeline.pods_of(CANARY.key)

    (event,) = story.timeline.events_about(pod.uid)

    assert (event.at, event.count, event.container) == (1, 3, "canary")


def test_hostile_shapes_are_read_as_empty() -> None:
    """Objects without the expected fields are read as empty."""
    bodies: list[Body] = [
        {"kind": "Pod", "metadata": [], "status": {"containerStatuses": {"a": 1}}},
        {"kind": "ReplicaSet", "metadata": {"ownerReferences": ["x"]}},
        {"kind": "Event"},
    ]
    timeline = Timeline(tuple(Observation(0, "ADDED", Manifest(body)) for body in bodies))

    assert timeline.pods_of(ObjectKey("Deployment", "x")) == ()
    assert timeline.events_about("x") == ()
    assert len(timeline.live()) == 3


def pod_with(status: Body, **metadata: str) -> Manifest:
    """Return a pod whose container ``canary`` has *status*."""
    return Manifest(
        {
            "kind": "Pod",
            "metadata": {"name": "one", "uid": "u", **metadata},
            "spec": {"containers": [{"name": "canary"}]},
            "status": {"containerStatuses": [{"name": "canary", **status}]},
        }
    )


ENDED: Body = {
    "containerID": "containerd://1",
    "exitCode": 139,
    "reason": "Error",
    "signal": 11,
    "message": "segmentation fault",
    "startedAt": "2026-01-01T00:00:01Z",
    "finishedAt": "2026-01-01T00:00:02Z",
}


def test_a_termination_tells_all_that_the_pod_does() -> None:
    """A termination has the container, code, signal, reason, message and times from the kubelet."""
    history = PodHistory("u", (Observation(2.5, "MODIFIED", pod_with({"state": {"terminated": ENDED}})),))

    assert history.terminations("canary") == (
        Termination(
            pod="one",
            pod_uid="u",
            container="canary",
            container_id="containerd://1",
            exit_code=139,
            reason="Error",
            signal=11,
            message="segmentation fault",
            started_at="2026-01-01T00:00:01Z",
            finished_at="2026-01-01T00:00:02Z",
            at=2.5,
            going=False,
        ),
    )
    assert history.terminations("other") == ()


def test_a_run_that_ended_with_its_pod_is_told_as_such() -> None:
    """A run that ended with its pod is marked, from the pod's last version or its deletion."""
    ended = {"state": {"terminated": ENDED}}
    gone = PodHistory("u", (Observation(3, "DELETED", pod_with(ended)),))
    going = PodHistory("u", (Observation(3, "MODIFIED", pod_with(ended, deletionTimestamp="2026-01-01T00:00:03Z")),))

    assert [history.terminations("canary")[0].going for history in (gone, going)] == [True, True]


def test_runs_are_told_apart_by_the_id_of_their_container() -> None:
    """Runs are distinguished by container id, even within one second, and a run keeps its id in all reports."""
    again = {"state": {"terminated": ENDED | {"containerID": "containerd://2"}}, "lastState": {"terminated": ENDED}}
    reworded = {"state": {"terminated": ENDED | {"startedAt": "2026-01-01T00:00:00Z"}}}
    history = PodHistory(
        "u", tuple(Observation(at, "MODIFIED", pod_with(status)) for at, status in ((1, reworded), (2, again)))
    )

    assert [(end.container_id, end.at) for end in history.terminations("canary")] == [
        ("containerd://1", 1),
        ("containerd://2", 2),
    ]


def test_runs_come_in_the_order_in_which_they_ended() -> None:
    """The runs are ordered by their ends: ``lastState`` before ``state``, and a run without an end time first."""
    later = ENDED | {"containerID": "2", "finishedAt": "2026-01-01T00:00:09Z"}
    timeless = {"exitCode": 128, "containerID": "3"}
    versions = (
        {"state": {"terminated": later}, "lastState": {"terminated": ENDED}},
        {"state": {"terminated": timeless}},
    )
    history = PodHistory(
        "u", tuple(Observation(float(at), "MODIFIED", pod_with(each)) for at, each in enumerate(versions))
    )

    assert [end.exit_code for end in history.terminations("canary")] == [128, 139, 139]
    assert [end.container_id for end in history.terminations("canary")] == ["3", "containerd://1", "2"]


def test_a_moment_tells_the_state_of_a_container() -> None:
    """A container is waiting, running or terminated at a given time, or none of them without a state."""
    waiting: Body = {
        "ready": False,
        "restartCount": 3,
        "state": {"waiting": {"reason": "CrashLoopBackOff", "message": "10 s"}},
    }
    running: Body = {"ready": True, "restartCount": 4, "state": {"running": {}}}
    ended: Body = {"state": {"terminated": ENDED}}
    versions = [
        Observation(float(at), "MODIFIED", pod_with(each)) for at, each in enumerate((waiting, running, ended, {}))
    ]

    quiet = ContainerMoment(3.0, running=False, ready=False, waiting="", message="", restarts=0, terminated=False)
    assert PodHistory("u", tuple(versions)).moments("canary") == (
        replace(quiet, at=0.0, waiting="CrashLoopBackOff", message="10 s", restarts=3),
        replace(quiet, at=1.0, running=True, ready=True, restarts=4),
        replace(quiet, at=2.0, terminated=True),
        quiet,
    )


def event(**fields: object) -> Body:
    """Return an event about the container ``canary`` of a pod."""
    about = {"uid": "u", "fieldPath": "spec.containers{canary}"}
    return {"kind": "Event", "metadata": {"name": "e", "uid": "e"}, "involvedObject": about, **fields}


def about(*bodies: Body) -> tuple[Event, ...]:
    """Return the events about the pod ``u``, of which one version is observed per second."""
    return Timeline(
        tuple(Observation(float(at), "ADDED", Manifest(each)) for at, each in enumerate(bodies))
    ).events_about("u")


def test_an_event_tells_all_that_it_says() -> None:
    """An event has the object, container, component, reason, message and count that the API reports.

    Without these, it is one event of no container.
    """
    told = event(reason="BackOff", message="restarting", count=7, source={"component": "kubelet"})
    told["involvedObject"] |= {"kind": "Pod", "name": "one", "namespace": "sre"}
    bare = {"kind": "Event", "metadata": {"name": "b", "uid": "b"}, "involvedObject": {"uid": "u"}}

    assert about(told, bare) == (
        Event(0.0, ObjectKey("Pod", "one"), "u", "canary", "kubelet", "BackOff", "restarting", 7),
        Event(1.0, ObjectKey("", ""), "u", "", "", "", "", 1, last=1.0),
    )


def test_events_are_counted_in_a_series_too() -> None:
    """The larger of an event's count and its series' count applies, because the newer API uses the series."""
    assert [each.count for each in about(event(series={"count": 5}, count=2))] == [5]
    assert [each.count for each in about(event(series={"count": 2}, count=5))] == [5]


def test_an_event_about_an_init_container_names_it() -> None:
    """The name of an init container is read from the braces in the event's field path."""
    path = {"involvedObject": {"uid": "u", "fieldPath": "spec.initContainers{setup}"}}

    assert [each.container for each in about(event() | path)] == ["setup"]


def test_events_about_others_or_that_expired_are_left_out() -> None:
    """Events about other objects, and deletions of expired events, are left out.

    The API server deletes events after an hour.
    """
    expired = Timeline((Observation(1, "DELETED", Manifest(event())),))

    assert expired.events_about("u") == ()
    assert about(event() | {"involvedObject": {"uid": "other"}}) == ()


def test_messages_are_those_of_events_once_each() -> None:
    """Messages come from events only, each once. Those of a kubelet can contain text of a chart."""
    bodies = (
        event(message="b"),
        event(message="a"),
        event(message="b"),
        {"kind": "ConfigMap", "message": "c"},
        event(message="d", source={"component": "kubelet"}),
    )

    assert Timeline(tuple(Observation(0, "ADDED", Manifest(each)) for each in bodies)).messages == ("b", "a")


def test_a_pod_counts_the_restarts_of_all_its_containers() -> None:
    """The restarts of a pod include those of init containers, and an invalid count is left out."""
    statuses = {
        "containerStatuses": [{"restartCount": 2}, {"restartCount": "9"}],
        "initContainerStatuses": [{"restartCount": 1}],
    }
    pod = Manifest({"kind": "Pod", "metadata": {"name": "one", "uid": "u"}, "status": statuses})

    assert PodHistory("u", (Observation(0, "ADDED", pod),)).restarts == 3


def test_a_pod_runs_since_all_of_its_containers_do() -> None:
    """A pod runs since all of its containers run. A missing container or status means that it does not run."""
    story = Story().at(1).pod()
    (waiting,) = story.timeline.pods_of(CANARY.key)
    both: Body = {"containerStatuses": [{"state": {"running": {}}}, {"state": {"waiting": {}}}]}
    half = Manifest({"kind": "Pod", "metadata": {"name": "one", "uid": "u"}, "status": both})
    empty = Manifest({"kind": "Pod", "metadata": {"name": "one", "uid": "u"}})

    assert waiting.running_since is None
    assert PodHistory("u", (Observation(0, "ADDED", half),)).running_since is None
    assert PodHistory("u", (Observation(0, "ADDED", empty),)).running_since is None


def test_what_the_scheduler_says_is_of_the_last_version() -> None:
    """The scheduler's message comes from the last version of the pod, and is gone once it has a node."""
    story = Story().at(1).pod().at(2).unschedulable("no room").at(3).again()
    (pending,) = story.timeline.pods_of(CANARY.key)
    (placed,) = story.at(4).running().timeline.pods_of(CANARY.key)

    assert (pending.unschedulable_since, pending.scheduling) == (2, "no room")
    assert (placed.unschedulable_since, placed.scheduling) == (None, "")


def test_a_state_that_was_there_from_the_first_version_on_counts_from_it() -> None:
    """A state in the first observed version counts from that observation."""
    pod = pod_with({"state": {"running": {}}})
    pod.body["status"]["conditions"] = [{"type": "Ready", "status": "True"}]
    history = PodHistory("u", (Observation(3, "ADDED", pod), Observation(4, "MODIFIED", pod)))

    assert (history.ready_since, history.running_since, history.was_ready) == (3, 3, True)


def test_objects_of_other_kinds_are_no_pods_and_no_events() -> None:
    """Objects of other kinds are no pods or events, even with the same name, owner or subject."""
    owner = {"kind": "ReplicaSet", "uid": f"uid-ReplicaSet-{CANARY.name}-1", "name": "x"}
    claim: Body = {"kind": "Claim", "metadata": {"name": "one", "uid": "c", "ownerReferences": [owner]}}
    lease: Body = event() | {"kind": "Lease"}
    timeline = Story().pod().observe(claim).observe(lease).timeline

    assert [pod.uid for pod in timeline.pods_of(CANARY.key)] == ["uid-Pod-one"]
    assert [each.object.kind for each in timeline.versions("Pod", "one")] == ["Pod"]
    assert timeline.events_about("u") == ()


def test_newer_components_name_themselves_in_another_field() -> None:
    """The component of an event is in the older field, or else in the newer one."""
    newer, both = event(reportingComponent="kubelet"), event(reportingComponent="x", source={"component": "scheduler"})

    assert [each.component for each in (*about(newer), *about(both))] == ["kubelet", "scheduler"]
