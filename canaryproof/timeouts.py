"""Defines all time limits of a run, and the durations that are rules of the experiment.

A run creates one `TimeLimits` from ``--patience`` and passes it to all code that waits. There is no global instance.
"""

from __future__ import annotations

from dataclasses import dataclass, fields, replace
from typing import Self

_RENEWED = ("watch",)
"""Fields that ``--patience`` does not change. No code waits for the end of a watch: the next one continues it."""

MOST_PATIENT = 100
"""The largest factor of ``--patience``. An emulated machine is about ten times slower than a real one."""


@dataclass(frozen=True)
class TimeLimits:
    """Time limits, intervals and rules of a run, in seconds. The defaults suit a machine of usual speed."""

    # Commands
    command: float = 60
    """Limit for one call of a tool."""
    grace: float = 2
    """Time between SIGTERM and SIGKILL, in which a tool records its state."""
    question: float = 10
    """Limit for one call of a tool that only reports something, such as the version of a daemon."""
    helm: float = 50
    """Helm's own ``--timeout``. The command is ended *command* seconds later, so that Helm can record its failure."""
    unpack: float = 20
    """Limit for copying an untrusted chart from its folder or archive."""
    render: float = 20
    """Limit for ``helm template`` of an untrusted chart."""

    # The toolchain
    build: float = 7200
    """Limit for building all tools, which takes ten minutes of CPU time."""
    toolchain: float = 7200
    """Limit for waiting while another run builds the toolchain."""
    fetch: float = 600
    """Limit for one download by a package manager, 75 MB at most."""

    # The start and the end of a cluster
    kind: float = 900
    """Limit for one call of kind: creating a cluster takes 10 s, and Docker pulls 400 MB of a node image first."""
    minikube: float = 900
    """Limit for starting, stopping or deleting a minikube cluster. The first start downloads one gigabyte."""
    in_flight: float = 2
    """Limit for Docker to list a container whose creation was interrupted."""
    calming: float = 10
    """Limit for a kind node to finish the units that it is starting."""
    registry: float = 3
    """Limit for the first answer of the stand-ins' registry to a kind node."""
    connection: float = 30
    """Limit for the egress proxy to connect to a registry."""
    cluster_start: float = 90
    """Limit for each stage of a cluster's start."""
    start_tick: float = 0.02
    """Interval between two checks of a starting cluster."""
    start_probe: float = 1
    """Limit for the API server of a starting cluster to answer one health check."""
    heartbeat: float = 0.05
    """etcd's heartbeat interval. The only member of etcd elects itself after ten intervals."""
    last_words: float = 1
    """Limit for the report of an ended component, after a request failed because of it."""
    cluster_stop: float = 60
    """Limit for the removal of the last cgroup, from the end of the cluster's first process."""

    # The API server
    request: float = 10
    """Limit for one request to the API server."""
    watch: float = 30
    """Duration of one watch."""
    logs: float = 3
    """Limit for reading the log of one container."""
    lease: float = 30
    """Time after which a Lease expires if its run does not renew it."""
    renew: float = 5
    """Interval between two renewals of a Lease."""
    look_again: float = 0.1
    """Polling interval for conditions without change events: elapsed time, and objects that no watch covers."""

    # The experiment
    namespace: float = 20
    """Limit for a new namespace to get its ``default`` ServiceAccount."""
    turn: float = 14_400
    """Limit for waiting for the scenario's own namespace, if a chart requires it. A whole class may use it first."""
    place: float = 14_400
    """Limit for waiting for a slot."""
    quiet: float = 3
    """Time without changes after which an experiment lends its slot to another one. It is longer on a busy cluster."""
    settle: float = 60
    """Limit for revision 1 to become ready."""
    observation: float = 20
    """Time for which a canary is observed before its outcome is decided from the observations so far."""
    observation_extended: float = 60
    """The same as *observation*, while a restart or an image pull is pending."""
    pull: float = 180
    """Limit for a container to start on a node that pulls its image from a registry."""
    persistence: float = 5
    """Time for which a pod must be refused, or a container must lack its configuration, before that is the outcome."""
    report: float = 1
    """Time in which the event about the kill of a container arrives, after the pod's status shows the end."""
    unschedulable: float = 15
    """Time for which a pod must be unschedulable before that is the outcome. kstatus uses the same time."""
    gone: float = 40
    """Limit for the removal of all objects of the canary, including its grace period."""
    hold: float = 1
    """Time for which stable must stay healthy after the rollback."""
    outage: float = 2
    """Longest time for which the stable Service may leave requests unanswered."""
    probe_every: float = 0.25
    """Interval between two requests to the stable Service."""
    probe_timeout: float = 2
    """Limit for one request to the stable Service. A later answer does not count."""

    patience: float = 1
    """The factor by which all fields but *watch* are already multiplied. It is not a duration."""

    @classmethod
    def for_patience(cls, factor: float) -> Self:
        """Return the limits for a machine that is *factor* times slower than usual.

        Limits, intervals and rules grow by the same factor. A chart gets the same verdict as on a machine of usual
        speed.
        """
        usual = cls()
        stretched = [each.name for each in fields(cls) if each.name not in _RENEWED]
        return replace(usual, **{name: getattr(usual, name) * factor for name in stretched})

    def with_pulls(self) -> Self:
        """Return the limits for a cluster whose nodes pull images from a registry that may be far away."""
        longest = max(self.pull, self.settle, self.observation_extended)
        return replace(self, settle=longest, observation_extended=longest)


def patience_of(said: str) -> float:
    """Parse the factor of ``--patience``.

    Raises ValueError when *said* is not a number from 1 to `MOST_PATIENT`.
    """
    try:
        factor = float(said)
    except ValueError:
        factor = 0
    if not 1 <= factor <= MOST_PATIENT:
        raise ValueError(f"must be a number from 1 to {MOST_PATIENT}, not {said!r}")
    return factor
