"""Every duration of the harness, in seconds; nothing else names one."""

from __future__ import annotations

from dataclasses import dataclass, fields, replace
from typing import Self

_NOT_OF_THE_CLUSTER = (
    "build",
    "toolchain",
    "fetch",
    "worth_showing",
    "redraw_every",
    "repeat_every",
    "save_every",
    "watch",
)
"""What takes as long as it takes on a slow machine too: downloads, people who watch, and a watch that is renewed."""

MOST_PATIENT = 100
"""By how much durations may be stretched: an emulated machine is some ten times slower than a real one."""


@dataclass(frozen=True)
class TimeLimits:
    """Upper limits by kind of operation, and the few lengths of time that are rules of the experiment."""

    command: float = 60
    """One call of a tool."""
    grace: float = 2
    """From SIGTERM to SIGKILL: a tool has recorded by then what it was doing."""
    question: float = 10
    """One call of a tool that only says how things are: a daemon that hangs is one that does not answer."""
    kind: float = 900
    """One call of kind: creating a cluster takes 10, and Docker pulls 400 MB of a node image first."""
    minikube: float = 900
    """Starting, stopping or deleting a minikube; the first start downloads a gigabyte."""
    in_flight: float = 2
    """Until Docker shows what it was asked for by a command that has been ended meanwhile."""
    calming: float = 10
    """Until a kind node has finished what it was starting."""
    registry: float = 3
    """The first answer of the stand-ins' registry to a kind node."""
    for_ever: float = 30 * 86400
    """What ends with something else, never by itself."""
    helm: float = 50
    """Helm's own ``--timeout``: shorter than a command, so that it can still record a failure."""
    unpack: float = 20
    """Copying an untrusted chart out of its folder or archive."""
    render: float = 20
    """``helm template`` of an untrusted chart."""
    build: float = 1800
    """One binary of the toolchain from source; the longest, kube-apiserver, took 284 on 2 cores."""
    toolchain: float = 3600
    """Another run that builds the toolchain, until it has finished."""
    fetch: float = 600
    """A download by a package manager, 75 MB at most."""
    cluster_start: float = 90
    """From the first process to a cluster that takes pods."""
    start_tick: float = 0.02
    """From one look at a starting cluster to the next."""
    heartbeat: float = 0.05
    """Of etcd's only member, which hears from nobody: a clock that ticks; after ten of them it elects itself."""
    last_words: float = 1
    """From a request that fails because a component has died to the news of which one it was."""
    cluster_stop: float = 60
    """From the end of the first process to the last cgroup removed."""
    namespace: float = 20
    """Until a new namespace has its ``default`` ServiceAccount."""
    turn: float = 14_400
    """Until the course's own namespace is free, where a chart insists on it: a whole class may."""
    place: float = 14_400
    """Until there is room for an experiment, or for the rest of it."""
    quiet: float = 3
    """How long nothing may happen in an experiment before another one takes its place; longer on a busy cluster."""
    settle: float = 60
    """Until revision 1 is ready."""
    observation: float = 20
    """How long a canary is watched before its fate is taken from what was seen so far."""
    pull: float = 180
    """An image that a node pulls from a registry: it comes within the time of a container's start."""
    observation_extended: float = 60
    """The same while a restart or an image pull is still pending."""
    persistence: float = 5
    """How long a pod must be refused, or a container must lack its configuration, before that counts as its fate."""
    unschedulable: float = 15
    """How long no node may be found for a pod before that counts as its fate (kstatus waits as long)."""
    gone: float = 40
    """Until nothing of the canary is left, its grace period included."""
    hold: float = 1
    """How long stable must stay healthy after the rollback."""
    outage: float = 2
    """The longest time that the stable Service may go without an answer."""
    probe_every: float = 0.25
    """From one request to the stable Service to the next."""
    probe_timeout: float = 2
    """One request to the stable Service: a later answer is none."""
    worth_showing: float = 1
    """Work that takes longer shows its progress."""
    redraw_every: float = 0.2
    """The line of progress on a terminal."""
    repeat_every: float = 30
    """The line of progress in a log."""
    save_every: float = 10
    """The results of a class, while it is tried."""
    request: float = 10
    """One request to the API server."""
    watch: float = 30
    """One watch of the API server, before it is asked again from where it ended."""
    logs: float = 3
    """The log of one container."""
    lease: float = 30
    """How long a run that shows no sign of life counts as living, on a cluster that it shares with others."""
    renew: float = 5
    """From one sign of life to the next."""
    look_again: float = 0.1
    """How often to look at what no change announces: time that passes, objects that nobody watches."""
    patience: float = 1
    """By how much all of them are stretched already; no duration itself."""

    def stretched(self, patience: float) -> Self:
        """Return them for a machine that is *patience* times slower: as they would be if its clock ran so slow.

        Limits, lengths of observation and rules are stretched alike, so a chart gets the verdict that it would get on a
        machine that is fast enough.
        """
        ours = [each.name for each in fields(self) if each.name not in _NOT_OF_THE_CLUSTER]
        return replace(self, **{name: getattr(self, name) * patience for name in ours})

    def with_pulls(self) -> Self:
        """Return them for a cluster whose nodes pull images from a registry that may be far away."""
        longest = max(self.pull, self.settle, self.observation_extended)
        return replace(self, settle=longest, observation_extended=longest)


def patience_of(said: str) -> float:
    """Read by how much durations are to be stretched; of a machine that is faster than usual, nothing has to be known.

    Raises ValueError, which says what was expected and what was seen.
    """
    try:
        factor = float(said)
    except ValueError:
        factor = 0
    if not 1 <= factor <= MOST_PATIENT:
        raise ValueError(f"must be a number from 1 to {MOST_PATIENT}, not {said!r}")
    return factor


DURATIONS = TimeLimits()
Durations = TimeLimits
