"""Sends requests to a Service.

:func:`visit` uses the API server's proxy, as ``kubectl get --raw`` does, which works on every cluster.
:func:`visit_address` uses the Service's own address, as its clients do.
"""

from __future__ import annotations

from http.client import HTTPConnection, HTTPException, HTTPResponse

import urllib3

from canaryproof.kube.api_connection import (
    BAD_REQUEST,
    BUSY,
    FORBIDDEN,
    OK,
    UNAUTHORIZED,
    Connection,
    is_status,
    message_of,
)
from canaryproof.kube.running_cluster import Dial
from canaryproof.model.evidence import Unanswered
from canaryproof.model.kubernetes_text import is_closed_connection, is_other_protocol

ENOUGH_OF_AN_ANSWER = 4096
"""The maximum number of bytes to read of an answer. Its status decides, and its text serves only for the message."""


def visit(
    connection: Connection, namespace: str, service: str, port: int, path: str | None = None, *, within: float
) -> Unanswered | None:
    """Request *path* of a Service once. Return None on success, or else the reason of the failure.

    With a *path*, only a successful response counts. Without one, ``/`` is requested, and any answer counts, also one
    that is not HTTP.  No answer *within* the given number of seconds is a failure.

    Raises InfrastructureError when the API server cannot be reached, or itself refuses the request.
    """
    place = f"/api/v1/namespaces/{namespace}/services/{service}:{port}/proxy/{(path or '').lstrip('/')}"
    try:
        response = connection.open("GET", place, read=within, retries=False)
        text = response.read(ENOUGH_OF_AN_ANSWER)
    except urllib3.exceptions.ReadTimeoutError:
        return Unanswered(f"no answer within {within:g} s", timed_out=True)
    except urllib3.exceptions.HTTPError as error:
        raise connection.unreachable(error) from error
    if len(text) == ENOUGH_OF_AN_ANSWER:
        response.close()
    else:
        response.release_conn()
    if response.status in {UNAUTHORIZED, FORBIDDEN, BUSY} and is_status(text):
        raise connection.refused("GET", place, response.status, text)
    message = message_of(response.status, text)
    is_own = is_status(text)  # of the API server, which did not get an HTTP response
    if OK <= response.status < BAD_REQUEST or (path is None and (not is_own or is_other_protocol(message))):
        return None
    return Unanswered(message, closed=is_own and is_closed_connection(message))


def visit_address(
    dial: Dial, address: str, port: int, host: str, path: str | None = None, *, within: float
) -> Unanswered | None:
    """Request *path* of the Service at *address* once. Return None on success, or else the reason of the failure.

    *host* is the Service's name in the request. The meaning of *path* is that of :func:`visit`. No answer *within* the
    given number of seconds is a failure.

    Raises InfrastructureError when the cluster, not the Service, is at fault.
    """
    client, connected = HTTPConnection(host, port), False
    try:
        client.sock = dial(address, port, within)
        connected = True
        client.request("GET", path or "/", headers={"Connection": "close"})
        with client.getresponse() as response:
            return _judged(response, path)
    except TimeoutError:
        return Unanswered(f"no answer within {within:g} s", timed_out=True)
    except ConnectionRefusedError:
        return Unanswered(f"{address}:{port} refused the connection")
    except OSError as error:
        told = f"{address}:{port} ended the connection without an answer ({error})"
        return Unanswered(told, closed=connected)
    except HTTPException as error:  # an answer, but not in HTTP
        return (
            None
            if path is None
            else Unanswered(f"{address}:{port} ended the connection without an answer in HTTP ({error})")
        )
    finally:
        client.close()


def _judged(response: HTTPResponse, path: str | None) -> Unanswered | None:
    if path is None or OK <= response.status < BAD_REQUEST:
        return None
    return Unanswered(message_of(response.status, response.read(ENOUGH_OF_AN_ANSWER)))
