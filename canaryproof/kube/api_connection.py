"""Sends requests to an API server, with raw JSON and the connections and credentials of the ``kubernetes`` package."""

from __future__ import annotations

import errno
import logging
import ssl
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Self
from urllib.parse import urlencode, urlsplit

import msgspec
import urllib3

from canaryproof.errors import InfrastructureError, UsageError
from canaryproof.model.objects import Body
from canaryproof.redaction import Redactor, kubeconfig_values
from canaryproof.system.logs import CleanLog, logger_of
from canaryproof.timeouts import TimeLimits

OK, REDIRECT = 200, 300
BAD_REQUEST, UNAUTHORIZED, FORBIDDEN, NOT_FOUND, CONFLICT, GONE = 400, 401, 403, 404, 409, 410
UNPROCESSABLE, BUSY = 422, 429
PROXIES = frozenset({"http", "https"})
LOOPBACK = ("127.0.0.1", "::1", "localhost")
_LOG = logger_of(__name__)


class Connection:
    """Thread-safe connections to one API server. Each request has a time limit."""

    def __init__(self, kubeconfig: Path, context: str, time_limits: TimeLimits) -> None:
        """Read the credentials of *context* from *kubeconfig*.

        Raises UsageError when the kubeconfig does not provide usable credentials.
        """
        # This import takes longer than all others together. Here, it overlaps with the start of the embedded cluster.
        from kubernetes.client import ApiClient, Configuration  # noqa: PLC0415
        from kubernetes.config import ConfigException, load_kube_config  # noqa: PLC0415

        configuration = Configuration()
        of_environment, configuration.proxy = configuration.proxy, None
        try:
            with _clean_log():
                load_kube_config(  # type: ignore[no-untyped-call]  # the package types its generated part only
                    str(kubeconfig), context, client_configuration=configuration, persist_config=False
                )
        except ConfigException as error:
            raise UsageError(f"kubeconfig {kubeconfig}, context {context!r}: {error}") from error
        if configuration.proxy:
            if (scheme := urlsplit(str(configuration.proxy)).scheme) not in PROXIES:
                raise UsageError(
                    f"kubeconfig {kubeconfig}, context {context!r}: expected a proxy-url that begins with http:// or"
                    f" https://, saw {scheme}://",
                    "use an HTTP proxy, or a tunnel to the API server",
                )
            configuration.no_proxy = None  # client-go, and so Helm, takes the proxy-url of a kubeconfig in any case
        elif urlsplit(configuration.host).hostname not in LOOPBACK:
            configuration.proxy = of_environment  # such a proxy cannot reach the loopback address of this machine
        configuration.connection_pool_maxsize = 64  # the number of idle connections to keep, not a limit
        self._api = ApiClient(configuration)
        self._pool: urllib3.PoolManager = self._api.rest_client.pool_manager
        try:
            self._pool.connection_pool_kw["ssl_context"] = _tls(self._pool.connection_pool_kw)
        except OSError as error:
            raise UsageError(f"kubeconfig {kubeconfig}, context {context!r}: its certificates: {error}") from error
        self._host: str = configuration.host.rstrip("/")
        self._time_limits = time_limits
        self.has_credentials = bool(configuration.api_key or configuration.cert_file or configuration.username)
        """Whether the kubeconfig, or a command that it names, provided any credentials."""
        self._redactor = Redactor(self.credentials)

    @property
    def credentials(self) -> frozenset[str]:
        """Return the tokens and the password that requests use. Excludes private keys, which are in files."""
        configuration = self._api.configuration
        tokens = [each.removeprefix("Bearer ").strip() for each in configuration.api_key.values() if each]
        return kubeconfig_values([{"token": tokens}, {"password": configuration.password or ""}])

    def close(self) -> None:
        """Close the idle connections."""
        self._pool.clear()

    def ask(
        self,
        method: str,
        path: str,
        *,
        query: Mapping[str, str] | None = None,
        body: Body | None = None,
        allowed: tuple[int, ...] = (),
        read: float | None = None,
        user: str = "",
        content_type: str = "",
    ) -> urllib3.BaseHTTPResponse:
        """Send a request and return the complete answer.

        *allowed* lists status codes that are accepted in addition to success. *read* is the time limit for the answer
        in seconds. If *user* is given, the request impersonates that user.

        Raises InfrastructureError when there is no answer, or its status is not accepted.
        """
        limit = read or self._time_limits.request
        try:
            response = self.open(method, path, query=query, body=body, read=limit, user=user, content_type=content_type)
            response.read(cache_content=True)
        except urllib3.exceptions.HTTPError as error:
            raise self.unreachable(error) from error
        if OK <= response.status < REDIRECT or response.status in allowed:
            return response
        raise self.refused(method, path, response.status, response.data)

    def open(
        self,
        method: str,
        path: str,
        *,
        read: float,
        query: Mapping[str, str] | None = None,
        body: Body | None = None,
        retries: bool = True,
        user: str = "",
        content_type: str = "",
    ) -> urllib3.BaseHTTPResponse:
        """Send a request and return the answer, with any status, before its body has arrived.

        Raises urllib3's HTTPError when there is no answer.
        """
        headers = {"Accept": "application/json", "User-Agent": "canaryproof"}
        if user:
            headers["Impersonate-User"] = user
        if body is not None:
            usual = "application/merge-patch+json" if method == "PATCH" else "application/json"
            headers["Content-Type"] = content_type or usual
        self._api.update_params_for_auth(headers, [], ["BearerToken"], path, method, body)
        return self._pool.request(
            method,
            f"{self._host}{path}" + (f"?{urlencode(query)}" if query else ""),
            body=None if body is None else msgspec.json.encode(body),
            headers=headers,
            timeout=urllib3.Timeout(connect=self._time_limits.request, read=read),
            retries=_Retry(2) if retries else False,
            redirect=False,
            preload_content=False,
        )

    def refused(self, method: str, path: str, status: int, text: bytes) -> InfrastructureError:
        """Return the error for an answer that is not a success."""
        message = self._redactor.text(message_of(status, text))
        return InfrastructureError(f"the Kubernetes API refused {method} {path}: {message} (HTTP {status})")

    def unreachable(self, error: urllib3.exceptions.HTTPError) -> InfrastructureError:
        """Return the error for a request without an answer."""
        cause = error.reason if isinstance(error, urllib3.exceptions.MaxRetryError) else error
        said = self._redactor.text(f"the Kubernetes API at {self._host} cannot be reached: {cause}")
        return InfrastructureError(f"{said}; does the cluster still run?")


