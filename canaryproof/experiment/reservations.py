"""Turns at what only one experiment can have at a time: the course's own namespace, and ports of the nodes."""

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
    """The cluster gave a port that a chart asks for to a Service that left the choice to it: one chance in 2 700."""


class Turns:
    """Who has what; for all experiments of a run."""

    def __init__(self, client: KubeClient, durations: TimeLimits, doomed: Callable[[], str | None]) -> None:
        """Give up waiting as soon as *doomed* gives a reason."""
        self._client = client
        self._durations = durations
        self._doomed = doomed
        self._changing = threading.Lock()
        self._taken: set[str] = set()

    @contextmanager
    def in_namespace(self, namespace: str) -> Iterator[None]:
        """Have a namespace that is not made up: no other experiment uses it meanwhile, and the last one's is gone.

        Raises WaitError when it is not free in time, or somebody else's.
        """
        with self._having(f"namespace {namespace}"):
            self._wait_for_no_namespace(namespace)
            yield

    @contextmanager
    def with_ports(self, chart: Iterable[Manifest]) -> Iterator[None]:
        """Have the ports of the nodes that Services of *chart* ask for by number.

        Raises WaitError when another experiment has them for too long.
        """
        with self._having(*(f"port {port} of the nodes" for port in sorted(node_ports(chart)))):
            yield

    def await_ports(self, chart: Iterable[Manifest], namespace: str) -> None:
        """Wait until no other Service has a port that *chart*, in *namespace*, asks for.

        Raises WaitError when one keeps it, and PortTakenError when that is the course's own, by chance.
        """
        asking = {(each.name, port) for each in chart for port in node_ports([each])}
        if asking:
            ports = ", ".join(str(port) for _, port in sorted(asking))
            self._wait(
                f"free port {ports} of the nodes, which the chart asks for",
                lambda: None if self._holder(asking, namespace) else True,
                within=self._durations.gone,
                seen=lambda: f"{self._holder(asking, namespace)} has it",
            )

    def _holder(self, asking: Iterable[tuple[str, int]], namespace: str) -> str:
        asking = set(asking)
        ports = frozenset(port for _, port in asking)
        for item in self._client.list(SERVICES).items:
            service = Manifest(BODIES.decode(item))
            held = node_ports([service]) & ports
            if held and service.namespace != namespace:
                return f"Service {service.namespace}/{service.name}"
            if any((service.name, port) not in asking for port in held):
                raise PortTakenError(f"the cluster gave a port to {service.key} that the chart asks for")
        return ""

    @contextmanager
    def _having(self, *things: str) -> Iterator[None]:
        """Take each of *things* in turn; as all do so in the same order, nobody waits for ever."""
        mine: list[str] = []
        try:
            for thing in things:
                self._wait(
                    f"turn at {thing}",
                    lambda thing=thing: self._take(thing) or None,  # type: ignore[misc]  # the default binds
                    within=self._durations.turn,
                    seen=lambda: "another submission that has it",
                )
                mine.append(thing)
            yield
        finally:
            with self._changing:
                self._taken.difference_update(mine)

    def _take(self, thing: str) -> bool:
        with self._changing:
            free = thing not in self._taken
            self._taken.add(thing)
            return free

    def _wait_for_no_namespace(self, namespace: str) -> None:
        def foreign() -> str | None:
            body = self._client.get(NAMESPACES, namespace)
            if body is None or Manifest(body).is_going:
                return None
            return f"it exists already and is not this run's; kubectl delete namespace {namespace}"

        self._wait(
            f"free namespace {namespace}",
            lambda: self._client.get(NAMESPACES, namespace) is None or None,
            within=self._durations.gone,
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
            changes=Ticks(self._durations.look_again),
            doomed=lambda: self._doomed() or doomed(),
            seen=seen,
        )


def taken_by_chance(error: str, chart: Iterable[Manifest]) -> bool:
    """Report whether an upgrade failed over a port that was given away just then, and not twice by *chart*."""
    asked = [port for each in chart for port in node_ports([each])]
    return is_port_taken(error) and len(asked) == len(set(asked)) and bool(asked)
