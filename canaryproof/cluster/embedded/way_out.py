"""The way out for images: a proxy on the host that containerd alone is told of, at a socket in the run folder.

The cluster has no network but its own, and its pods are to have none: only what pulls images gets to a registry, and as
this machine would, by the user's own proxies.  It takes what RFC 9110 calls CONNECT, and absolute URLs.
"""

from __future__ import annotations

import base64
import socket
import socketserver
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from urllib.parse import SplitResult, unquote, urlsplit

from canaryproof.cluster.embedded.inside.gateway import join, short_path
from canaryproof.cluster.upstream import Upstream

NAME = "way-out"
_PORTS = {"http": 80, "https": 443}
_WAIT = 30.0
"""Seconds for a connection to come about."""
_HOP_BY_HOP = ("connection", "keep-alive", "proxy-authorization", "proxy-connection")
_MOST = 16 * 1024
"""Bytes of a proxy's answer before the tunnel."""


@contextmanager
def way_out(folder: Path, upstream: Upstream) -> Iterator[Path]:
    """Serve the proxy for the length of the block; yield its socket, which lies in *folder*."""
    place = folder / NAME
    with short_path(place) as address, _Server(address, upstream) as server:
        thread = threading.Thread(target=server.serve_forever, name="way-out", daemon=True)
        thread.start()
        try:
            yield place
        finally:
            server.shutdown()
            thread.join()
            place.unlink(missing_ok=True)


class _Server(socketserver.ThreadingMixIn, socketserver.UnixStreamServer):
    daemon_threads = True

    def __init__(self, address: str, upstream: Upstream) -> None:
        self.upstream = upstream
        super().__init__(address, _Handler)


class _Handler(BaseHTTPRequestHandler):
    server: _Server
    protocol_version = "HTTP/1.1"

    def log_message(self, format: str, *arguments: object) -> None:  # noqa: A002  # the name http.server calls
        """Keep quiet about answers; what could not be pulled stands in the events of its pod."""

    def do_CONNECT(self) -> None:
        """Let the client talk to its server itself."""
        url = urlsplit(f"https://{self.path}")
        proxy = self._proxy(url)
        if outside := self._open(url, proxy):
            if proxy and (refusal := _tunnel(outside, self.path, proxy)):
                outside.close()
                self.send_error(HTTPStatus.BAD_GATEWAY, refusal)
                return
            self.send_response_only(HTTPStatus.OK, "Connection established")
            self.end_headers()
            self._join(outside)

    def do_GET(self) -> None:
        """Ask on behalf of the client; pulling takes no more than GET and HEAD."""
        url = urlsplit(self.path)
        proxy = self._proxy(url)
        if outside := self._open(url, proxy):
            path = url._replace(scheme="", netloc="").geturl() or "/"
            head = [f"{self.command} {self.path if proxy else path} HTTP/1.1"]
            head += [f"{name}: {value}" for name, value in self.headers.items() if name.lower() not in _HOP_BY_HOP]
            head += [*_authorization(proxy), "Connection: close"]
            outside.sendall("\r\n".join([*head, "", ""]).encode("latin-1"))
            self._join(outside)

    do_HEAD = do_GET  # noqa: N815  # the name http.server calls

    def _proxy(self, url: SplitResult) -> SplitResult | None:
        found = self.server.upstream.proxy_for(url.scheme, url.netloc)
        return urlsplit(found if "//" in found else f"//{found}", "http") if found else None

    def _open(self, url: SplitResult, proxy: SplitResult | None) -> socket.socket | None:
        """Return a connection to the next hop; None where the client has been told that there is none."""
        self.close_connection = True
        hop = proxy or url
        try:
            connection = socket.create_connection((hop.hostname or "", hop.port or _PORTS[hop.scheme]), timeout=_WAIT)
        except (OSError, KeyError, ValueError) as error:
            self.send_error(HTTPStatus.BAD_GATEWAY, f"no way to {hop.netloc}: {error}".splitlines()[0])
            return None
        connection.settimeout(None)
        return connection

    def _join(self, outside: socket.socket) -> None:
        self.wfile.flush()
        join(self.connection, outside)


def _tunnel(connection: socket.socket, target: str, proxy: SplitResult) -> str:
    """Have *proxy* at the other end of *connection* lead it to *target*; return why it does not, empty when it does."""
    head = [f"CONNECT {target} HTTP/1.1", f"Host: {target}", *_authorization(proxy), "", ""]
    connection.sendall("\r\n".join(head).encode("latin-1"))
    answer = b""
    while b"\r\n\r\n" not in answer and len(answer) < _MOST and (more := connection.recv(1)):
        answer += more  # a byte at a time: what follows the head belongs to the client
    status = answer.partition(b"\r\n")[0].decode("latin-1")
    return "" if status.split()[1:2] == ["200"] else f"{proxy.hostname} says {status or 'nothing'}"


def _authorization(proxy: SplitResult | None) -> list[str]:
    if not (proxy and proxy.username):
        return []
    account = f"{unquote(proxy.username)}:{unquote(proxy.password or '')}"
    return [f"Proxy-Authorization: Basic {base64.b64encode(account.encode()).decode('ascii')}"]
