"""The one module that knows the ``kubernetes`` package: raw JSON over its connections and credentials."""

from __future__ import annotations

import errno
import logging
import re
import ssl
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from email.utils import parsedate_to_datetime
from pathlib import Path
from typing import Any, Self
from urllib.parse import quote, urlencode, urlsplit

import msgspec
import urllib3
from kubernetes.client import ApiClient, Configuration
from kubernetes.config import ConfigException, load_kube_config
from kubernetes.utils import parse_quantity

from canaryproof.errors import CanaryproofError, InfrastructureError, UsageError
from canaryproof.model.evidence import Unanswered
from canaryproof.model.objects import BODIES, Body, text_at, value_at
from canaryproof.redaction import Redactor, kubeconfig_values
from canaryproof.system.logs import CleanLog, logger_of
from canaryproof.timeouts import TimeLimits

OK = 200
REDIRECT = 300
BAD_REQUEST, UNAUTHORIZED, FORBIDDEN, NOT_FOUND, CONFLICT, GONE, BUSY = 400, 401, 403, 404, 409, 410, 429
UNPROCESSABLE = 422
LOOPBACK = ("127.0.0.1", "::1", "localhost")
LOST_LOG = (b"unable to retrieve container logs for ", b"failed to try resolving symlinks in path ")
"""What the kubelet answers, as a log and with success, where the container was removed meanwhile."""
ENOUGH_OF_AN_ANSWER = 4096
"""Bytes of an answer to a probe that are read: its status says all, its text is for the message."""


_LOG = logger_of(__name__)


class ExpiredError(CanaryproofError):
    """The API server no longer has the changes since the version that was asked for (410 Gone): list again."""


@dataclass(frozen=True)
class Resource:
    """Where the objects of one kind live in the API: *api* is ``/api/v1`` or ``/apis/GROUP/VERSION``."""

    kind: str
    api: str
    plural: str
    namespaced: bool = True

    def path(self, namespace: str = "", name: str = "") -> str:
        """Return the path of one object, or of all of them where *name* is empty."""
        scope = f"/namespaces/{quote(namespace, safe='')}" if namespace and self.namespaced else ""
        return f"{self.api}{scope}/{self.plural}" + (f"/{quote(name, safe='')}" if name else "")


NAMESPACES = Resource("Namespace", "/api/v1", "namespaces", namespaced=False)
LEASES = Resource("Lease", "/apis/coordination.k8s.io/v1", "leases")
NODES = Resource("Node", "/api/v1", "nodes", namespaced=False)
RIGHTS = Resource(
    "SelfSubjectAccessReview", "/apis/authorization.k8s.io/v1", "selfsubjectaccessreviews", namespaced=False
)
PODS = Resource("Pod", "/api/v1", "pods")
SECRETS = Resource("Secret", "/api/v1", "secrets")
SERVICES = Resource("Service", "/api/v1", "services")
ROLES = Resource("Role", "/apis/rbac.authorization.k8s.io/v1", "roles")
ROLE_BINDINGS = Resource("RoleBinding", "/apis/rbac.authorization.k8s.io/v1", "rolebindings")
NETWORK_POLICIES = Resource("NetworkPolicy", "/apis/networking.k8s.io/v1", "networkpolicies")
RESOURCE_QUOTAS = Resource("ResourceQuota", "/api/v1", "resourcequotas")
LIMIT_RANGES = Resource("LimitRange", "/api/v1", "limitranges")

API_VERSION = re.compile(r"([a-z0-9][a-z0-9.-]*/)?[a-z0-9]+")
"""``v1`` and ``apps/v1``: what else somebody writes into an object must not become the path of a request."""


def quantity(text: str) -> Decimal:
    """Return the number that *text* stands for (Kubernetes API, "Quantity"): 0.5 for ``500m``, 1024 for ``1Ki``.

    Raises InfrastructureError when *text* is not a quantity: the API server validates those that it stores.
    """
    try:
        return Decimal(parse_quantity(text))  # type: ignore[no-untyped-call]  # the package types its generated part only
    except ValueError as error:
        raise InfrastructureError(f"the Kubernetes API reported {text!r}, which is not a quantity") from error


