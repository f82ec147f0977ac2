"""Connects to addresses of the cluster from the host, through sockets of the cluster's network namespace."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from http.client import HTTPConnection, HTTPException
from pathlib import Path

from canaryproof.cluster.embedded.supervisor.forwarding import short_path
from canaryproof.errors import InfrastructureError
from canaryproof.kube.running_cluster import Dial

NAME = "node-sockets"
"""The name of the Unix socket in the run folder, from which sockets are borrowed."""
_LOOPBACK = "127.0.0.1"
_OK = 200


@contextmanager
def lending(place: Path) -> Iterator[socket.socket]:
    """Open the Unix socket *place*, at which the cluster's first process lends sockets."""
    with socket.socket(socket.AF_UNIX) as lender:
        with short_path(place) as address:
            lender.bind(address)
        place.chmod(0o600)
        lender.listen(128)
        yield lender


def dial(folder: Path) -> Dial:
    """Return the function that connects to addresses of the cluster whose run folder is *folder*."""
    return partial(connect, folder / NAME)


def connect(place: Path, address: str, port: int, within: float) -> socket.socket:
    """Return a connection from the node to *address*, whose operations time out *within* seconds each.

    *place* is the Unix socket of the lender.

    Raises TimeoutError when there is no answer *within* seconds, another OSError when the connection fails, and
    InfrastructureError when no socket can be borrowed.
    """
    connection = _borrow(place, within)
    try:
        connection.settimeout(within)
        connection.connect((address, port))
    except OSError:
        connection.close()
        raise
    return connection


def answers(place: Path, port: int, path: str, within: float) -> bool:
    """Report whether the node's HTTP server at *port* of its loopback address answers *path* with status 200."""
    client = HTTPConnection(_LOOPBACK, port)
    try:
        client.sock = connect(place, _LOOPBACK, port, within)
        client.request("GET", path)
        return client.getresponse().status == _OK
    except (OSError, HTTPException):
        return False
    finally:
        client.close()


def _borrow(place: Path, within: float) -> socket.socket:
    try:
        with socket.socket(socket.AF_UNIX) as lender, short_path(place) as address:
            lender.settimeout(within)
            lender.connect(address)
            _, descriptors, _, _ = socket.recv_fds(lender, 1, 1, socket.MSG_CMSG_CLOEXEC)
    except OSError as error:
        raise InfrastructureError(f"the cluster lends no sockets of its network ({place}): {error}") from error
    if not descriptors:
        raise InfrastructureError(f"the cluster lends no sockets of its network ({place}): it ended the connection")
    return socket.socket(fileno=descriptors[0])
