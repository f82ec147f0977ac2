"""Every time limit of a run, and the lengths of time that are rules of the experiment.

A run makes one value of them, from ``--patience``, and hands it to whatever waits.  There is no instance to import.
"""

from __future__ import annotations

from dataclasses import dataclass, fields, replace
from typing import Self

_RENEWED = ("watch",)
"""Nothing waits for the end of a watch: the next one goes on where it ended."""

MOST_PATIENT = 100
"""The largest factor of ``--patience``: an emulated machine is some ten times slower than a real one."""


@dataclass(frozen=True)
class TimeLimits:
    """Time limits, intervals and rules, all in seconds; the defaults are those of a machine of usual speed."""

    # Commands
    command: float = 60
    """Limit for one call of a tool."""
    grace: float = 2
    """From SIGTERM to SIGKILL, for a tool that records what it was doing."""
    question: float = 10
    """Limit for one call of a tool that only reports something, such as the version of a daemon."""
    helm: float = 50
    """Helm's own ``--timeout``; the command is ended *command* seconds later, so that Helm still records a failure."""
    unpack: float = 20
    """Limit for copying an untrusted chart out of its folder or archive."""
    render: float = 20
    """Limit for ``helm template`` of an untrusted chart."""

    # The toolchain
    build: float = 7200
    """Limit for building all tools, which takes ten minutes of processor time."""
    toolchain: float = 7200
    """Limit for another run that builds the toolchain."""
    fetch: float = 600
    """Limit for one download by a package manager, 75 MB at most."""

    # The start and the end of a cluster
    kind: float = 900
    """Limit for one call of kind: creating a cluster takes 10 s, and Docker pulls 400 MB of a node image first."""
    minikube: float = 900
    """Limit for starting, stopping or deleting a minikube; the first start downloads a gigabyte."""
    in_flight: float = 2
    """Until Docker shows a container that an interrupted command has asked for."""
    calming: float = 10
    """Limit for a kind node to finish what it is starting."""
    registry: float = 3
    """Limit for the first answer of the stand-ins' registry to a kind node."""
    connection: float = 30
    """Limit for the egress proxy to connect to a registry."""
    cluster_start: float = 90
    """Limit for each stage of a cluster's start."""
    start_tick: float = 0.02
    """Between two looks at a starting cluster."""
    start_probe: float = 1
    """Limit for the API server of a starting cluster to answer one health check."""
    heartbeat: float = 0.05
    """etcd's heartbeat interval; etcd, which has one member, elects itself after ten of them."""
    last_words: float = 1
    """From a request that fails because a component has ended to the report of which component it was."""
    cluster_stop: float = 60
    """From the end of the first process to the removal of the last cgroup."""

    # The API server
    request: float = 10
    """Limit for one request."""
    watch: float = 30
    """Length of one watch."""
    logs: float = 3
    """Limit for reading the log of one container."""
    lease: float = 30
    """How long a Lease counts that its run does not renew."""
    renew: float = 5
    """Between two renewals of a Lease."""
    look_again: float = 0.1
    """Between two looks at what announces no change: time that passes, objects that no watch covers."""

    # The experiment
    namespace: float = 20
    """Until a new namespace has its ``default`` ServiceAccount."""
    turn: float = 14_400
    """Until the scenario's own namespace is free, where a chart insists on it: a whole class may use it first."""
    place: float = 14_400
    """Until an experiment has a slot."""
    quiet: float = 3
    """How long nothing may happen in an experiment before another one takes its slot; longer on a busy cluster."""
    settle: float = 60
    """Until revision 1 is ready."""
    observation: float = 20
    """How long a canary is observed before its outcome is taken from what was seen so far."""
    observation_extended: float = 60
    """The same while a restart or an image pull is still pending."""
    pull: float = 180
    """Limit for a container to start on a node that pulls its image from a registry."""
    persistence: float = 5
    """How long a pod must be refused, or a container must lack its configuration, before that is its outcome."""
    unschedulable: float = 15
    """How long no node may be found for a pod before that is its outcome; kstatus waits as long."""
    gone: float = 40
    """Until nothing of the canary is left, its grace period included."""
    hold: float = 1
    """How long stable must stay healthy after the rollback."""
    outage: float = 2
    """The longest time that the stable Service may go without an answer."""
    probe_every: float = 0.25
    """Between two requests to the stable Service."""
    probe_timeout: float = 2
    """Limit for one request to the stable Service; a later answer counts as none."""

    patience: float = 1
    """The factor by which all of them are multiplied already; not a length of time."""

    @classmethod
    def for_patience(cls, factor: float) -> Self:
        """Return the limits for a machine that is *factor* times slower than usual.

        Limits, intervals and rules grow alike, so a chart gets the verdict that it gets on a machine of usual speed.
        """
        usual = cls()
        stretched = [each.name for each in fields(cls) if each.name not in _RENEWED]
        return replace(usual, **{name: getattr(usual, name) * factor for name in stretched})

    def with_pulls(self) -> Self:
        """Return the limits for a cluster whose nodes pull images from a registry that may be far away."""
        longest = max(self.pull, self.settle, self.observation_extended)
        return replace(self, settle=longest, observation_extended=longest)


def patience_of(said: str) -> float:
    """Return the factor of ``--patience`` that *said* stands for.

    Raises ValueError when it is no number from 1 to `MOST_PATIENT`.
    """
    try:
        factor = float(said)
    except ValueError:
        factor = 0
    if not 1 <= factor <= MOST_PATIENT:
        raise ValueError(f"must be a number from 1 to {MOST_PATIENT}, not {said!r}")
    return factor