@dataclass(frozen=True)
class Listing:
    """The objects of one kind at one moment; *version* is where a watch goes on from."""

    version: str
    items: tuple[msgspec.Raw, ...]


class Watch:
    """An open watch: iterate over its lines, one JSON document each, until the server or `close` ends it."""

    def __init__(self, response: urllib3.BaseHTTPResponse) -> None:
        """Read from *response*, which this watch owns from now on."""
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
        with suppress(RuntimeError, ValueError, OSError):  # it has ended by itself meanwhile
            self._response.shutdown()


class _Socket(ssl.SSLSocket):
    """A socket that is closed where Python up to 3.11 leaves it open: the peer hung up before the TLS handshake.

    ``SSLSocket._create`` asks for the peer's name first, and takes ENOTCONN for a socket that will be connected later;
    what it raises then leaves an open socket behind (python/cpython, fixed in 3.12).
    """

    def getpeername(self) -> Any:
        """Return the peer's name.

        Raises ConnectionResetError when there is no peer any more.
        """
        try:
            return super().getpeername()
        except OSError as error:
            self.close()
            raise ConnectionResetError(errno.ECONNRESET, "the server hung up before the TLS handshake") from error


class KubeClient:
    """Requests to one API server, from any thread; each has a time limit.

    Every method raises InfrastructureError when the API server cannot be reached or refuses for a reason of its own.
    """

    def __init__(self, kubeconfig: Path, context: str, durations: TimeLimits) -> None:
        """Read the credentials of *context*.

        Raises UsageError when the kubeconfig does not have them.
        """
        configuration = Configuration()
        try:
            with _clean_log():
                load_kube_config(  # type: ignore[no-untyped-call]  # the package types its generated part only
                    str(kubeconfig), context, client_configuration=configuration, persist_config=False
                )
        except ConfigException as error:
            raise UsageError(f"kubeconfig {kubeconfig}, context {context!r}: {error}") from error
        if urlsplit(configuration.host).hostname in LOOPBACK:
            configuration.proxy = None  # as Helm does: no proxy leads back to this machine
        configuration.connection_pool_maxsize = 64  # connections kept, not a limit
        self._api = ApiClient(configuration)
        self._pool: urllib3.PoolManager = self._api.rest_client.pool_manager
        try:
            self._pool.connection_pool_kw["ssl_context"] = _tls(self._pool.connection_pool_kw)
        except OSError as error:
            raise UsageError(f"kubeconfig {kubeconfig}, context {context!r}: its certificates: {error}") from error
        self.context = context
        self._host: str = configuration.host.rstrip("/")
        self._durations = durations
        self.has_credentials = bool(configuration.api_key or configuration.cert_file or configuration.username)
        """Whether the kubeconfig, or a command that it names, gave any."""
        self._redactor = Redactor(self.credentials)
        self._kinds: dict[str, dict[str, Resource]] = {}
        self._discovering = threading.Lock()

    @property
    def credentials(self) -> frozenset[str]:
        """Return the tokens and the password with which requests are made; not the keys, which are in files."""
        configuration = self._api.configuration
        tokens = [each.removeprefix("Bearer ").strip() for each in configuration.api_key.values() if each]
        return kubeconfig_values([{"token": tokens}, {"password": configuration.password or ""}])

    def close(self) -> None:
        """Close the idle connections."""
        self._pool.clear()

    def resource(self, api_version: str, kind: str) -> Resource | None:
        """Return where objects of *kind* live, or None when the API server has no such kind."""
        if not API_VERSION.fullmatch(api_version):
            return None
        api = f"/apis/{api_version}" if "/" in api_version else f"/api/{api_version}"
        with self._discovering:
            if api not in self._kinds:
                self._kinds[api] = self._discover(api)
            return self._kinds[api].get(kind)

    def get(self, resource: Resource, name: str, namespace: str = "") -> Body | None:
        """Return one object as it is now, or None when there is none."""
        status, text = self._ask("GET", resource.path(namespace, name), allowed=(NOT_FOUND,))
        return None if status == NOT_FOUND else BODIES.decode(text)

    def list(self, resource: Resource, namespace: str = "", labels: str = "") -> Listing:
        """Return all objects of a kind, in one namespace or in all, or those that the selector *labels* picks."""
        _, text = self._ask("GET", resource.path(namespace), query={"labelSelector": labels} if labels else None)
        listing = _LISTS.decode(text)
        return Listing(listing.metadata.resource_version, tuple(listing.items or ()))

    def watch(self, resource: Resource, version: str) -> Watch:
        """Open a watch of all objects of a kind for what happened after *version*; the caller closes it.

        Raises ExpiredError when the API server no longer knows *version*.
        """
        query = {
            "watch": "true",
            "allowWatchBookmarks": "true",
            "resourceVersion": version,
            "timeoutSeconds": f"{self._durations.watch:.0f}",
        }
        limit = self._durations.watch + self._durations.request
        try:
            response = self._open("GET", resource.path(), query=query, read=limit)
            if response.status == OK:
                return Watch(response)
            text = response.data
        except urllib3.exceptions.HTTPError as error:
            raise self._unreachable(error) from error
        if response.status == GONE:
            raise ExpiredError(f"{resource.plural} since version {version}: {_message(response.status, text)}")
        raise self._refused("GET", resource.path(), response.status, text)

    def create_namespace(self, name: str, labels: Mapping[str, str]) -> str | None:
        """Create a namespace; return its uid, or None when there is one of that name already."""
        body = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name, "labels": dict(labels)}}
        status, text = self._ask("POST", NAMESPACES.path(), body=body, allowed=(CONFLICT,))
        return None if status == CONFLICT else text_at(BODIES.decode(text), "metadata", "uid")

    def create(self, resource: Resource, body: Body, namespace: str = "") -> bool:
        """Create an object; return whether it is new."""
        status, _ = self._ask("POST", resource.path(namespace), body=body, allowed=(CONFLICT,))
        return status != CONFLICT

    def try_out(self, resource: Resource, body: Body, namespace: str = "") -> Body:
        """Return what an object would be if it were created; none is."""
        _, text = self._ask("POST", resource.path(namespace), query={"dryRun": "All"}, body=body)
        return BODIES.decode(text)

    def refusal(self, resource: Resource, body: Body, namespace: str = "", *, user: str = "") -> str:
        """Return why the API server would not create an object (a dry run); empty where it would.

        It is asked as *user*, by impersonation, where one is given.
        """
        refused = (BAD_REQUEST, FORBIDDEN, CONFLICT, UNPROCESSABLE)
        status, text = self._ask(
            "POST", resource.path(namespace), query={"dryRun": "All"}, body=body, allowed=refused, user=user
        )
        return _message(status, text) if status in refused else ""

    def delete(self, resource: Resource, name: str, namespace: str = "") -> None:
        """Delete an object; it need not exist."""
        self._ask("DELETE", resource.path(namespace, name), allowed=(NOT_FOUND,))

    def delete_namespace(self, name: str, uid: str) -> None:
        """Ask for the end of a namespace and return at once; it need not exist, and another of its name stays."""
        body = {"preconditions": {"uid": uid}} if uid else None
        self._ask("DELETE", NAMESPACES.path(name=name), body=body, allowed=(NOT_FOUND, CONFLICT))

    def delete_now(self, resource: Resource, name: str, namespace: str) -> None:
        """Delete an object without a grace period, and leave to the cluster what it owns; it need not exist."""
        query = {"gracePeriodSeconds": "0", "propagationPolicy": "Background"}
        self._ask("DELETE", resource.path(namespace, name), query=query, allowed=(NOT_FOUND, CONFLICT))

    def patch(self, resource: Resource, name: str, namespace: str, body: Body) -> bool:
        """Merge *body* into an object; return whether it exists."""
        status, _ = self._ask("PATCH", resource.path(namespace, name), body=body, allowed=(NOT_FOUND,))
        return status != NOT_FOUND

    def may(self, verb: str, group: str, plural: str) -> bool:
        """Report whether the account may do *verb* with objects of a kind, ``pods/log`` being one, in all namespaces.

        No object comes of the question.
        """
        kind, _, part = plural.partition("/")
        asked = {"verb": verb, "group": group, "resource": kind, "subresource": part}
        body = {"apiVersion": "authorization.k8s.io/v1", "kind": RIGHTS.kind, "spec": {"resourceAttributes": asked}}
        _, text = self._ask("POST", RIGHTS.path(), body=body)
        return value_at(BODIES.decode(text), "status", "allowed") is True

    def version(self) -> str:
        """Return the version of the API server, ``1.37.2``."""
        _, text = self._ask("GET", "/version")
        return text_at(BODIES.decode(text), "gitVersion").removeprefix("v")

    def now(self) -> datetime:
        """Return the time of the API server, which all who use it share; to the second."""
        response = self._answered("GET", "/version")
        return parsedate_to_datetime(response.headers["Date"])

    def drop_finalizers(self, resource: Resource, name: str, namespace: str) -> None:
        """Let an object of our own namespace go, whatever it waits for; it need not exist."""
        path = resource.path(namespace, name)
        self._ask("PATCH", path, body={"metadata": {"finalizers": None}}, allowed=(NOT_FOUND,))

    def logs(self, namespace: str, pod: str, container: str, *, previous: bool, lines: int, size: int) -> str:
        """Return the last *lines* of a container, at most *size* bytes of them; empty when there is no log."""
        query = {
            "container": container,
            "previous": str(previous).lower(),
            "tailLines": str(lines),
            "limitBytes": str(size),
        }
        path = f"{PODS.path(namespace, pod)}/log"
        status, text = self._ask("GET", path, query=query, allowed=(BAD_REQUEST, NOT_FOUND), read=self._durations.logs)
        lost = status != OK or text.startswith(LOST_LOG)
        return "" if lost else text.decode(errors="replace")

    def visit(self, namespace: str, service: str, port: int) -> Unanswered | None:
        """Request ``/`` of a Service through the API server; return why it was no success, None when it was one."""
        path = f"/api/v1/namespaces/{namespace}/services/{service}:{port}/proxy/"
        limit = self._durations.probe_timeout
        try:
            response = self._open("GET", path, read=limit, retries=False)
            text = response.read(ENOUGH_OF_AN_ANSWER)
        except urllib3.exceptions.ReadTimeoutError:
            return Unanswered(f"no answer within {limit:g} s", timed_out=True)
        except urllib3.exceptions.HTTPError as error:
            raise self._unreachable(error) from error
        if len(text) == ENOUGH_OF_AN_ANSWER:
            response.close()
        else:
            response.release_conn()
        if response.status in {UNAUTHORIZED, FORBIDDEN, BUSY} and _is_status(text):
            raise self._refused("GET", path, response.status, text)
        return None if OK <= response.status < BAD_REQUEST else Unanswered(_message(response.status, text))

    def _refused(self, method: str, path: str, status: int, text: bytes) -> InfrastructureError:
        message = self._redactor.text(_message(status, text))
        return InfrastructureError(f"the Kubernetes API refused {method} {path}: {message} (HTTP {status})")

    def _unreachable(self, error: urllib3.exceptions.HTTPError) -> InfrastructureError:
        cause = error.reason if isinstance(error, urllib3.exceptions.MaxRetryError) else error
        said = self._redactor.text(f"the Kubernetes API at {self._host} cannot be reached: {cause}")
        return InfrastructureError(f"{said}; does the cluster still run?")

    def _discover(self, api: str) -> dict[str, Resource]:
        status, text = self._ask("GET", api, allowed=(NOT_FOUND,))
        found = [] if status == NOT_FOUND else _RESOURCES.decode(text).resources
        return {
            each.kind: Resource(each.kind, api, each.name, each.namespaced) for each in found if "/" not in each.name
        }

    def _ask(
        self,
        method: str,
        path: str,
        *,
        query: Mapping[str, str] | None = None,
        body: Body | None = None,
        allowed: tuple[int, ...] = (),
        read: float | None = None,
        user: str = "",
    ) -> tuple[int, bytes]:
        response = self._answered(method, path, query=query, body=body, read=read, user=user)
        if OK <= response.status < REDIRECT or response.status in allowed:
            return response.status, response.data
        raise self._refused(method, path, response.status, response.data)

    def _answered(
        self,
        method: str,
        path: str,
        *,
        query: Mapping[str, str] | None = None,
        body: Body | None = None,
        read: float | None = None,
        user: str = "",
    ) -> urllib3.BaseHTTPResponse:
        """Return an answer whose text has been read."""
        limit = read or self._durations.request
        try:
            response = self._open(method, path, query=query, body=body, read=limit, user=user)
            response.read(cache_content=True)
        except urllib3.exceptions.HTTPError as error:
            raise self._unreachable(error) from error
        return response

    def _open(
        self,
        method: str,
        path: str,
        *,
        read: float,
        query: Mapping[str, str] | None = None,
        body: Body | None = None,
        retries: bool = True,
        user: str = "",
    ) -> urllib3.BaseHTTPResponse:
        headers = {"Accept": "application/json", "User-Agent": "canaryproof"}
        if user:
            headers["Impersonate-User"] = user
        if body is not None:
            headers["Content-Type"] = "application/merge-patch+json" if method == "PATCH" else "application/json"
        self._api.update_params_for_auth(headers, [], ["BearerToken"], path, method, body)
        return self._pool.request(
            method,
            f"{self._host}{path}" + (f"?{urlencode(query)}" if query else ""),
            body=None if body is None else msgspec.json.encode(body),
            headers=headers,
            timeout=urllib3.Timeout(connect=self._durations.request, read=read),
            retries=_Retry(2) if retries else False,
            redirect=False,
            preload_content=False,
        )


