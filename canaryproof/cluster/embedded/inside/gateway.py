"""The way in: connections to the listening socket from outside are joined to the API server inside."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable
from contextlib import suppress

_CHUNK = 64 * 1024


def serve(listener: socket.socket, target: tuple[str, int]) -> None:
    """Join each connection that *listener* accepts to a new one to *target*, until the process ends.

    The listener was made in the network namespace of the host, the connections to *target* are made in this one.
    """
    while True:
        client, _ = listener.accept()
        _in_background(_join, client, target)


def _join(client: socket.socket, target: tuple[str, int]) -> None:
    try:
        server = socket.create_connection(target)
    except OSError:
        client.close()  # the caller sees an unreachable API server, as it is
        return
    for one in (client, server):
        one.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    _in_background(_copy, client, server)
    _copy(server, client)


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
