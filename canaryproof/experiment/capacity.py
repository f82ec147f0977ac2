"""Limits how many experiments work at once and have pods in the cluster, and holds exclusive reservations."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import Self

from canaryproof.experiment.reservations import Reservations
from canaryproof.experiment.slots import Slot, Slots
from canaryproof.kube.client import KubeClient
from canaryproof.model.objects import Manifest
from canaryproof.submissions.chart_safety import node_ports
from canaryproof.timeouts import TimeLimits

PER_CORE = 4
"""Working experiments per cluster core. An experiment uses 2 to 3 seconds of CPU time in 6 to 8 seconds."""
PER_OWN_CORE = 12
"""Working experiments per core of this machine, if the cluster runs on another one.

Helm and this process use half a second of CPU time per experiment.
"""
MOST = 32
"""The maximum of working experiments. More would keep this process, which has one interpreter, from seeing events in
time."""
WAITING = 3
"""The number of experiments that have pods in the cluster, as a multiple of those that work.

An experiment that only waits lends its slot to another.
"""
AHEAD = 2
"""The number of experiments that are at least rendered, as a multiple of those that have pods in the cluster.

Rendering ahead finds the experiments that may take long.
"""


@dataclass(frozen=True)
class Parallel:
    """The number of experiments that run concurrently."""

    work: int
    """The number of experiments that work."""
    room: int
    """The number that have pods in the cluster, including those that only wait for time to pass."""
    most: int
    """The total number, including those that are only rendered so far."""

    @classmethod
    def exactly(cls, number: int) -> Self:
        """Return a limit of *number* experiments in every state."""
        return cls(number, number, number)

    @classmethod
    def fitting(cls, cluster: int, own: int) -> Self:
        """Return the limits for a cluster with *cluster* cores and a local machine with *own* cores."""
        work = max(1, min(PER_CORE * cluster, PER_OWN_CORE * own, MOST))
        return cls(work, WAITING * work, AHEAD * WAITING * work)


@dataclass(frozen=True)
class Capacity:
    """The slots and reservations that experiments share and wait for."""

    at_work: Slots
    """Slots for experiments that work. An experiment that waits for time to pass lends its slot."""
    in_cluster: Slots
    """Slots for experiments that have pods in the cluster, whether they work or not."""
    reservations: Reservations

    @classmethod
    def of(
        cls, parallel: Parallel, client: KubeClient, time_limits: TimeLimits, doomed: Callable[[], str | None]
    ) -> Self:
        """Return the capacity of an empty cluster. Waits end as soon as *doomed* returns a reason."""
        at_work, in_cluster = (Slots(number, time_limits, doomed) for number in (parallel.work, parallel.room))
        return cls(at_work, in_cluster, Reservations(client, time_limits, doomed))

    @contextmanager
    def enter_cluster(self, slot: Slot, chart: Iterable[Manifest], *, ahead: bool) -> Iterator[None]:
        """Wait for room in the cluster and for the node ports that *chart* names, and hold both during the block.

        An experiment that is *ahead* goes first, because it may take long or others wait for its namespace.
        """
        slot.release()
        with self.in_cluster.hold(ahead=ahead), ExitStack() as stack:
            if ahead:
                slot.take()
            else:
                slot.let_pass()
            if node_ports(chart := tuple(chart)):
                with slot.released():
                    stack.enter_context(self.reservations.ports(chart))
            yield
