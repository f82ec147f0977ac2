"""Assigns processor time to the cluster's components, the harness and its children."""

from __future__ import annotations

import os
import resource
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

COMPONENTS = (
    *("etcd", "kube-apiserver", "kube-controller-manager", "kube-scheduler", "kubelet", "kube-proxy", "coredns"),
    "containerd",
)
CONTAINERS = "containers: shim, runc, CNI"
PODS = "what the pods do"
HARNESS = "harness"
CHILDREN = "Helm"
SERVANTS = "gateway and registry"

_TICK = os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True)
class Process:
    """One process with its program and its own processor time in seconds."""

    program: str
    seconds: float


def seconds(cluster: str, *, proc: Path = Path("/proc"), cgroups: Path = Path("/sys/fs/cgroup")) -> dict[str, float]:
    """Return the processor time so far in seconds, by component, of the cluster whose cgroup is *cluster*.

    The processes that start and end containers live for milliseconds. Their share is the rest of the cgroup's time.
    """
    found = dict.fromkeys((*COMPONENTS, SERVANTS), 0.0)
    for process in processes(cluster, proc):
        if process.program in COMPONENTS:
            found[process.program] += process.seconds
        elif process.program.startswith("python"):
            found[SERVANTS] += process.seconds
    found[PODS] = _of_cgroup(cgroups, f"{cluster}/kubepods")
    found[CONTAINERS] = _of_cgroup(cgroups, cluster) - sum(found.values())
    found[HARNESS] = time.process_time()
    children = resource.getrusage(resource.RUSAGE_CHILDREN)
    found[CHILDREN] = children.ru_utime + children.ru_stime
    return found


def spent(before: Mapping[str, float], after: Mapping[str, float]) -> dict[str, float]:
    """Return the processor time between two measurements, largest first."""
    taken = {name: after[name] - before[name] for name in after}
    return dict(sorted(taken.items(), key=lambda each: -each[1]))


def processes(cluster: str, proc: Path = Path("/proc")) -> Iterator[Process]:
    """Yield the live processes in the cgroup called *cluster*."""
    for file in proc.glob("[0-9]*/cgroup"):
        try:
            if f"/{cluster}" in file.read_text(encoding="ascii"):
                fields = (file.parent / "stat").read_text(encoding="utf-8", errors="replace").rpartition(")")[2].split()
                yield Process((file.parent / "exe").readlink().name, (int(fields[11]) + int(fields[12])) / _TICK)
        except (FileNotFoundError, ProcessLookupError):
            continue  # the process has ended in the meantime


def _of_cgroup(root: Path, name: str) -> float:
    """Return the processor time of a cgroup and its children in seconds, with ended processes.

    Supports cgroup v1 and v2.
    """
    if (legacy := root / "cpuacct" / name / "cpuacct.usage").exists():
        return int(legacy.read_text(encoding="ascii")) / 1e9
    lines = (root / name / "cpu.stat").read_text(encoding="ascii").splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("usage_usec ")) / 1e6
