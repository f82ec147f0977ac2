"""Serves a proxy on the host through which containerd pulls images, at a Unix socket in the run folder.

The cluster has no network but its own, and pods must not reach the outside. Only containerd is configured to use the
proxy. The proxy connects as this machine would, through the user's own proxies. It accepts CONNECT requests (RFC 9110)
and requests with absolute URLs.

The proxy connects only to the registries of the run (`canaryproof.model.registries`), and only to addresses of the
public internet unless the user has named the host. An image or the realm of a token therefore cannot choose another
host. If a registry redirects to another host, containerd sends a new request to the proxy.
"""

from __future__ import annotations

import base64
import re
import socket
import socketserver
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from email.message import Message
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from urllib.parse import SplitResult, unquote, urlsplit

from canaryproof.cluster.embedded.supervisor.forwarding import copy_answer, join, short_path
from canaryproof.cluster.image_sources import Upstream
from canaryproof.model.registries import Endpoint, Grant, Refusal, is_public
from canaryproof.redaction import redacted
from canaryproof.system.background import in_background

NAME = "way-out"
_PORTS = {"http": 80, "https": 443}
_HOP_BY_HOP = frozenset(
    (
        *("connection", "content-length", "expect", "host", "keep-alive", "proxy-authorization", "proxy-connection"),
        *("te", "trailer", "transfer-encoding", "upgrade"),
    )
)
_MOST = 16 * 1024
"""The maximum size of a proxy's response head, in bytes."""


@contextmanager
def way_out(folder: Path, upstream: Upstream, within: float) -> Iterator[Path]:
    """Serve the proxy for the length of the block, and yield the path of its socket in *folder*.

    *within* is the timeout of a connection attempt to a registry, in seconds.
    """
    place = folder / NAME
    with short_path(place) as address, _Server(address, upstream, within) as server:
        try:
            with in_background("way-out", lambda _: server.serve_forever(), server.shutdown):
                yield place
        finally:
            place.unlink(missing_ok=True)


class _Server(socketserver.ThreadingMixIn, socketserver.UnixStreamServer):
    daemon_threads = True

    def __init__(self, address: str, upstream: Upstream, within: float) -> None:
        self.upstream = upstream
        self.within = within
        self.registries = upstream.allowed
        super().__init__(address, _Handler)