class _Socket(ssl.SSLSocket):
    """A TLS socket that is closed when the peer disconnects before the TLS handshake.

    Python up to 3.11 leaves the socket open in this case. ``SSLSocket._create`` first calls ``getpeername``, and takes
    ENOTCONN for a socket that will be connected later. The error that it raises afterwards leaves an open socket behind
    (python/cpython, fixed in 3.12).
    """

    def getpeername(self) -> Any:
        """Return the address of the peer.

        Raises ConnectionResetError when the peer has disconnected.
        """
        try:
            return super().getpeername()
        except OSError as error:
            self.close()
            raise ConnectionResetError(errno.ECONNRESET, "the server hung up before the TLS handshake") from error


class _Retry(urllib3.Retry):
    """Logs each retry of a request."""

    def increment(self, method: str | None = None, url: str | None = None, *args: Any, **kwargs: Any) -> Self:
        following = super().increment(method, url, *args, **kwargs)
        _LOG.info("repeating %s %s: %s", method, url, kwargs.get("error"))
        return following


@contextmanager
def _clean_log() -> Iterator[None]:
    """Keep the output of a credentials command out of the log. If it fails, the ``kubernetes`` package logs it."""
    root, clean = logging.getLogger(), CleanLog()
    root.addFilter(clean)
    try:
        yield
    finally:
        root.removeFilter(clean)


def _tls(given: dict[str, Any]) -> ssl.SSLContext:
    """Return one TLS context for all connections.

    *given* are the settings of urllib3's pool. The certificates move from there to the context.
    """
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


class _Status(msgspec.Struct):
    kind: str = ""
    message: str = ""


_STATUSES = msgspec.json.Decoder(_Status)


def _status(text: bytes) -> _Status:
    try:
        return _STATUSES.decode(text)
    except msgspec.MsgspecError:
        return _Status()


def is_status(text: bytes) -> bool:
    """Report whether an answer comes from the API server itself (kind ``Status``), not from a server behind it."""
    return _status(text).kind == "Status"


def message_of(status: int, text: bytes) -> str:
    """Return the message of an answer that is not a success, or else its status."""
    return _status(text).message or f"HTTP {status}"
