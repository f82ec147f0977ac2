"""Lends sockets of the cluster's network namespace to processes on the host.

A socket stays in the network namespace in which it was made, whichever process uses it. The harness can thus connect to
a Service as a process of the node does, without any rights in the cluster's namespaces.
"""

from __future__ import annotations

import socket
from contextlib import suppress


def serve(listener: socket.socket) -> None:
    """Send a new TCP socket to each client of the Unix socket *listener*, until the process ends."""
    while True:
        client, _ = listener.accept()
        with client, socket.socket() as lent, suppress(OSError):  # the client is gone
            socket.send_fds(client, [b"."], [lent.fileno()])
