"""The egress proxy forwards containerd's image requests as this machine would send them."""

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

from canaryproof.cluster.embedded.egress_proxy import way_out
from canaryproof.cluster.embedded.supervisor import forwarding
from canaryproof.cluster.image_sources import Upstream, upstream_of

MIRROR = "http://registry.invalid"
Seen = list[tuple[str, str, str | None]]


class _Registry(BaseHTTPRequestHandler):
    """Answers every request, and records its method, target and credentials."""

    def __init__(self, seen: Seen, *connection: object) -> None:
        self._seen = seen
        super().__init__(*connection)  # type: ignore[arg-type]  # passed on from socketserver

    def log_message(self, format: str, *arguments: object) -> None:  # noqa: A002  # the name that http.server uses
        pass

    def do_GET(self) -> None:
        self._seen.append((self.command, self.path, self.headers["Proxy-Authorization"]))
        self.send_response(200)
        self.send_header("Content-Length", "5")
        self.end_headers()
        self.wfile.write(b"layer")

    def do_CONNECT(self) -> None:
        """Act as a proxy whose target is this server, too."""
        self._seen.append((self.command, self.path, self.headers["Proxy-Authorization"]))
        self.wfile.write(b"HTTP/1.1 200 go on\r\nX-More: 1\r\n\r\nthrough")


@contextmanager
def serving(seen: Seen) -> Iterator[str]:
    """Serve until the block ends, and yield ``127.0.0.1:PORT``."""
    with ThreadingHTTPServer(("127.0.0.1", 0), partial(_Registry, seen)) as server:
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        yield f"127.0.0.1:{server.server_address[1]}"
        server.shutdown()
        thread.join()


@contextmanager
def connected(folder: Path, upstream: Upstream) -> Iterator[socket.socket]:
    """Lend a connection to the proxy through a port that leads to its socket, as from inside the cluster."""
    with way_out(folder, upstream, 30) as place:
        entrance = socket.create_server(("127.0.0.1", 0))
        port = entrance.getsockname()[1]
        entrance.close()
        threading.Thread(target=forwarding.lead_out, args=(port, place), daemon=True).start()
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
    """A folder whose path is too long for the address of a Unix socket."""
    folder = tmp_path / ("f" * 100)
    folder.mkdir()
    return folder


def test_a_registry_is_asked(deep: Path) -> None:
    """The proxy forwards a plain HTTP request to the registry with the path, as in a direct request."""
    seen: Seen = []
    with serving(seen) as registry, connected(deep, Upstream(f"http://{registry}")) as connection:
        assert _get(connection, f"http://{registry}/v2/course/app/manifests/v1?ns=x") == (200, b"layer")

    assert seen == [("GET", "/v2/course/app/manifests/v1?ns=x", None)]
    assert list(deep.iterdir()) == []


def test_a_tunnel_leads_through(deep: Path) -> None:
    """The proxy forwards everything after CONNECT to the registry unchanged."""
    seen: Seen = []
    with serving(seen) as registry, connected(deep, Upstream(registries=(registry,))) as connection, connection:
        connection.sendall(f"CONNECT {registry} HTTP/1.1\r\nHost: {registry}\r\n\r\n".encode())
        assert connection.recv(1000) == b"HTTP/1.1 200 Connection established\r\n\r\n"
        connection.sendall(b"GET /v2/ HTTP/1.0\r\n\r\n")
        assert connection.recv(1000).startswith(b"HTTP/1.0 200")

    assert seen == [("GET", "/v2/", None)]


def test_the_users_proxy_is_used(deep: Path) -> None:
    """The proxy uses the user's proxy and account, and does not pass on that proxy's own answer."""
    seen: Seen = []
    account = f"Basic {b64encode(b'me:p@ss').decode()}"
    with serving(seen) as proxy:
        account_of = f"http://me:p%40ss@{proxy}"
        upstream = Upstream(MIRROR, dict.fromkeys(("http", "https"), account_of), registries=("registry.invalid",))
        with connected(deep, upstream) as connection:
            assert _get(connection, "http://registry.invalid/v2/") == (200, b"layer")
        with connected(deep, upstream) as connection, connection:
            connection.sendall(b"CONNECT registry.invalid:443 HTTP/1.1\r\n\r\n")
            said = b"".join(iter(lambda: connection.recv(1000), b""))

    assert said == b"HTTP/1.1 200 Connection established\r\n\r\nthrough"
    assert seen == [
        ("GET", "http://registry.invalid:80/v2/", account),
        ("CONNECT", "registry.invalid:443", account),
    ]


