"""The recorder records every change once and in order, whatever happens to its connections."""

from __future__ import annotations

import queue
import threading
from collections.abc import Iterator
from typing import Any

import msgspec
import pytest

from canaryproof.errors import InfrastructureError
from canaryproof.kube.client import ExpiredError, Listing
from canaryproof.kube.recorder import Recorder, Recording
from canaryproof.kube.resources import PODS, Resource
from canaryproof.kube.running_cluster import Vitals
from canaryproof.system.wait import Signal, Ticks, wait_for
from canaryproof.timeouts import TimeLimits

SOON = 5.0
PATIENCE = TimeLimits(request=0.3, look_again=0.01)


def pod(name: str, version: int, *, uid: str = "", namespace: str = "lab") -> dict[str, Any]:
    """Return a minimal pod."""
    return {
        "kind": "Pod",
        "apiVersion": "v1",
        "metadata": {"name": name, "namespace": namespace, "uid": uid or name, "resourceVersion": str(version)},
    }


def raw(body: dict[str, Any]) -> msgspec.Raw:
    """Encode as the API server does."""
    return msgspec.Raw(msgspec.json.encode(body))


class FakeWatch:
    """A watch that yields what the test queues. An exception in the queue is raised, and None ends the watch."""

    def __init__(self) -> None:
        """Start with an empty queue."""
        self.lines: queue.Queue[bytes | BaseException | None] = queue.Queue()

    def tell(self, change: str, body: dict[str, Any]) -> None:
        """Queue one change."""
        self.lines.put(msgspec.json.encode({"type": change, "object": body}))

    def __iter__(self) -> Iterator[bytes]:
        """Yield until the end of the watch."""
        while (line := self.lines.get()) is not None:
            if isinstance(line, BaseException):
                raise line
            yield line

    def close(self) -> None:
        """End the iteration."""
        self.lines.put(None)


class FakeSource:
    """An API server with one kind, whose lists and watches the test prepares in order."""

    def __init__(self, *lists: Listing) -> None:
        """Return *lists* in turn, and repeat the last one."""
        self._lists = list(lists) or [Listing("1", ())]
        self.watches: queue.Queue[FakeWatch] = queue.Queue()
        self.versions: list[str] = []

    def list(self, resource: Resource) -> Listing:
        """Return the next list."""
        del resource
        return self._lists.pop(0) if len(self._lists) > 1 else self._lists[0]

    def watch(self, resource: Resource, version: str) -> FakeWatch:
        """Open the next watch."""
        del resource
        self.versions.append(version)
        watch = FakeWatch()
        self.watches.put(watch)
        return watch


def seen(recording: Recording) -> list[tuple[str, str, str]]:
    """Return the recorded changes in short form."""
    return [
        (each.change, each.object.body["metadata"]["name"], each.object.body["metadata"]["resourceVersion"])
        for each in recording.timeline.observations
    ]


def recorded(count: int, recording: Recording) -> list[tuple[str, str, str]]:
    """Wait until *recording* has *count* observations."""
    wait_for(
        f"{count} observations",
        lambda: len(recording.timeline.observations) >= count or None,
        within=SOON,
        changes=recording.changes,
        seen=lambda: str(seen(recording)),
    )
    return seen(recording)


def test_changes_of_the_namespace_are_recorded_in_order() -> None:
    """The recorder keeps the changes of its namespace in order, and leaves out other namespaces and bookmarks."""
    source = FakeSource()
    with (
        Recorder(source, Vitals(), watched=(PODS,), time_limits=TimeLimits()) as recorder,
        recorder.open("lab") as recording,
    ):
        watch = source.watches.get(timeout=SOON)
        noisy = pod("a", 2)
        noisy["metadata"]["managedFields"] = [{"manager": "kubelet"}]
        watch.tell("ADDED", pod("elsewhere", 1, namespace="other"))
        watch.tell("ADDED", noisy)
        watch.tell("BOOKMARK", {"metadata": {"resourceVersion": "3"}})
        watch.tell("MODIFIED", pod("a", 4))
        watch.tell("DELETED", pod("a", 5))

        assert recorded(3, recording) == [("ADDED", "a", "2"), ("MODIFIED", "a", "4"), ("DELETED", "a", "5")]
        assert "managedFields" not in recording.timeline.observations[0].object.body["metadata"]


def test_a_watch_goes_on_where_it_ended() -> None:
    """The recorder resumes an ended or broken watch at its last version, without duplicates."""
    source = FakeSource(Listing("7", ()))
    with (
        Recorder(source, Vitals(), watched=(PODS,), time_limits=PATIENCE) as recorder,
        recorder.open("lab") as recording,
    ):
        first = source.watches.get(timeout=SOON)
        first.tell("ADDED", pod("a", 8))
        first.close()
        second = source.watches.get(timeout=SOON)
        second.tell("ADDED", pod("a", 8))
        second.tell("MODIFIED", pod("a", 9))
        second.lines.put(InfrastructureError("connection reset"))
        source.watches.get(timeout=SOON).tell("DELETED", pod("a", 10))

        assert recorded(3, recording) == [("ADDED", "a", "8"), ("MODIFIED", "a", "9"), ("DELETED", "a", "10")]
        assert source.versions == ["7", "8", "9"]


