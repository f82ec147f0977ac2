"""The gateway joins connections from outside to the API server inside, and ends them together."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator

import pytest

from canaryproof.cluster.embedded.supervisor import forwarding


@pytest.fixture
def server() -> Iterator[socket.socket]:
    """What listens inside."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.settimeout(5)
        yield listener


@pytest.fixture
def client(server: socket.socket) -> Iterator[socket.socket]:
    """A connection through a gateway that leads to *server*; the gateway's threads end with the process."""
    entrance = socket.create_server(("127.0.0.1", 0))
    threading.Thread(target=forwarding.serve, args=(entrance, server.getsockname()), daemon=True).start()
    with socket.create_connection(entrance.getsockname(), timeout=5) as connection:
        yield connection


def test_bytes_pass_both_ways(client: socket.socket, server: socket.socket) -> None:
    """What one side sends arrives at the other, unchanged."""
    inside, _ = server.accept()
    with inside:
        client.sendall(b"request")
        assert inside.recv(100) == b"request"
        inside.sendall(b"answer")
        assert client.recv(100) == b"answer"


def test_the_end_of_one_side_ends_the_other(client: socket.socket, server: socket.socket) -> None:
    """A server that closes a connection is seen to close it."""
    inside, _ = server.accept()
    inside.close()

    assert client.recv(100) == b""


def test_an_unreachable_server_looks_unreachable(server: socket.socket, client: socket.socket) -> None:
    """While nothing listens inside, a connection is closed at once instead of hanging."""
    address = server.getsockname()
    server.close()
    entrance = socket.create_server(("127.0.0.1", 0))
    threading.Thread(target=forwarding.serve, args=(entrance, address), daemon=True).start()
    del client

    with socket.create_connection(entrance.getsockname(), timeout=5) as connection:
        assert _received(connection) == b""


def _received(connection: socket.socket) -> bytes:
    try:
        return connection.recv(100)
    except ConnectionResetError:
        return b""
