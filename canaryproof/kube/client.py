"""Reads, watches, creates, changes and deletes objects through the API server, as raw JSON."""

from __future__ import annotations

import re
import threading
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from email.utils import parsedate_to_datetime
from pathlib import Path

import msgspec
import urllib3

from canaryproof.errors import CanaryproofError, InfrastructureError
from canaryproof.kube import service_visit
from canaryproof.kube.api_connection import (
    BAD_REQUEST,
    CONFLICT,
    FORBIDDEN,
    GONE,
    NOT_FOUND,
    OK,
    UNPROCESSABLE,
    Connection,
    message_of,
)
from canaryproof.kube.resources import NAMESPACES, PODS, RIGHTS, Resource
from canaryproof.model.evidence import Unanswered
from canaryproof.model.objects import BODIES, Body, text_at, value_at
from canaryproof.timeouts import TimeLimits

LOST_LOG = (b"unable to retrieve container logs for ", b"failed to try resolving symlinks in path ")
"""The first bytes of the text that kubelet returns with status 200, in place of a log, if the container was removed
in the meantime."""
FIELD_MANAGER = "canaryproof"
APPLY = "application/apply-patch+yaml"
"""The content type of server-side apply. JSON is YAML."""
API_VERSION = re.compile(r"([a-z0-9][a-z0-9.-]*/)?[a-z0-9]+")
"""The pattern of ``apiVersion``, such as ``v1`` or ``apps/v1``.

An object can contain any text there. Text that does not match must not become part of a request's path.
"""


class ExpiredError(CanaryproofError):
    """The API server no longer has the changes since the requested version (410 Gone). The caller must list again."""


@dataclass(frozen=True)
class Listing:
    """The objects of one kind at one time. A watch continues from *version*."""

    version: str
    items: tuple[msgspec.Raw, ...]


class Watch:
    """An open watch. Iterate over its lines, each a JSON document, until the server or `close` ends the watch."""

    def __init__(self, response: urllib3.BaseHTTPResponse) -> None:
        """Read from *response*. The watch takes ownership of it."""
        self._response = response
        self._closing = False

    def __iter__(self) -> Iterator[bytes]:
        """Yield each line as soon as it is complete.

        Raises InfrastructureError when the connection breaks.
        """
        rest = b""
        try:
            for chunk in self._response.stream():
                *lines, rest = (rest + chunk).split(b"\n")
                yield from lines
        except urllib3.exceptions.HTTPError as error:
            if not self._closing:
                raise InfrastructureError(f"a watch of the Kubernetes API broke off: {error}") from error
        finally:
            self._response.close()

    def close(self) -> None:
        """End the iteration at once, from any thread."""
        self._closing = True
        with suppress(RuntimeError, ValueError, OSError):  # the watch has ended in the meantime
            self._response.shutdown()


