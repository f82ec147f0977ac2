"""The way out for images: what containerd asks of its proxy is asked as this machine would ask it."""

from __future__ import annotations

import http.client
import socket
import threading
from base64 import b64encode
from collections.abc import Iterator
from contextlib import closing, contextmanager
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from canaryproof.cluster.embedded.inside import gateway
from canaryproof.cluster.embedded.way_out import way_out
from canaryproof.cluster.upstream import Upstream, upstream_of

Seen = list[tuple[str, str, str | None]]


class _Registry(BaseHTTPRequestHandler):
    """Answers everything, and remembers what it was asked: method, target, and by whom."""

    def __init__(self, seen: Seen, *connection: object) -> None:
        self._seen = seen
        super().__init__(*connection)  # type: ignore[arg-type]  # passed through as socketserver gives them

    def log_message(self, format: str, *arguments: object) -> None:  # noqa: A002  # the name http.server calls
        pass

    def do_GET(self) -> None:
        self._seen.append((self.command, self.path, self.headers["Proxy-Authorization"]))
        self.send_response(200)
        self.send_header("Content-Length", "5")
        self.end_headers()
        self.wfile.write(b"layer")

    def do_CONNECT(self) -> None:
        """Play a proxy whose other end is here, too."""
        self._seen.append((self.command, self.path, self.headers["Proxy-Authorization"]))
        self.wfile.write(b"HTTP/1.1 200 go on\r\nX-More: 1\r\n\r\nthrough")


@contextmanager
def serving(seen: Seen) -> Iterator[str]:
    """Serve for the length of the block; yield ``127.0.0.1:PORT``."""
    with ThreadingHTTPServer(("127.0.0.1", 0), partial(_Registry, seen)) as server:
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        yield f"127.0.0.1:{server.server_address[1]}"
        server.shutdown()
        thread.join()


@contextmanager
def connected(folder: Path, upstream: Upstream) -> Iterator[socket.socket]:
    """Lend a connection to the proxy, as it is reached from inside: by a port that leads to the socket."""
    with way_out(folder, upstream) as place:
        entrance = socket.create_server(("127.0.0.1", 0))
        port = entrance.getsockname()[1]
        entrance.close()
        threading.Thread(target=gateway.lead_out, args=(port, place), daemon=True).start()
        yield _patiently(port)


def _patiently(port: int) -> socket.socket:
    """Connect to a port that a thread is about to open."""
    while True:
        try:
            return socket.create_connection(("127.0.0.1", port), timeout=5)
        except ConnectionRefusedError:
            continue


def _get(connection: socket.socket, url: str) -> tuple[int, bytes]:
    client = http.client.HTTPConnection("unused")
    client.sock = connection
    with closing(client):
        client.request("GET", url, headers={"Proxy-Connection": "keep-alive"})
        answer = client.getresponse()
        return answer.status, answer.read()


@pytest.fixture
def deep(tmp_path: Path) -> Path:
    """A folder whose path has no room in the address of a socket."""
    folder = tmp_path / ("f" * 100)
    folder.mkdir()
    return folder


def test_a_registry_is_asked(deep: Path) -> None:
    """Of a plain URL the registry gets to see its path, as if it had been asked at once."""
    seen: Seen = []
    with serving(seen) as registry, connected(deep, Upstream()) as connection:
        assert _get(connection, f"http://{registry}/v2/course/app/manifests/v1?ns=x") == (200, b"layer")

    assert seen == [("GET", "/v2/course/app/manifests/v1?ns=x", None)]
    assert list(deep.iterdir()) == []


def test_a_tunnel_leads_through(deep: Path) -> None:
    """What is said after CONNECT is nobody's but the registry's."""
    seen: Seen = []
    with serving(seen) as registry, connected(deep, Upstream()) as connection, connection:
        connection.sendall(f"CONNECT {registry} HTTP/1.1\r\nHost: {registry}\r\n\r\n".encode())
        assert connection.recv(1000) == b"HTTP/1.1 200 Connection established\r\n\r\n"
        connection.sendall(b"GET /v2/ HTTP/1.0\r\n\r\n")
        assert connection.recv(1000).startswith(b"HTTP/1.0 200")

    assert seen == [("GET", "/v2/", None)]


def test_the_users_proxy_is_used(deep: Path) -> None:
    """Behind a proxy the registry is reached by it, with the user's account; its own answer stays here."""
    seen: Seen = []
    account = f"Basic {b64encode(b'me:p@ss').decode()}"
    with serving(seen) as proxy:
        upstream = Upstream(proxies=dict.fromkeys(("http", "https"), f"http://me:p%40ss@{proxy}"))
        with connected(deep, upstream) as connection:
            assert _get(connection, "http://registry.invalid/v2/") == (200, b"layer")
        with connected(deep, upstream) as connection, connection:
            connection.sendall(b"CONNECT registry.invalid:443 HTTP/1.1\r\n\r\n")
            said = b"".join(iter(lambda: connection.recv(1000), b""))

    assert said == b"HTTP/1.1 200 Connection established\r\n\r\nthrough"
    assert seen == [
        ("GET", "http://registry.invalid/v2/", account),
        ("CONNECT", "registry.invalid:443", account),
    ]


@pytest.mark.parametrize("request_line", [b"CONNECT 127.0.0.1:1", b"GET http://127.0.0.1:1/v2/", b"GET /v2/"])
def test_where_nothing_answers_the_client_is_told(deep: Path, request_line: bytes) -> None:
    """A registry that cannot be reached is an answer, which lands in the events of the pod."""
    with connected(deep, Upstream()) as connection, connection:
        connection.sendall(request_line + b" HTTP/1.1\r\n\r\n")
        assert connection.recv(1000).startswith(b"HTTP/1.1 502 no way to ")


def test_proxies_are_read_as_curl_reads_them() -> None:
    """Small letters go first, and what NO_PROXY names is reached without."""
    upstream = upstream_of({"https_proxy": "a:1", "HTTPS_PROXY": "b:2", "NO_PROXY": ".lan,10.0.0.1"}, "http://mirror")

    assert upstream.mirror == "http://mirror"
    assert upstream.proxy_for("https", "registry.invalid:443") == "a:1"
    assert upstream.proxy_for("https", "registry.lan:443") == ""
    assert upstream.proxy_for("http", "registry.invalid") == ""
    assert upstream_of({}) == Upstream()
