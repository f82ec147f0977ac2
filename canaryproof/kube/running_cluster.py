"""A running cluster: how to reach it, what it is, and whether it still lives."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from canaryproof.model.registries import Registries
from canaryproof.redaction import redacted
from canaryproof.system.logs import logger_of

_LOG = logger_of(__name__)


class Vitals:
    """Whether the cluster still lives: its supervisor reports the first fault, everyone who waits hears of it."""

    def __init__(self) -> None:
        """Start alive."""
        self._lock = threading.Lock()
        self._listeners: list[Callable[[], None]] = []
        self._fault = ""

    @property
    def fault(self) -> str:
        """Return why the cluster can no longer be trusted; empty while it can."""
        return self._fault

    def fail(self, reason: str) -> None:
        """Report a fault, from which credentials are removed: it may quote logs.  The first one stays."""
        _LOG.info("the cluster failed: %s", reason)
        with self._lock:
            self._fault = self._fault or redacted(reason)
            listeners = tuple(self._listeners)
        for announce in listeners:
            announce()

    def listen(self, announce: Callable[[], None]) -> None:
        """Call *announce* when a fault is reported."""
        with self._lock:
            self._listeners.append(announce)


@dataclass(frozen=True)
class Cluster:
    """A running cluster that takes pods: how to reach it, and what it is."""

    provider: str
    kubeconfig: Path
    context: str
    kubernetes: str
    """The version of its API server, ``1.37.2``."""
    nodes: int
    cores: int
    images: str
    """``stand-in`` or ``upstream``."""
    ready_after: float
    """Seconds from the call of the provider, toolchain at hand, to a cluster that takes pods."""
    vitals: Vitals = field(default_factory=Vitals, compare=False)
    note: str = ""
    """What is worth knowing of how it was come by, in a few words."""
    stays: tuple[str, ...] = ()
    """The commands that reach it after the run, and that end it; empty where it ends with the run, or is not ours."""
    credentials: Mapping[str, str] = field(default_factory=dict, repr=False)
    """The environment that commands of the kubeconfig need to find credentials; empty where it has no commands."""
    registries: Registries | None = None
    """The only registries that its images are pulled from; None where the cluster has rules of its own."""


class ClusterProvider(Protocol):
    """Lends a cluster; cleans up what it made, and nothing else."""

    def lend(self) -> AbstractContextManager[Cluster]:
        """Yield a cluster that takes pods.

        Raises ClusterError when it cannot be had: the message names the component and what to do.
        """
        ...