class _Handler(BaseHTTPRequestHandler):
    server: _Server
    protocol_version = "HTTP/1.1"

    def log_message(self, format: str, *arguments: object) -> None:  # noqa: A002  # the name http.server calls
        """Log nothing: pod events report failed pulls."""

    def do_CONNECT(self) -> None:
        """Open a tunnel between the client and its server."""
        if not (grant := self._granted("https", self.path)):
            return
        target = str(grant.endpoint)
        proxy = self._proxy("https", target)
        if outside := self._open(grant, proxy):
            if proxy and (refusal := _tunnel(outside, target, proxy)):
                outside.close()
                self.send_error(HTTPStatus.BAD_GATEWAY, refusal)
                return
            self.send_response_only(HTTPStatus.OK, "Connection established")
            self.end_headers()
            self.wfile.flush()
            join(self.connection, outside)

    def do_GET(self) -> None:
        """Forward a GET or HEAD request, the only methods that a pull needs.

        Copies only the response: a further request on the same connection would bypass the check.
        """
        url = _url(self.path)
        if url is None or url.scheme != "http":
            self._refuse(Refusal("malformed"))
            return
        if not (grant := self._granted("http", url.netloc)):
            return
        proxy = self._proxy("http", str(grant.endpoint))
        if outside := self._open(grant, proxy):
            path = f"{url.path or '/'}{f'?{url.query}' if url.query else ''}"
            target = f"http://{grant.endpoint}{path}" if proxy else path
            head = [f"{self.command} {target} HTTP/1.1", f"Host: {url.netloc}", *_passed_on(self.headers)]
            head += [*_authorization(proxy), "Connection: close"]
            outside.sendall("\r\n".join([*head, "", ""]).encode("latin-1"))
            self.wfile.flush()
            copy_answer(outside, self.connection)

    do_HEAD = do_GET  # noqa: N815  # the name http.server calls

    def _granted(self, scheme: str, target: str) -> Grant | None:
        """Return the permission to connect to *target*. Otherwise, send the refusal to the client and return None."""
        self.close_connection = True
        answer = self.server.registries.check(scheme, target)
        if isinstance(answer, Grant):
            return answer
        self._refuse(answer)
        return None

    def _refuse(self, refusal: Refusal) -> None:
        self.close_connection = True
        self.send_error(HTTPStatus.FORBIDDEN, str(refusal))

    def _proxy(self, scheme: str, host: str) -> SplitResult | None:
        found = self.server.upstream.proxy_for(scheme, host)
        return urlsplit(found if "//" in found else f"//{found}", "http") if found else None

    def _open(self, grant: Grant, proxy: SplitResult | None) -> socket.socket | None:
        """Return a connection to the next hop. On failure, send an error to the client and return None.

        The address of a proxy is not checked, because the user has chosen it.
        """
        try:
            hop = Endpoint(proxy.hostname or "", proxy.port or _PORTS[proxy.scheme]) if proxy else grant.endpoint
        except (KeyError, ValueError):  # its message would quote the URL, perhaps a part of the password
            self.send_error(HTTPStatus.BAD_GATEWAY, "no way out: the URL of the proxy is malformed")
            return None
        try:
            addresses = _addresses(hop)
            if not (proxy or grant.configured or all(map(is_public, addresses))):
                self._refuse(Refusal("address", hop.host, hop.port))
                return None
            connection = _connected(addresses, hop.port, self.server.within)
        except (OSError, UnicodeError) as error:
            self.send_error(HTTPStatus.BAD_GATEWAY, redacted(f"no way to {hop}: {error}".splitlines()[0]))
            return None
        connection.settimeout(None)
        return connection


def _url(text: str) -> SplitResult | None:
    try:
        return urlsplit(text)
    except ValueError:
        return None


def _addresses(hop: Endpoint) -> list[str]:
    """Return all addresses of a host. Checks and connections use this one result, even if the DNS answer changes."""
    found = socket.getaddrinfo(hop.host, hop.port, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(address[0]) for *_, address in found))


def _connected(addresses: Sequence[str], port: int, within: float) -> socket.socket:
    """Connect to the first of *addresses* that answers. Raises the error of the last one if none does."""
    *others, last = addresses
    for address in others:
        with suppress(OSError):
            return socket.create_connection((address, port), timeout=within)
    return socket.create_connection((last, port), timeout=within)


def _passed_on(headers: Message) -> list[str]:
    """Return the header lines to forward. Drops hop-by-hop and body headers, and those with CR, LF or NUL."""
    return [
        f"{name}: {value}"
        for name, value in headers.items()
        if name.lower() not in _HOP_BY_HOP and not re.search(r"[\r\n\0]", f"{name}{value}")
    ]


def _tunnel(connection: socket.socket, target: str, proxy: SplitResult) -> str:
    """Ask *proxy*, to which *connection* leads, for a tunnel to *target*. Return the reason of a failure, or ``""``."""
    head = [f"CONNECT {target} HTTP/1.1", f"Host: {target}", *_authorization(proxy), "", ""]
    connection.sendall("\r\n".join(head).encode("latin-1"))
    answer = b""
    while b"\r\n\r\n" not in answer and len(answer) < _MOST and (more := connection.recv(1)):
        answer += more  # byte by byte: the data after the head belongs to the client
    status = answer.partition(b"\r\n")[0].decode("latin-1")
    return "" if status.split()[1:2] == ["200"] else redacted(f"{proxy.hostname} says {status or 'nothing'}")


def _authorization(proxy: SplitResult | None) -> list[str]:
    if not (proxy and proxy.username):
        return []
    account = f"{unquote(proxy.username)}:{unquote(proxy.password or '')}"
    return [f"Proxy-Authorization: Basic {base64.b64encode(account.encode()).decode('ascii')}"]
