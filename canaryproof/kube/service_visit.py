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

ENOUGH_OF_AN_ANSWER = 4096
"""The maximum number of bytes to read of an answer. Its status decides, and its text serves only for the message."""


def visit(connection: Connection, namespace: str, service: str, port: int, *, within: float) -> Unanswered | None:
    """Request ``/`` of a Service once. Return None on success, or else the reason of the failure.

    No answer *within* the given number of seconds is a failure.

    Raises InfrastructureError when the API server cannot be reached, or itself refuses the request.
    """
    path = f"/api/v1/namespaces/{namespace}/services/{service}:{port}/proxy/"
    try:
        response = connection.open("GET", path, read=within, retries=False)
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
        raise connection.refused("GET", path, response.status, text)
    return None if OK <= response.status < BAD_REQUEST else Unanswered(message_of(response.status, text))


def visit_address(dial: Dial, address: str, port: int, host: str, *, within: float) -> Unanswered | None:
    """Request ``/`` of the Service at *address* once. Return None on success, or else the reason of the failure.

    *host* is the Service's name in the request. No answer *within* the given number of seconds is a failure.

    Raises InfrastructureError when the cluster, not the Service, is at fault.
    """
    client = HTTPConnection(host, port)
    try:
        client.sock = dial(address, port, within)
        client.request("GET", "/", headers={"Connection": "close"})
        with client.getresponse() as response:
            return _judged(response)
    except TimeoutError:
        return Unanswered(f"no answer within {within:g} s", timed_out=True)
    except ConnectionRefusedError:
        return Unanswered(f"{address}:{port} refused the connection")
    except (OSError, HTTPException) as error:
        return Unanswered(f"{address}:{port} ended the connection without an answer ({error})")
    finally:
        client.close()


def _judged(response: HTTPResponse) -> Unanswered | None:
    if OK <= response.status < BAD_REQUEST:
        return None
    return Unanswered(message_of(response.status, response.read(ENOUGH_OF_AN_ANSWER)))