@pytest.mark.parametrize("request_line", [b"CONNECT 127.0.0.1:1", b"GET http://127.0.0.1:2/v2/"])
def test_where_nothing_answers_the_client_is_told(deep: Path, request_line: bytes) -> None:
    """The proxy answers with an error if the registry is unreachable, so that the pod's events show it."""
    upstream = Upstream("http://127.0.0.1:2", registries=("127.0.0.1:1",))
    with connected(deep, upstream) as connection, connection:
        connection.sendall(request_line + b" HTTP/1.1\r\n\r\n")
        assert connection.recv(1000).startswith(b"HTTP/1.1 502 no way to ")


def test_proxies_are_read_as_curl_reads_them() -> None:
    """The proxy reads proxy variables like curl: lower case comes first, and NO_PROXY lists hosts for direct access."""
    upstream = upstream_of({"https_proxy": "a:1", "HTTPS_PROXY": "b:2", "NO_PROXY": ".lan,10.0.0.1"}, "http://mirror")

    assert upstream.mirror == "http://mirror"
    assert upstream.proxy_for("https", "registry.invalid:443") == "a:1"
    assert upstream.proxy_for("https", "registry.lan:443") == ""
    assert upstream.proxy_for("http", "registry.invalid") == ""
    assert upstream_of({}) == Upstream()


REFUSED = (
    ("CONNECT 127.0.0.1:{port} HTTP/1.1", "is not a registry"),
    ("CONNECT localhost:{port} HTTP/1.1", "is not a registry"),
    ("CONNECT [::ffff:127.0.0.1]:{port} HTTP/1.1", "is not a registry"),
    ("CONNECT 169.254.169.254:80 HTTP/1.1", "is not a registry"),
    ("CONNECT evil.invalid:443 HTTP/1.1", "--image-registry evil.invalid adds it"),
    ("CONNECT docker.io.evil.invalid:443 HTTP/1.1", "is not a registry"),
    ("CONNECT xdocker.io:443 HTTP/1.1", "is not a registry"),
    ("CONNECT docker.io:{port} HTTP/1.1", "registries are asked on port 443"),
    ("CONNECT registry-1.docker.io@127.0.0.1:{port} HTTP/1.1", "names no host"),
    ("CONNECT / HTTP/1.1", "names no host"),
    ("GET http://127.0.0.1:{port}/latest/meta-data HTTP/1.1", "plain HTTP"),
    ("GET http://registry-1.docker.io/v2/ HTTP/1.1", "plain HTTP"),
    ("HEAD http://mirror.invalid:8080/v2/ HTTP/1.1", "plain HTTP"),
    ("GET http://mirror.invalid@127.0.0.1:{port}/ HTTP/1.1", "names no host"),
    ("GET http://mirror.invalid\\@127.0.0.1:{port}/ HTTP/1.1", "names no host"),
    ("GET https://mirror.invalid/v2/ HTTP/1.1", "names no host"),
    ("GET http://[::1/ HTTP/1.1", "names no host"),
    ("GET /v2/ HTTP/1.1", "names no host"),
)


@pytest.mark.parametrize("proxied", [False, True])
def test_only_registries_are_asked(deep: Path, *, proxied: bool) -> None:
    """The proxy refuses every host that is no registry of the run, with and without a proxy of the user's."""
    seen: Seen = []
    with serving(seen) as service:
        proxies = dict.fromkeys(("http", "https"), service) if proxied else {}
        upstream = Upstream("http://mirror.invalid", proxies, images=("course/app:v1",))
        with way_out(deep, upstream, 30) as place:
            for request_line, why in REFUSED:
                status = _status_of(place, request_line.format(port=service.rpartition(":")[2]).encode())
                assert status.startswith(b"HTTP/1.1 403 "), request_line
                assert why in status.decode(), request_line

    assert seen == []