class KubeClient:
    """A thread-safe client of one API server. Each request has a time limit.

    Every method raises InfrastructureError when the API server cannot be reached, or refuses a request with a status
    that the method does not handle.
    """

    def __init__(self, kubeconfig: Path, context: str, time_limits: TimeLimits) -> None:
        """Read the credentials of *context* from *kubeconfig*.

        Raises UsageError when the kubeconfig does not provide usable credentials.
        """
        self.connection = Connection(kubeconfig, context, time_limits)
        self.context = context
        self._ask = self.connection.ask
        self._time_limits = time_limits
        self._kinds = _Kinds(self.connection)

    def close(self) -> None:
        """Close the idle connections."""
        self.connection.close()

    def resource(self, api_version: str, kind: str) -> Resource | None:
        """Return the resource of *kind*, or None when the API server has no such kind."""
        return self._kinds.find(api_version, kind)

    def get(self, resource: Resource, name: str, namespace: str = "") -> Body | None:
        """Return the current state of an object, or None when it does not exist."""
        answer = self._ask("GET", resource.path(namespace, name), allowed=(NOT_FOUND,))
        return None if answer.status == NOT_FOUND else BODIES.decode(answer.data)

    def list(self, resource: Resource, namespace: str = "", labels: str = "") -> Listing:
        """Return the objects of a kind that match the label selector *labels*, if given.

        Without *namespace*, the result contains objects from all namespaces.
        """
        answer = self._ask("GET", resource.path(namespace), query={"labelSelector": labels} if labels else None)
        listing = _LISTS.decode(answer.data)
        return Listing(listing.metadata.resource_version, tuple(listing.items or ()))

    def watch(self, resource: Resource, version: str) -> Watch:
        """Open a watch for changes after *version* to all objects of a kind. The caller must close the watch.

        Raises ExpiredError when the API server no longer knows *version*.
        """
        query = {
            "watch": "true",
            "allowWatchBookmarks": "true",
            "resourceVersion": version,
            "timeoutSeconds": f"{self._time_limits.watch:.0f}",
        }
        limit = self._time_limits.watch + self._time_limits.request
        try:
            response = self.connection.open("GET", resource.path(), query=query, read=limit)
            if response.status == OK:
                return Watch(response)
            text = response.data
        except urllib3.exceptions.HTTPError as error:
            raise self.connection.unreachable(error) from error
        if response.status == GONE:
            raise ExpiredError(f"{resource.plural} since version {version}: {message_of(response.status, text)}")
        raise self.connection.refused("GET", resource.path(), response.status, text)

    def create_namespace(self, name: str, labels: Mapping[str, str]) -> str | None:
        """Create a namespace and return its UID, or return None when the namespace exists already."""
        body = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name, "labels": dict(labels)}}
        answer = self._ask("POST", NAMESPACES.path(), body=body, allowed=(CONFLICT,))
        return None if answer.status == CONFLICT else text_at(BODIES.decode(answer.data), "metadata", "uid")

    def create(self, resource: Resource, body: Body, namespace: str = "") -> bool:
        """Create an object. Return False when it exists already."""
        answer = self._ask("POST", resource.path(namespace), body=body, allowed=(CONFLICT,))
        return answer.status != CONFLICT

    def try_out(self, resource: Resource, body: Body, namespace: str = "") -> Body:
        """Return the object that the API server would create from *body*. This is a dry run."""
        answer = self._ask("POST", resource.path(namespace), query={"dryRun": "All"}, body=body)
        return BODIES.decode(answer.data)

    def refusal(self, resource: Resource, body: Body, namespace: str = "", *, user: str = "") -> str:
        """Return why the API server would refuse to create an object. Empty if it would not. This is a dry run.

        If *user* is given, the request impersonates that user.
        """
        refused = (BAD_REQUEST, FORBIDDEN, CONFLICT, UNPROCESSABLE)
        answer = self._ask(
            "POST", resource.path(namespace), query={"dryRun": "All"}, body=body, allowed=refused, user=user
        )
        return message_of(answer.status, answer.data) if answer.status in refused else ""

    def apply(self, resource: Resource, name: str, namespace: str, body: Body) -> str:
        """Apply an object on the server's side. Return why the API server refuses it, empty if it does not.

        A field that another manager has set is taken over (Kubernetes, "Server-Side Apply").
        """
        refused = (BAD_REQUEST, FORBIDDEN, NOT_FOUND, CONFLICT, UNPROCESSABLE)
        query = {"fieldManager": FIELD_MANAGER, "force": "true"}
        path = resource.path(namespace, name)
        answer = self._ask("PATCH", path, query=query, body=body, allowed=refused, content_type=APPLY)
        return message_of(answer.status, answer.data) if answer.status in refused else ""

    def delete(self, resource: Resource, name: str, namespace: str = "") -> None:
        """Delete an object, which need not exist."""
        self._ask("DELETE", resource.path(namespace, name), allowed=(NOT_FOUND,))

    def delete_namespace(self, name: str, uid: str) -> None:
        """Request the deletion of a namespace, which need not exist, and return at once.

        If *uid* is not empty, a namespace of the same name with another UID is not deleted.
        """
        body = {"preconditions": {"uid": uid}} if uid else None
        self._ask("DELETE", NAMESPACES.path(name=name), body=body, allowed=(NOT_FOUND, CONFLICT))

    def delete_now(self, resource: Resource, name: str, namespace: str) -> None:
        """Delete an object, which need not exist, without a grace period.

        The cluster deletes its dependents in the background.
        """
        query = {"gracePeriodSeconds": "0", "propagationPolicy": "Background"}
        self._ask("DELETE", resource.path(namespace, name), query=query, allowed=(NOT_FOUND, CONFLICT))

    def patch(self, resource: Resource, name: str, namespace: str, body: Body) -> bool:
        """Merge *body* into an object. Return False when the object does not exist."""
        answer = self._ask("PATCH", resource.path(namespace, name), body=body, allowed=(NOT_FOUND,))
        return answer.status != NOT_FOUND

    def may(self, verb: str, group: str, plural: str) -> bool:
        """Report whether the account may use *verb* on a resource or a subresource (``pods/log``) in all namespaces.

        The API server stores no object for this request.
        """
        kind, _, part = plural.partition("/")
        asked = {"verb": verb, "group": group, "resource": kind, "subresource": part}
        body = {"apiVersion": "authorization.k8s.io/v1", "kind": RIGHTS.kind, "spec": {"resourceAttributes": asked}}
        answer = self._ask("POST", RIGHTS.path(), body=body)
        return value_at(BODIES.decode(answer.data), "status", "allowed") is True

    def version(self) -> str:
        """Return the version of the API server, such as ``1.37.2``."""
        answer = self._ask("GET", "/version")
        return text_at(BODIES.decode(answer.data), "gitVersion").removeprefix("v")

    def now(self) -> datetime:
        """Return the time of the API server, in whole seconds. All clients of the API server share this clock."""
        return parsedate_to_datetime(self._ask("GET", "/version").headers["Date"])

    def drop_finalizers(self, resource: Resource, name: str, namespace: str) -> None:
        """Remove the finalizers of an object, which need not exist, so that its deletion completes.

        Use this only for objects in a namespace of this run.
        """
        path = resource.path(namespace, name)
        self._ask("PATCH", path, body={"metadata": {"finalizers": None}}, allowed=(NOT_FOUND,))

    def logs(self, namespace: str, pod: str, container: str, *, previous: bool, lines: int, size: int) -> str:
        """Return the last *lines* lines of a container's log, at most *size* bytes. Empty when there is no log."""
        query = {
            "container": container,
            "previous": str(previous).lower(),
            "tailLines": str(lines),
            "limitBytes": str(size),
        }
        path = f"{PODS.path(namespace, pod)}/log"
        answer = self._ask("GET", path, query=query, allowed=(BAD_REQUEST, NOT_FOUND), read=self._time_limits.logs)
        lost = answer.status != OK or answer.data.startswith(LOST_LOG)
        return "" if lost else answer.data.decode(errors="replace")

    def visit(self, namespace: str, service: str, port: int, path: str | None = None) -> Unanswered | None:
        """Request *path* of a Service through the API server. Return None on success, or else the failure.

        With a *path*, only a successful response counts. Without one, any answer counts.
        """
        within = self._time_limits.probe_timeout
        return service_visit.visit(self.connection, namespace, service, port, path, within=within)


