"""Forwards connections between the host and the cluster's network namespace.

Clients on the host reach the API server through a listening socket that the host opens before the cluster starts.
containerd reaches the image proxy on the host through a Unix socket: the file system is not bound to a network
namespace.
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
    """Forward each connection that *listener* accepts to *target*, until the process ends.

    The listener belongs to the network namespace of the host. The connections to *target* belong to that of this
    process.
    """
    _serve(listener, lambda: socket.create_connection(target))


def lead_out(port: int, place: Path) -> None:
    """Forward each connection to *port* of the loopback address to the Unix socket *place*, until the process ends."""
    with socket.create_server(("127.0.0.1", port)) as listener:
        _serve(listener, lambda: _connected(place))


def join(client: socket.socket, server: socket.socket) -> None:
    """Copy data in both directions until either side ends, then close both."""
    for one in (client, server):
        if one.family != socket.AF_UNIX:
            one.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    _in_background(_copy, client, server)
    _copy(server, client)


def copy_answer(server: socket.socket, client: socket.socket) -> None:
    """Copy from *server* to *client* until either side ends. Reads nothing from the client."""
    _copy(server, client)


@contextmanager
def short_path(place: Path) -> Iterator[str]:
    """Yield a short path to *place*, because the address of a Unix socket holds at most 107 bytes (``man 7 unix``)."""
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
        client.close()  # tells the client that the target is not reachable
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
    """Copy until either side ends, then shut down both, so that the copy in the other direction ends too."""
    with suppress(OSError):  # a broken connection is closed below like any other
        while chunk := source.recv(_CHUNK):
            sink.sendall(chunk)
    for one in (source, sink):
        _shut(one)


def _shut(connection: socket.socket) -> None:
    with suppress(OSError):  # the other side already closed it
        connection.shutdown(socket.SHUT_RDWR)
    connection.close()


def _in_background(work: Callable[..., None], *arguments: object) -> None:
    threading.Thread(target=work, args=arguments, daemon=True).start()
