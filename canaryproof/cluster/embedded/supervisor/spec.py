"""What the first process is told to do, as a value that travels as JSON."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field
from typing import Literal

RESERVED_PROCESSES = "RESERVED_PROCESSES"
"""Stands in files for the number of processes that are not for pods: of what a kubelet sees, which differs inside.

Since Linux 6.14, each PID namespace has a ``pid_max`` of its own.
"""
Moment = Literal["at once", "API reachable", "API healthy"]


@dataclass(frozen=True)
class Process:
    """One component, and the moment from which it may start."""

    name: str
    argv: tuple[str, ...]
    log: str
    start: Moment = "at once"
    environment: dict[str, str] = field(default_factory=dict)
    """What it gets beside what all get."""


@dataclass(frozen=True)
class Rootless:
    """What an ordinary user's cluster needs more: users of its own, and a cgroup inside one that was delegated."""

    cgroup: str
    """The name of the cgroup to make."""
    mappings: tuple[tuple[str, ...], ...]
    """Commands that map the user's ids into a user namespace, but for the process that they follow by."""
    cgroup_settings: dict[str, str] = field(default_factory=dict)
    """The cgroup's limits: values by the names of its files."""


@dataclass(frozen=True)
class MemoryFolder:
    """A folder that gets an empty file system in memory, for this cluster alone."""

    path: str
    size: int
    """Bytes that fit into it."""


@dataclass(frozen=True)
class Plan:
    """A whole cluster: folders, files and processes, all seen from inside."""

    hostname: str
    node_address: str
    cgroups: tuple[tuple[str, str], ...]
    """Pairs of a cgroup of this cluster's own and the place where the cluster must see it; rootless, made inside."""
    memory_folders: tuple[MemoryFolder, ...]
    """In the order in which they are mounted."""
    files: dict[str, str] = field(repr=False)
    """Contents by path; keys and tokens are among them."""
    pods_processes: int
    """Processes and threads of all pods together."""
    images: str
    registry_port: int
    api_port: int
    tick: float
    """Seconds from one look at whether the API answers to the next, while components wait for it."""
    answer: float
    """Seconds that the API may take to answer such a look."""
    processes: tuple[Process, ...]
    environment: dict[str, str] = field(default_factory=dict)
    rootless: Rootless | None = None
    way_out: str = ""
    """The socket of the proxy by which images are pulled; empty where there is no way out."""
    way_out_port: int = 0
    """Where the proxy is found inside."""

    def to_json(self) -> str:
        """Return the plan as one JSON document."""
        return json.dumps(asdict(self))


def from_json(text: str) -> Plan:
    """Return the plan that :meth:`Plan.to_json` wrote."""
    raw = json.loads(text)
    raw["cgroups"] = tuple((own, seen_at) for own, seen_at in raw["cgroups"])
    raw["memory_folders"] = tuple(MemoryFolder(**it) for it in raw["memory_folders"])
    raw["processes"] = tuple(Process(**{**it, "argv": tuple(it["argv"])}) for it in raw["processes"])
    if rootless := raw["rootless"]:
        raw["rootless"] = Rootless(**{**rootless, "mappings": tuple(map(tuple, rootless["mappings"]))})
    return Plan(**raw)
