"""What experiments share: how many work at once, how many have pods in the cluster, and what only one can have."""

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
"""Experiments at work for each core of the cluster: one takes 2 to 3 seconds of a processor, in 6 to 8."""
PER_OWN_CORE = 12
"""The same for each core of this machine, where that is another one: Helm and this process take half a second."""
MOST = 32
"""More than this keep this process, which has one interpreter, too busy to see things when they happen."""
WAITING = 3
"""So many times as many have pods in the cluster: an experiment in which nothing happens lets another one work."""
AHEAD = 2
"""So many times as many again are rendered, in search of those that may take long."""


@dataclass(frozen=True)
class Parallel:
    """How many experiments there are at once."""

    work: int
    """At work."""
    room: int
    """With pods in the cluster: with those that only wait for time to pass."""
    most: int
    """In all: with those that are only rendered yet."""

    @classmethod
    def exactly(cls, number: int) -> Self:
        """Return *number*, whatever they do."""
        return cls(number, number, number)

    @classmethod
    def fitting(cls, cluster: int, own: int) -> Self:
        """Return what a cluster of so many cores takes, and a machine of so many *own* cores keeps up with."""
        work = max(1, min(PER_CORE * cluster, PER_OWN_CORE * own, MOST))
        return cls(work, WAITING * work, AHEAD * WAITING * work)


@dataclass(frozen=True)
class Capacity:
    """What experiments share: each waits for its part."""

    at_work: Slots
    """For experiments that do something; one that waits for time to pass lends its slot."""
    in_cluster: Slots
    """For experiments that have pods in the cluster, at work or not."""
    reservations: Reservations

    @classmethod
    def of(
        cls, parallel: Parallel, client: KubeClient, time_limits: TimeLimits, doomed: Callable[[], str | None]
    ) -> Self:
        """Return the capacity of a cluster with nothing in it; waits end as soon as *doomed* gives a reason."""
        at_work, in_cluster = (Slots(number, time_limits, doomed) for number in (parallel.work, parallel.room))
        return cls(at_work, in_cluster, Reservations(client, time_limits, doomed))

    @contextmanager
    def enter_cluster(self, slot: Slot, chart: Iterable[Manifest], *, ahead: bool) -> Iterator[None]:
        """Wait for room in the cluster, and for the node ports that *chart* names, and hold both for the block.

        An experiment that is *ahead* goes before others, because it may take long or others wait for its namespace.
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
