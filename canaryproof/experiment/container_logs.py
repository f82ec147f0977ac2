"""Reads the last log lines of a container."""

from __future__ import annotations

from contextlib import suppress

from canaryproof.errors import InfrastructureError
from canaryproof.kube.client import KubeClient
from canaryproof.model.evidence import ContainerLog

LINES, SIZE = 40, 16_384
"""The maximum number of lines and of bytes that are read."""


def last_lines(client: KubeClient, namespace: str, pod: str, container: str, *, previous: bool) -> ContainerLog:
    """Return the end of a container's log, or with *previous* that of its previous run.

    The text is empty if the log cannot be read: logs only explain the outcome, and the experiment continues without
    them.
    """
    text = ""
    with suppress(InfrastructureError):
        text = client.logs(namespace, pod, container, previous=previous, lines=LINES, size=SIZE)
    return ContainerLog(pod, container, previous, text)