def test_what_vanished_unseen_is_recorded_as_deleted() -> None:
    """The recorder lists again after 410 Gone, and records missed deletions, replacements, changes and additions."""
    after = (raw(pod("kept", 2)), raw(pod("changed", 12)), raw(pod("replaced", 13, uid="new")), raw(pod("born", 14)))
    source = FakeSource(Listing("1", ()), Listing("20", after))
    with (
        Recorder(source, Vitals(), watched=(PODS,), time_limits=TimeLimits()) as recorder,
        recorder.open("lab") as recording,
    ):
        watch = source.watches.get(timeout=SOON)
        for version, name in enumerate(("kept", "changed", "replaced", "vanished"), start=2):
            watch.tell("ADDED", pod(name, version))
        watch.lines.put(ExpiredError("too old"))

        assert recorded(9, recording)[4:] == [
            ("DELETED", "vanished", "5"),
            ("MODIFIED", "changed", "12"),
            ("DELETED", "replaced", "4"),
            ("ADDED", "replaced", "13"),
            ("ADDED", "born", "14"),
        ]


def test_an_error_event_410_lists_again() -> None:
    """The recorder lists again after an ERROR event with code 410 in a watch (API concepts, "410 Gone responses")."""
    source = FakeSource(Listing("1", ()), Listing("20", (raw(pod("a", 19)),)))
    with (
        Recorder(source, Vitals(), watched=(PODS,), time_limits=TimeLimits()) as recorder,
        recorder.open("lab") as recording,
    ):
        source.watches.get(timeout=SOON).tell("ERROR", {"kind": "Status", "code": 410, "message": "too old"})

        assert recorded(1, recording) == [("ADDED", "a", "19")]


def test_a_deletion_of_what_was_never_seen_is_no_news() -> None:
    """The recorder ignores the deletion of an object of an earlier namespace with the same name."""
    source = FakeSource()
    with (
        Recorder(source, Vitals(), watched=(PODS,), time_limits=TimeLimits()) as recorder,
        recorder.open("lab") as recording,
    ):
        watch = source.watches.get(timeout=SOON)
        watch.tell("DELETED", pod("old", 2))
        watch.tell("ADDED", pod("new", 3))

        assert recorded(1, recording) == [("ADDED", "new", "3")]


class DeadSource(FakeSource):
    """An API server that no longer answers."""

    def list(self, resource: Resource) -> Listing:
        """Raise an error."""
        raise InfrastructureError(f"no {resource.plural} today")


def test_a_kind_that_can_no_longer_be_watched_is_a_fault_of_the_cluster() -> None:
    """The recorder reports a kind that cannot be watched as a cluster fault after a while, and wakes all waiters."""
    vitals = Vitals()
    with (
        Recorder(DeadSource(), vitals, watched=(PODS,), time_limits=PATIENCE) as recorder,
        recorder.open("lab") as recording,
    ):
        fault = wait_for("fault", lambda: vitals.fault or None, within=SOON, changes=recording.changes)

    assert fault == "pods are no longer watched: no pods today"


def test_a_short_outage_is_forgiven() -> None:
    """The recorder tolerates one broken connection after a long quiet watch."""
    source, vitals = FakeSource(), Vitals()
    with (
        Recorder(source, vitals, watched=(PODS,), time_limits=TimeLimits(request=0.05, look_again=0.01)) as recorder,
        recorder.open("lab") as recording,
    ):
        watch = source.watches.get(timeout=SOON)
        Ticks(0.2).wait(1)
        watch.tell("ADDED", pod("a", 2))
        watch.lines.put(InfrastructureError("connection reset"))
        source.watches.get(timeout=SOON).tell("MODIFIED", pod("a", 3))

        assert recorded(2, recording) == [("ADDED", "a", "2"), ("MODIFIED", "a", "3")]
    assert vitals.fault == ""


def test_the_end_leaves_no_thread_behind() -> None:
    """The recorder ends silent watches and their threads with its block, without a fault."""
    vitals, before = Vitals(), threading.active_count()
    source = FakeSource()

    with Recorder(source, vitals, watched=(PODS,), time_limits=TimeLimits()):
        source.watches.get(timeout=SOON)

    assert threading.active_count() == before
    assert vitals.fault == ""


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_a_thread_that_dies_of_a_defect_is_reported() -> None:
    """The recorder reports a defect in one of its threads, so that no one waits forever."""
    source, vitals = FakeSource(), Vitals()
    with (
        Recorder(source, vitals, watched=(PODS,), time_limits=TimeLimits()) as recorder,
        recorder.open("lab") as recording,
    ):
        source.watches.get(timeout=SOON).lines.put(b"no JSON")

        fault = wait_for("fault", lambda: vitals.fault or None, within=SOON, changes=recording.changes)

    assert "pods are no longer watched" in fault


def test_several_waiters_hear_of_a_change() -> None:
    """The recorder wakes all waiters after a change."""
    recording = Recording()
    other = Signal()
    recording.listen(other.announce)

    recording.record("ADDED", pod("a", 1))

    for signal in (recording.changes, other):
        wait_for("news", lambda: seen(recording) or None, within=SOON, changes=signal)
    assert recording.timeline is recording.timeline
