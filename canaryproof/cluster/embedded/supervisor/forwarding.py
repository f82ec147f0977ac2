"""The ways in and out: connections to a socket on one side are joined to connections on the other.

The API server inside is reached through a socket that was opened outside; what pulls images gets out through a socket
in the file system, which knows no network namespaces.
"""

from __future__ import annotations

import os
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

_CHUNK = 64 * 1024


def serve(listener: socket.socket, target: tuple[str, int]) -> None:
    """Join each connection that *listener* accepts to a new one to *target*, until the process ends.

    The listener was made in the network namespace of the host, the connections to *target* are made in this one.
    """
    _serve(listener, lambda: socket.create_connection(target))


def lead_out(port: int, place: Path) -> None:
    """Join each connection to *port* of this network namespace to the socket at *place*, until the process ends."""
    with socket.create_server(("127.0.0.1", port)) as listener:
        _serve(listener, lambda: _connected(place))


def join(client: socket.socket, server: socket.socket) -> None:
    """Copy both ways until either side ends; both are closed then."""
    for one in (client, server):
        if one.family != socket.AF_UNIX:
            one.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    _in_background(_copy, client, server)
    _copy(server, client)


def copy_answer(server: socket.socket, client: socket.socket) -> None:
    """Copy from *server* to *client* until either side ends; nothing else that the client sends is read."""
    _copy(server, client)


@contextmanager
def short_path(place: Path) -> Iterator[str]:
    """Yield another path to *place*: the address of a socket has room for no more than 107 bytes (``man 7 unix``)."""
    folder = os.open(place.parent, os.O_PATH)
    try:
        yield f"/proc/self/fd/{folder}/{place.name}"
    finally:
        os.close(folder)


def _serve(listener: socket.socket, connect: Callable[[], socket.socket]) -> None:
    while True:
        client, _ = listener.accept()
        _in_background(_serve_one, client, connect)


def _serve_one(client: socket.socket, connect: Callable[[], socket.socket]) -> None:
    try:
        server = connect()
    except OSError:
        client.close()  # the caller sees that there is nobody, as it is
        return
    join(client, server)


def _connected(place: Path) -> socket.socket:
    connection = socket.socket(socket.AF_UNIX)
    try:
        with short_path(place) as address:
            connection.connect(address)
    except OSError:
        connection.close()
        raise
    return connection


def _copy(source: socket.socket, sink: socket.socket) -> None:
    """Copy until either side ends, then end both, so that the opposite copy ends too."""
    with suppress(OSError):  # a connection that broke is closed below like one that ended
        while chunk := source.recv(_CHUNK):
            sink.sendall(chunk)
    for one in (source, sink):
        _shut(one)


def _shut(connection: socket.socket) -> None:
    with suppress(OSError):  # it was already closed by the other side
        connection.shutdown(socket.SHUT_RDWR)
    connection.close()


def _in_background(work: Callable[..., None], *arguments: object) -> None:
    threading.Thread(target=work, args=arguments, daemon=True).start()