class _Retry(urllib3.Retry):
    """Logs each request that is repeated."""

    def increment(self, method: str | None = None, url: str | None = None, *args: Any, **kwargs: Any) -> Self:
        following = super().increment(method, url, *args, **kwargs)
        _LOG.info("repeating %s %s: %s", method, url, kwargs.get("error"))
        return following


@contextmanager
def _clean_log() -> Iterator[None]:
    """Keep the output of a command for credentials out of the log: the package logs it where the command fails."""
    root, clean = logging.getLogger(), CleanLog()
    root.addFilter(clean)
    try:
        yield
    finally:
        root.removeFilter(clean)


def _tls(given: dict[str, Any]) -> ssl.SSLContext:
    """Return one context for all connections, with the certificates that are taken out of *given*, for urllib3."""
    context = urllib3.util.ssl_.create_urllib3_context(cert_reqs=given["cert_reqs"])
    context.sslsocket_class = _Socket
    authority, data = given.pop("ca_certs"), given.pop("ca_cert_data")
    if authority or data:
        context.load_verify_locations(authority, cadata=data)
    else:
        context.load_default_certs()
    certificate, key = given.pop("cert_file"), given.pop("key_file")
    if certificate:
        context.load_cert_chain(certificate, key)
    return context


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


class _Status(msgspec.Struct):
    kind: str = ""
    message: str = ""


_LISTS = msgspec.json.Decoder(_List)
_RESOURCES = msgspec.json.Decoder(_Resources)
_STATUSES = msgspec.json.Decoder(_Status)


def _status(text: bytes) -> _Status:
    try:
        return _STATUSES.decode(text)
    except msgspec.MsgspecError:
        return _Status()


def _is_status(text: bytes) -> bool:
    return _status(text).kind == "Status"


def _message(status: int, text: bytes) -> str:
    return _status(text).message or f"HTTP {status}"
