"""Defines the plan that the harness sends to the first process as JSON."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field
from typing import Literal

RESERVED_PROCESSES = "RESERVED_PROCESSES"
"""A placeholder in the plan's files for the number of processes and threads that pods cannot use.

The first process replaces it: the number depends on the limit that the kubelet sees, which can differ inside the
cluster. Since Linux 6.14, each PID namespace has its own ``pid_max``.
"""
Moment = Literal["at once", "API reachable", "API healthy"]


@dataclass(frozen=True)
class Process:
    """A component, and the earliest moment at which it may start."""

    name: str
    program: str
    """The path of the program's file."""
    argv: tuple[str, ...]
    """The arguments. The first is the name under which the program starts, which selects a multi-call command."""
    log: str
    start: Moment = "at once"
    environment: dict[str, str] = field(default_factory=dict)
    """Variables in addition to those of :attr:`Plan.environment`."""
    trial: tuple[str, ...] = ()
    """A command that must succeed before the component starts. If it fails, the cluster goes on without the component.

    Its output goes to the component's log. Empty for a component that the cluster needs.
    """


@dataclass(frozen=True)
class Rootless:
    """The additional needs of a cluster without root: a user namespace, and a cgroup inside a delegated one."""

    cgroup: str
    """The name of the cgroup to create."""
    mappings: tuple[tuple[str, ...], ...]
    """Commands that map the user's ids into a user namespace, without their first argument, the process id."""
    cgroup_settings: dict[str, str] = field(default_factory=dict)
    """The cgroup's limits: values by file name."""


@dataclass(frozen=True)
class MemoryFolder:
    """A folder on which the cluster mounts an empty tmpfs of its own."""

    path: str
    size: int
    """The capacity, in bytes."""


@dataclass(frozen=True)
class Plan:
    """Describes a whole cluster: folders, files and processes, with paths as seen inside the cluster."""

    hostname: str
    addresses: tuple[str, ...]
    """The addresses of the node."""
    cgroups: tuple[tuple[str, str], ...]
    """Pairs of a cgroup of this cluster and the path at which the cluster must see it.

    Empty for a cluster without root, which creates its cgroup itself.
    """
    memory_folders: tuple[MemoryFolder, ...]
    """The memory folders, in mount order."""
    program_folders: tuple[str, ...]
    """The folders of the programs. They stay visible if they lie below a memory folder."""
    files: dict[str, str] = field(repr=False)
    """File contents by path. Some hold keys and tokens."""
    pods_processes: int
    """The maximum number of processes and threads of all pods together."""
    images: str
    registry_port: int
    api_port: int
    tick: float
    """The interval between probes of the API, in seconds, while components wait for it."""
    answer: float
    """The timeout of such a probe, in seconds."""
    processes: tuple[Process, ...]
    environment: dict[str, str] = field(default_factory=dict)
    rootless: Rootless | None = None
    way_out: str = ""
    """The Unix socket of the proxy for image pulls; empty if the cluster cannot reach registries."""
    way_out_port: int = 0
    """The port on the cluster's loopback address that leads to the proxy."""

    def to_json(self) -> str:
        """Return the plan as one JSON document."""
        return json.dumps(asdict(self))


def from_json(text: str) -> Plan:
    """Return the plan that :meth:`Plan.to_json` wrote."""
    raw = json.loads(text)
    raw["cgroups"] = tuple((own, seen_at) for own, seen_at in raw["cgroups"])
    raw["program_folders"] = tuple(raw["program_folders"])
    raw["memory_folders"] = tuple(MemoryFolder(**it) for it in raw["memory_folders"])
    raw["addresses"] = tuple(raw["addresses"])
    raw["processes"] = tuple(
        Process(**{**it, "argv": tuple(it["argv"]), "trial": tuple(it["trial"])}) for it in raw["processes"]
    )
    if rootless := raw["rootless"]:
        raw["rootless"] = Rootless(**{**rootless, "mappings": tuple(map(tuple, rootless["mappings"]))})
    return Plan(**raw)
