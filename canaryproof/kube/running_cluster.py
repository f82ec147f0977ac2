"""Describes a running cluster: its kubeconfig, its properties and its health."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from canaryproof.model.pull_answer import AskRegistry, nobody_asked
from canaryproof.model.registries import Registries
from canaryproof.redaction import redacted
from canaryproof.system.logs import logger_of

_LOG = logger_of(__name__)


class Vitals:
    """The health of a cluster. Its supervisor reports the first fault here, which notifies all listeners."""

    def __init__(self) -> None:
        """Start without a fault."""
        self._lock = threading.Lock()
        self._listeners: list[Callable[[], None]] = []
        self._fault = ""
        self._lack = ""

    @property
    def lack(self) -> str:
        """Return which optional component the cluster goes on without, and why. Empty if it has all of them."""
        return self._lack

    def go_without(self, reason: str) -> None:
        """Report an optional component that cannot work on this machine."""
        _LOG.info("the cluster goes on without a component: %s", reason)
        self._lack = redacted(reason)

    @property
    def fault(self) -> str:
        """Return why the results of the cluster are no longer reliable. Empty while they are."""
        return self._fault

    def fail(self, reason: str) -> None:
        """Report a fault. Only the first one is kept.

        Removes credentials from *reason*, because it may quote logs.
        """
        _LOG.info("the cluster failed: %s", reason)
        with self._lock:
            self._fault = self._fault or redacted(reason)
            listeners = tuple(self._listeners)
        for announce in listeners:
            announce()

    def listen(self, announce: Callable[[], None]) -> None:
        """Register *announce*, which is called after each report of a fault."""
        with self._lock:
            self._listeners.append(announce)


Dial = Callable[[str, int, float], socket.socket]
"""Connects from a node to an address and port of the cluster.

Each operation of the connection times out within the given number of seconds. Raises TimeoutError when there is no
answer within this time, another OSError when the connection fails, and InfrastructureError when the fault is the
cluster's.
"""
MeasureNodes = Callable[[], tuple[str, ...] | None]
"""Measures the exhausted resources of the nodes. Returns None if that cannot be measured."""


def unmeasured() -> None:
    """Measure nothing."""


@dataclass(frozen=True)
class Cluster:
    """A running cluster that takes pods."""

    provider: str
    kubeconfig: Path
    context: str
    kubernetes: str
    """The version of the API server, such as ``1.37.2``."""
    nodes: int
    cores: int
    images: str
    """The images that the cluster uses, ``stand-in`` or ``upstream``."""
    ready_after: float
    """Seconds from the call of the provider, with the toolchain built, until the cluster takes pods."""
    vitals: Vitals = field(default_factory=Vitals, compare=False)
    note: str = ""
    """A short note for the user about the origin of the cluster."""
    stays: tuple[str, ...] = ()
    """The commands that select and delete the cluster after the run. Empty if the cluster ends with the run or is not
    canaryproof's to delete."""
    credentials: Mapping[str, str] = field(default_factory=dict, repr=False)
    """The environment in which commands of the kubeconfig find credentials. Empty if it has no such commands."""
    registries: Registries | None = None
    """The only registries from which the cluster pulls images. None if the run does not restrict pulls by registry."""
    ask_registry: AskRegistry = field(default=nobody_asked, compare=False)
    """Asks the registry of an image whether it has the image."""
    dial: Dial | None = field(default=None, compare=False)
    """Connects to the addresses of Services. None if only the API server reaches them."""
    lack: str = ""
    """The function that the cluster lacks on this machine, and why. Empty if it lacks none."""
    exhausted: MeasureNodes = field(default=unmeasured, compare=False)
    """Measures the exhausted resources of the cluster's machine."""


class ClusterProvider(Protocol):
    """Lends a cluster. Afterwards, it removes only what it has created."""

    def lend(self) -> AbstractContextManager[Cluster]:
        """Yield a cluster that takes pods.

        Raises ClusterError when no cluster is available. The message names the component and the remedy.
        """
        ...
