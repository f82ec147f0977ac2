"""Records the changes in the cluster, with one watch per kind for the whole run, in one timeline per namespace."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import partial
from types import TracebackType
from typing import Literal, Protocol, Self

import msgspec

from canaryproof.errors import InfrastructureError
from canaryproof.kube.api_connection import GONE
from canaryproof.kube.client import ExpiredError, Listing
from canaryproof.kube.resources import EVENTS, PODS, Resource
from canaryproof.kube.running_cluster import Vitals
from canaryproof.model.objects import BODIES, Body, Manifest, ObjectKey
from canaryproof.model.timeline import Change, Observation, Timeline
from canaryproof.redaction import LAST_APPLIED
from canaryproof.system.background import in_background
from canaryproof.system.logs import logger_of
from canaryproof.system.wait import Clock, Signal, Ticks
from canaryproof.timeouts import TimeLimits

WATCHED = (
    PODS,
    Resource("Deployment", "/apis/apps/v1", "deployments"),
    Resource("ReplicaSet", "/apis/apps/v1", "replicasets"),
    Resource("StatefulSet", "/apis/apps/v1", "statefulsets"),
    Resource("DaemonSet", "/apis/apps/v1", "daemonsets"),
    Resource("Service", "/api/v1", "services"),
    Resource("EndpointSlice", "/apis/discovery.k8s.io/v1", "endpointslices"),
    EVENTS,
    Resource("ServiceAccount", "/api/v1", "serviceaccounts"),
)
_LOG = logger_of(__name__)


class OpenWatch(Protocol):
    """The methods of a watch that the recorder uses. `canaryproof.kube.client.Watch` implements them."""

    def __iter__(self) -> Iterator[bytes]:
        """Yield each line, which is a JSON document."""
        ...

    def close(self) -> None:
        """End the iteration at once, from any thread."""
        ...


class Source(Protocol):
    """The source of changes. `canaryproof.kube.client.KubeClient` implements it."""

    def list(self, resource: Resource) -> Listing:
        """Return all objects of a kind."""
        ...

    def watch(self, resource: Resource, version: str) -> OpenWatch:
        """Open a watch for changes after *version*."""
        ...


class Recording:
    """The recording of one namespace, from its creation on."""

    def __init__(self, clock: Clock = time) -> None:
        """Start an empty recording."""
        self.changes = Signal()
        """Announces every change, and every fault of the cluster, to one waiting thread. Others use `listen`."""
        self._clock = clock
        self._began = clock.monotonic()
        self._lock = threading.Lock()
        self._observations: list[Observation] = []
        self._timeline = Timeline()
        self._live: dict[ObjectKey, _Identity] = {}
        self._listeners: list[Callable[[], None]] = [self.changes.announce]

    @property
    def now(self) -> float:
        """Return the seconds since the recording began."""
        return self._clock.monotonic() - self._began

    @property
    def quiet(self) -> float:
        """Return the seconds since the last change, or since the recording began if there was none."""
        with self._lock:
            return self.now - (self._observations[-1].at if self._observations else 0.0)

    @property
    def timeline(self) -> Timeline:
        """Return all observations so far."""
        with self._lock:
            if len(self._timeline.observations) != len(self._observations):
                self._timeline = Timeline(tuple(self._observations))
            return self._timeline

    def listen(self, announce: Callable[[], None]) -> None:
        """Register *announce*, which is called after every change, in the thread that observed the change."""
        self._listeners.append(announce)

    def announce(self) -> None:
        """Notify all that wait for a change."""
        for announce in tuple(self._listeners):
            announce()

    def record(self, change: Change, body: Body) -> None:
        """Record one change of one object."""
        with self._lock:
            self._add(change, body)
        self.announce()

    def replace(self, kind: str, bodies: Iterable[Body]) -> None:
        """Update the objects of *kind* from a new list. An object that is not in the list was deleted unobserved."""
        with self._lock:
            listed = {_key(body): body for body in bodies}
            for key, (_, _, last) in tuple(self._live.items()):
                if key.kind == kind and key not in listed:
                    self._add("DELETED", last)
            for body in listed.values():
                self._add("MODIFIED", body)
        self.announce()

    def _add(self, change: Change, body: Body) -> None:
        """Add a change if it is new. A list and a watch, or two watches, may report the same change twice."""
        key, identity = _key(body), _identity(body)
        known = self._live.get(key)
        if change == "DELETED":
            if known and known[0] == identity[0]:
                del self._live[key]
                self._append(change, body)
            return
        if known and known[:2] == identity[:2]:
            return
        if known and known[0] != identity[0]:
            self._append("DELETED", known[2])
            known = None
        self._live[key] = identity
        self._append("MODIFIED" if known else "ADDED", body)

    def _append(self, change: Change, body: Body) -> None:
        self._observations.append(Observation(self.now, change, Manifest(body)))


class Recorder:
    """Watches the cluster for the length of a ``with`` block, with one thread per kind.

    If a kind can no longer be watched, the recorder reports a fault of the cluster to its vitals.
    """

    def __init__(
        self,
        source: Source,
        vitals: Vitals,
        *,
        watched: tuple[Resource, ...] = WATCHED,
        time_limits: TimeLimits,
        clock: Clock = time,
    ) -> None:
        """Prepare to watch the kinds *watched*. Watching starts with the ``with`` block."""
        self._source = source
        self._vitals = vitals
        self._patience = time_limits.request
        self._pause = Ticks(time_limits.look_again)
        self._clock = clock
        self._lock = threading.Lock()
        self._closing = False
        self._watches: set[OpenWatch] = set()
        self._recordings: dict[str, Recording] = {}
        self._watched = watched
        self._threads = ExitStack()
        vitals.listen(self.announce)

    def __enter__(self) -> Self:
        """Start watching."""
        for each in self._watched:
            self._threads.enter_context(in_background(f"watch-{each.plural}", partial(self._run, _Feed(each))))
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """End every watch at once."""
        with self._lock:
            self._closing = True
            watches = tuple(self._watches)
        for watch in watches:
            watch.close()
        self._threads.close()

    @contextmanager
    def open(self, namespace: str) -> Iterator[Recording]:
        """Record *namespace*, which does not exist yet, until the end of the ``with`` block."""
        recording = Recording(self._clock)
        self._recordings[namespace] = recording
        try:
            yield recording
        finally:
            del self._recordings[namespace]

    def announce(self) -> None:
        """Notify all that wait for a change in any namespace, although none has changed."""
        for recording in tuple(self._recordings.values()):
            recording.announce()

    def _run(self, feed: _Feed, _: threading.Event) -> None:
        try:
            self._follow(feed)
        finally:
            if not self._closing:
                self._vitals.fail(f"{feed.resource.plural} are no longer watched: {feed.error or 'see the traceback'}")

    def _follow(self, feed: _Feed) -> None:
        """List, then watch. List again whenever a new watch cannot continue where the previous one ended."""
        feed.reached = self._clock.monotonic()
        while not self._closing:
            try:
                if not feed.version:
                    self._list(feed)
                self._watch(feed)
            except ExpiredError as error:
                _LOG.info("listing %s again: %s", feed.resource.plural, error)
                feed.version = ""
            except InfrastructureError as error:
                feed.error = str(error)
                _LOG.info("watching %s again: %s", feed.resource.plural, error)
                if self._clock.monotonic() - feed.reached > self._patience:
                    return
                self._pause.wait(self._patience)

    def _list(self, feed: _Feed) -> None:
        listing = self._source.list(feed.resource)
        by_namespace: dict[str, list[Body]] = {namespace: [] for namespace in tuple(self._recordings)}
        for item in listing.items:
            namespace = _HEADS.decode(item).metadata.namespace
            if namespace in by_namespace:
                by_namespace[namespace].append(body_of(feed.resource, item))
        for namespace, bodies in by_namespace.items():
            if recording := self._recordings.get(namespace):
                recording.replace(feed.resource.kind, bodies)
        feed.version = listing.version

    def _watch(self, feed: _Feed) -> None:
        """Follow one watch to its end."""
        watch = self._source.watch(feed.resource, feed.version)
        with self._lock:
            self._watches.add(watch)
            if self._closing:
                watch.close()
        try:
            feed.reached = self._clock.monotonic()
            for line in watch:
                self._take(feed, line)
                feed.reached = self._clock.monotonic()
        finally:
            with self._lock:
                self._watches.discard(watch)
            watch.close()

    def _take(self, feed: _Feed, line: bytes) -> None:
        """Record one line of a watch. Drops objects of namespaces without a recording before they are decoded."""
        event = _LINES.decode(line)
        if event.type == "ERROR":
            status = _STATUSES.decode(event.object)
            raise (ExpiredError if status.code == GONE else InfrastructureError)(status.message)
        head = _HEADS.decode(event.object).metadata
        recording = self._recordings.get(head.namespace)
        if recording and event.type != "BOOKMARK":
            recording.record(event.type, body_of(feed.resource, event.object))
        feed.version = head.resource_version


@dataclass
class _Feed:
    """The progress of the watch of one kind."""

    resource: Resource
    version: str = ""
    reached: float = 0.0
    error: str = ""


_Identity = tuple[str, str, Body]
"""The UID and the resource version of an object, and its last observed state."""


class _Line(msgspec.Struct):
    type: Change | Literal["BOOKMARK", "ERROR"]
    object: msgspec.Raw


class _HeadMeta(msgspec.Struct, rename="camel"):
    namespace: str = ""
    resource_version: str = ""


class _Head(msgspec.Struct):
    metadata: _HeadMeta


class _Status(msgspec.Struct):
    code: int = 0
    message: str = ""


_LINES = msgspec.json.Decoder(_Line)
_HEADS = msgspec.json.Decoder(_Head)
_STATUSES = msgspec.json.Decoder(_Status)


def body_of(resource: Resource, text: msgspec.Raw) -> Body:
    """Return an object from a list or a watch, without fields that no analysis needs.

    Adds the kind and the API version, which the items of a list do not have.
    """
    body: Body = {"kind": resource.kind, "apiVersion": resource.api.removeprefix("/apis/").removeprefix("/api/")}
    body |= BODIES.decode(text)
    body["metadata"].pop("managedFields", None)
    body["metadata"].get("annotations", {}).pop(LAST_APPLIED, None)
    return body


def _key(body: Body) -> ObjectKey:
    metadata = body["metadata"]
    return ObjectKey(body["kind"], metadata["name"], metadata.get("namespace", ""))


def _identity(body: Body) -> _Identity:
    metadata = body["metadata"]
    return metadata.get("uid", ""), metadata.get("resourceVersion", ""), body
