"""The gateway connects clients outside to the API server inside, and closes both sides together."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator

import pytest

from canaryproof.cluster.embedded.supervisor import forwarding


@pytest.fixture
def server() -> Iterator[socket.socket]:
    """The server inside."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.settimeout(5)
        yield listener


@pytest.fixture
def client(server: socket.socket) -> Iterator[socket.socket]:
    """A connection through a gateway to *server*. The gateway's threads end with the process."""
    entrance = socket.create_server(("127.0.0.1", 0))
    threading.Thread(target=forwarding.serve, args=(entrance, server.getsockname()), daemon=True).start()
    with socket.create_connection(entrance.getsockname(), timeout=5) as connection:
        yield connection


def test_bytes_pass_both_ways(client: socket.socket, server: socket.socket) -> None:
    """The gateway forwards bytes unchanged in both directions."""
    inside, _ = server.accept()
    with inside:
        client.sendall(b"request")
        assert inside.recv(100) == b"request"
        inside.sendall(b"answer")
        assert client.recv(100) == b"answer"


def test_the_end_of_one_side_ends_the_other(client: socket.socket, server: socket.socket) -> None:
    """The gateway closes the client's connection if the server closes its own."""
    inside, _ = server.accept()
    inside.close()

    assert client.recv(100) == b""


def test_an_unreachable_server_looks_unreachable(server: socket.socket, client: socket.socket) -> None:
    """The gateway closes a connection at once while no server listens inside."""
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
