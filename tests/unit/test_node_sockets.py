"""The harness borrows sockets of the cluster's network, and asks Services with them as their clients do."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import pytest

from canaryproof.cluster.embedded import node_sockets
from canaryproof.cluster.embedded.supervisor import socket_lender
from canaryproof.errors import InfrastructureError
from canaryproof.kube.running_cluster import Dial
from canaryproof.kube.service_visit import visit_address
from canaryproof.model.evidence import Unanswered

WITHIN = 0.5


@pytest.fixture
def dial(tmp_path: Path) -> Iterator[Dial]:
    """The function that connects with sockets of a lender, which is in this process's network."""
    folder = tmp_path / ("long-name-" * 12)  # longer than the address of a Unix socket can be
    folder.mkdir()
    with node_sockets.lending(folder / node_sockets.NAME) as lender:
        threading.Thread(target=_serve, args=(lender,), daemon=True).start()
        yield node_sockets.dial(folder)
        lender.shutdown(socket.SHUT_RDWR)


def _serve(lender: socket.socket) -> None:
    try:
        socket_lender.serve(lender)
    except OSError:
        return  # the test has ended


@contextmanager
def service(answer: Callable[[socket.socket], None]) -> Iterator[int]:
    """A server that calls *answer* with its first connection, and yields its port."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.settimeout(5)

        def serve() -> None:
            connection, _ = listener.accept()
            with connection:
                answer(connection)

        thread = threading.Thread(target=serve)
        thread.start()
        yield int(listener.getsockname()[1])
        thread.join()


def ask(dial: Dial, port: int) -> Unanswered | None:
    """Request the Service at *port*."""
    return visit_address(dial, "127.0.0.1", port, "shop.lab", "/", within=WITHIN)


@pytest.mark.parametrize(
    ("status", "failure"), [("200 OK", None), ("302 Found", None), ("503 Busy", "HTTP 503"), ("404 No", "HTTP 404")]
)
def test_the_status_decides(dial: Dial, status: str, failure: str | None) -> None:
    """A Service answers with a status below 400. The request has the Service's name, as that of a client."""
    heard: list[bytes] = []

    def answer(connection: socket.socket) -> None:
        heard.append(connection.recv(1000))
        connection.sendall(f"HTTP/1.1 {status}\r\nContent-Length: 2\r\n\r\nok".encode())

    with service(answer) as port:
        assert ask(dial, port) == (Unanswered(failure) if failure else None)

    assert heard[0].startswith(b"GET / HTTP/1.1\r\nHost: shop.lab:%d\r\n" % port)


def test_a_refused_connection_is_no_silence(dial: Dial) -> None:
    """A refused connection is a failure at one moment, and no time in which the Service was silent."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]

    assert ask(dial, port) == Unanswered(f"127.0.0.1:{port} refused the connection")


def test_a_silent_service_is_given_up(dial: Dial) -> None:
    """A Service that accepts the connection and does not answer is silent for the whole time limit."""
    over = threading.Event()

    def wait(connection: socket.socket) -> None:
        del connection
        over.wait(5)

    with service(wait) as port:
        assert ask(dial, port) == Unanswered(f"no answer within {WITHIN} s", timed_out=True)
        over.set()


@pytest.mark.parametrize("said", [b"", b"no HTTP\r\n\r\n"])
def test_a_connection_that_ends_is_no_answer(dial: Dial, said: bytes) -> None:
    """A connection that ends without an answer of HTTP is a failure at one moment."""

    def answer(connection: socket.socket) -> None:
        connection.recv(1000)
        connection.sendall(said)

    with service(answer) as port:
        failure = ask(dial, port)

    assert failure
    assert not failure.timed_out
    assert "ended the connection without an answer" in failure.message


def test_a_cluster_that_lends_no_socket_is_at_fault(tmp_path: Path) -> None:
    """The failure to borrow a socket is the cluster's fault, and says nothing about the Service."""
    with pytest.raises(InfrastructureError, match="lends no sockets"):
        ask(node_sockets.dial(tmp_path), 80)

    with node_sockets.lending(tmp_path / node_sockets.NAME) as lender:
        threading.Thread(target=_turn_away, args=(lender,), daemon=True).start()
        with pytest.raises(InfrastructureError, match="it ended the connection"):
            ask(node_sockets.dial(tmp_path), 80)


def test_a_component_says_when_it_works(tmp_path: Path, dial: Dial) -> None:
    """A component works if its server on the loopback address answers with status 200, and with no other."""
    del dial
    folder = next(tmp_path.iterdir())
    for status, works in (("200 OK", True), ("503 Busy", False)):
        with service(partial(_reply, status=status)) as port:
            assert node_sockets.answers(folder / node_sockets.NAME, port, "/ready", WITHIN) is works
    assert not node_sockets.answers(folder / node_sockets.NAME, port, "/ready", WITHIN)


def _turn_away(lender: socket.socket) -> None:
    client, _ = lender.accept()
    client.close()


def _reply(connection: socket.socket, status: str) -> None:
    connection.recv(1000)
    connection.sendall(f"HTTP/1.1 {status}\r\nContent-Length: 0\r\n\r\n".encode())
