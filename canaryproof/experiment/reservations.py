"""Reserves exclusive resources for one experiment at a time: the scenario's own namespace and node ports."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager

from canaryproof.errors import CanaryproofError
from canaryproof.kube.client import KubeClient
from canaryproof.kube.resources import NAMESPACES, SERVICES
from canaryproof.model.helm_text import is_port_taken
from canaryproof.model.objects import BODIES, Manifest
from canaryproof.submissions.chart_safety import node_ports
from canaryproof.system.wait import Ticks, wait_for
from canaryproof.timeouts import TimeLimits


class PortTakenError(CanaryproofError):
    """The cluster gave a port that the chart names to a Service that names none: the chance is one in 2 700."""


class Reservations:
    """The reservations of the experiments of a run."""

    def __init__(self, client: KubeClient, time_limits: TimeLimits, doomed: Callable[[], str | None]) -> None:
        """Start with nothing reserved; every wait ends as soon as *doomed* gives a reason."""
        self._client = client
        self._time_limits = time_limits
        self._doomed = doomed
        self._lock = threading.Lock()
        self._reserved: set[str] = set()

    @contextmanager
    def namespace(self, name: str) -> Iterator[None]:
        """Reserve a namespace for the length of the block, once the one of the last experiment is gone.

        Raises WaitError when it does not become free in time, or does not belong to this run.
        """
        with self._reserve(f"namespace {name}"):
            self._await_no_namespace(name)
            yield

    @contextmanager
    def ports(self, chart: Iterable[Manifest]) -> Iterator[None]:
        """Reserve the node ports that Services of *chart* name, for the length of the block.

        Raises WaitError when another experiment keeps them for too long.
        """
        with self._reserve(*(f"port {port} of the nodes" for port in sorted(node_ports(chart)))):
            yield

    @contextmanager
    def exclusively(self, what: str) -> Iterator[None]:
        """Reserve *what* for the length of the block.

        Raises WaitError when another experiment keeps it for too long.
        """
        with self._reserve(what):
            yield

    def await_ports(self, chart: Iterable[Manifest], namespace: str) -> None:
        """Wait until no other Service has a node port that *chart*, in *namespace*, names.

        Raises WaitError when one keeps it, and PortTakenError when the cluster gave it to a Service of the stable app.
        """
        named = {(each.name, port) for each in chart for port in node_ports([each])}
        if named:
            ports = ", ".join(str(port) for _, port in sorted(named))
            self._wait(
                f"free port {ports} of the nodes, which the chart asks for",
                lambda: None if self._holder(named, namespace) else True,
                within=self._time_limits.gone,
                seen=lambda: f"{self._holder(named, namespace)} has it",
            )

    def _holder(self, named: set[tuple[str, int]], namespace: str) -> str:
        ports = frozenset(port for _, port in named)
        for item in self._client.list(SERVICES).items:
            service = Manifest(BODIES.decode(item))
            held = node_ports([service]) & ports
            if held and service.namespace != namespace:
                return f"Service {service.namespace}/{service.name}"
            if any((service.name, port) not in named for port in held):
                raise PortTakenError(f"the cluster gave a port to {service.key} that the chart asks for")
        return ""

    @contextmanager
    def _reserve(self, *things: str) -> Iterator[None]:
        """Reserve *things* one after the other; all experiments do so in the same order, so no two block each other."""
        mine: list[str] = []
        try:
            for thing in things:
                self._wait(
                    f"turn at {thing}",
                    lambda thing=thing: self._take(thing) or None,  # type: ignore[misc]  # the default binds
                    within=self._time_limits.turn,
                    seen=lambda: "another submission that has it",
                )
                mine.append(thing)
            yield
        finally:
            with self._lock:
                self._reserved.difference_update(mine)

    def _take(self, thing: str) -> bool:
        with self._lock:
            free = thing not in self._reserved
            self._reserved.add(thing)
            return free

    def _await_no_namespace(self, name: str) -> None:
        def foreign() -> str | None:
            body = self._client.get(NAMESPACES, name)
            if body is None or Manifest(body).is_going:
                return None
            return f"it exists already and is not this run's; kubectl delete namespace {name}"

        self._wait(
            f"free namespace {name}",
            lambda: self._client.get(NAMESPACES, name) is None or None,
            within=self._time_limits.gone,
            seen=lambda: "the namespace, still terminating",
            doomed=foreign,
        )

    def _wait(
        self,
        what: str,
        look: Callable[[], bool | None],
        *,
        within: float,
        seen: Callable[[], str],
        doomed: Callable[[], str | None] = lambda: None,
    ) -> None:
        wait_for(
            what,
            look,
            within=within,
            changes=Ticks(self._time_limits.look_again),
            doomed=lambda: self._doomed() or doomed(),
            seen=seen,
        )


def taken_by_chance(error: str, chart: Iterable[Manifest]) -> bool:
    """Report whether an upgrade failed over a node port that was given away meanwhile, and not over *chart* itself."""
    named = [port for each in chart for port in node_ports([each])]
    return is_port_taken(error) and len(named) == len(set(named)) and bool(named)