@pytest.mark.parametrize(
    "addresses",
    [["127.0.0.1"], ["10.1.2.3"], ["169.254.169.254"], ["8.8.8.8", "127.0.0.1"], ["::ffff:127.0.0.1"], ["::1"]],
)
def test_a_registry_with_an_address_that_is_not_public_is_refused(
    deep: Path, addresses: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The proxy refuses a registry if any of its addresses is not public, unless the user has named that host."""
    answers = [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (each, 443)) for each in addresses]
    monkeypatch.setattr("canaryproof.cluster.embedded.egress_proxy.socket.getaddrinfo", lambda *_, **__: answers)
    connected_to: list[str] = []

    def connect(address: list[str], port: int, _: float) -> socket.socket:
        connected_to.append(f"{address[0]}:{port}")
        raise OSError("not in a test")

    monkeypatch.setattr("canaryproof.cluster.embedded.egress_proxy._connected", connect)
    with way_out(deep, Upstream(images=("app",)), 30) as place:
        refused = _status_of(place, b"CONNECT auth.docker.io:443 HTTP/1.1")
    with way_out(deep, Upstream(images=("app",), registries=("auth.docker.io",)), 30) as place:
        tried = _status_of(place, b"CONNECT auth.docker.io:443 HTTP/1.1")

    assert b"403 auth.docker.io has an address that is not public; --image-registry auth.docker.io" in refused
    assert tried.startswith(b"HTTP/1.1 502 no way to auth.docker.io:443")
    assert connected_to == [f"{addresses[0]}:443"]


def _status_of(place: Path, request: bytes) -> bytes:
    with socket.socket(socket.AF_UNIX) as connection, forwarding.short_path(place) as address:
        connection.connect(address)
        connection.sendall(request + b"\r\n\r\n")
        return connection.recv(1000).partition(b"\r\n")[0]


def test_the_address_that_was_checked_is_the_one_that_is_connected_to(
    deep: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The proxy connects to the address that it has checked, and resolves a name only once."""
    asked: list[str] = []
    look_up = socket.getaddrinfo

    def rebind(host: str, *arguments: object, **options: object) -> object:
        asked.append(host)
        return look_up("127.0.0.1", *arguments, **options)  # type: ignore[arg-type]  # passed on

    seen: Seen = []
    with serving(seen) as service:
        mirror = f"http://mirror.invalid:{service.rpartition(':')[2]}"
        monkeypatch.setattr("canaryproof.cluster.embedded.egress_proxy.socket.getaddrinfo", rebind)
        with way_out(deep, Upstream(mirror), 30) as place:
            assert _status_of(place, f"GET {mirror}/v2/ HTTP/1.1".encode()).endswith(b"200 OK")

    assert asked.count("mirror.invalid") == 1


def test_other_methods_are_refused(deep: Path) -> None:
    """The proxy refuses all methods except for GET, HEAD and CONNECT, which a pull uses."""
    seen: Seen = []
    with serving(seen) as service, way_out(deep, Upstream(f"http://{service}"), 30) as place:
        for method in ("POST", "PUT", "DELETE", "OPTIONS", "TRACE", "PATCH"):
            status = _status_of(place, f"{method} http://{service}/v2/ HTTP/1.1".encode())
            assert status.startswith(b"HTTP/1.1 501 "), method

    assert seen == []


def test_a_second_request_behind_the_first_is_not_passed_on(deep: Path) -> None:
    """The proxy does not forward a second request on the same connection, because it has not been checked."""
    seen: Seen = []
    with serving(seen) as proxy, connected(deep, Upstream(MIRROR, {"http": proxy})) as connection, connection:
        first = f"GET {MIRROR}/v2/ HTTP/1.1\r\nContent-Length: 200\r\nHost: evil.invalid\r\n\r\n".encode()
        connection.sendall(first + b"GET http://169.254.169.254/ HTTP/1.1\r\n\r\n")
        while connection.recv(1000):
            connection.sendall(b"GET http://169.254.169.254/ HTTP/1.1\r\n\r\n")
            break

    assert [path for _, path, _ in seen] == ["http://registry.invalid:80/v2/"]


@pytest.mark.parametrize(
    "proxy", ["http://teacher:s3cr3t-pass@127.0.0.1:1", "teacher:s3cr3t-pass@127.0.0.1:1", "http://teacher:s3/cr3t@x:1"]
)
@pytest.mark.parametrize("request_line", [b"CONNECT registry.invalid:443", b"GET http://registry.invalid/"])
def test_the_account_at_a_proxy_is_not_told(deep: Path, proxy: str, request_line: bytes) -> None:
    """The proxy's answer does not contain the user's proxy account, because it appears in events and reports."""
    upstream = Upstream(MIRROR, dict.fromkeys(("http", "https"), proxy), registries=("registry.invalid",))
    with connected(deep, upstream) as connection, connection:
        connection.sendall(request_line + b" HTTP/1.1\r\n\r\n")
        answer = b"".join(iter(lambda: connection.recv(1000), b""))

    assert answer.startswith(b"HTTP/1.1 502 no way ")
    assert not any(part in answer for part in (b"s3cr3t", b"s3", b"cr3t"))
    assert "s3" not in repr(upstream)
    assert "s3" not in str(upstream.description)