class _Kinds:
    """The kinds of an API server by group and version. The API server is asked until it knows the kind."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._known: dict[str, dict[str, Resource]] = {}
        self._lock = threading.Lock()

    def find(self, api_version: str, kind: str) -> Resource | None:
        if not API_VERSION.fullmatch(api_version):
            return None
        api = f"/apis/{api_version}" if "/" in api_version else f"/api/{api_version}"
        with self._lock:
            if kind not in self._known.get(api, {}):  # asked again: a definition of the kind can come later
                self._known[api] = self._discover(api)
            return self._known[api].get(kind)

    def _discover(self, api: str) -> dict[str, Resource]:
        answer = self._connection.ask("GET", api, allowed=(NOT_FOUND,))
        found = [] if answer.status == NOT_FOUND else _RESOURCES.decode(answer.data).resources
        return {
            each.kind: Resource(each.kind, api, each.name, each.namespaced) for each in found if "/" not in each.name
        }


class _ListMeta(msgspec.Struct, rename="camel"):
    resource_version: str = ""


class _List(msgspec.Struct):
    metadata: _ListMeta
    items: list[msgspec.Raw] | None = None


class _ApiResource(msgspec.Struct):
    name: str
    kind: str
    namespaced: bool


class _Resources(msgspec.Struct):
    resources: list[_ApiResource] = []


_LISTS = msgspec.json.Decoder(_List)
_RESOURCES = msgspec.json.Decoder(_Resources)
