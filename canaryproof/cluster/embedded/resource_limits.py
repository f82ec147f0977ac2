"""How much of the machine the embedded cluster may use, and how much of that its pods; pure but for :func:`measure`.

Pods meet their own limit before the control plane does, and the cluster meets its limit before the machine does::

    machine ── reserve of the host ── cluster ── share of the control plane ── pods (Node Allocatable) ── one pod

Kubernetes, "Reserve Compute Resources for System Daemons" and "Process ID Limits And Reservations".
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

_MIB = 2**20
POD_PROCESSES = 512
"""Processes and threads of one pod: a server in Go or Java has some dozens."""


@dataclass(frozen=True)
class Machine:
    """The memory that a kubelet sees, and what the kernel and the cgroups above the cluster's leave to the cluster."""

    memory: int
    """Bytes."""
    available_memory: int
    available_processes: int
    """Processes and threads."""


@dataclass(frozen=True)
class Limits:
    """Limits in bytes of memory, and in processes and threads."""

    memory: int
    """Of the whole cluster; file systems in memory count, with whoever writes to them."""
    processes: int
    pods_memory: int
    """Of all pods together."""
    pods_processes: int
    pod_processes: int
    pod_memory: int
    """Of one pod, also where it sets no limit of its own or a higher one."""
    reserved_memory: int
    """What the kubelet must be told to leave, so that *pods_memory* is the rest of what it sees."""

    @property
    def cgroup_settings(self) -> dict[str, str]:
        """Return what to write to the cluster's cgroups, by the names that the files have in either version."""
        memory, processes = str(self.memory), str(self.processes)
        hierarchical = {"memory.use_hierarchy": "1"}  # Linux before 5.11 counts what is below only where it is told to
        return {**hierarchical, "memory.limit_in_bytes": memory, "memory.max": memory, "pids.max": processes}


def limits_on(machine: Machine, *, pulls_images: bool) -> Limits:
    """Return the limits for a cluster on *machine*; where it *pulls_images*, its pods may be any programs."""
    memory = max(machine.available_memory - _host_reserve(machine.available_memory), machine.available_memory // 2)
    processes = min(machine.available_processes // 2, 32768)
    pods_memory = max(memory - _between(768 * _MIB, memory // 4, 3072 * _MIB), memory // 4)
    pods_processes = processes * 3 // 4
    return Limits(
        memory=memory,
        processes=processes,
        pods_memory=pods_memory,
        pods_processes=pods_processes,
        pod_processes=min(POD_PROCESSES, pods_processes),
        pod_memory=pods_memory // (2 if pulls_images else 4),
        reserved_memory=machine.memory - pods_memory,
    )


def _host_reserve(memory: int) -> int:
    """Return what stays for the harness, Helm and all else on the host."""
    return _between(384 * _MIB, memory // 8, 2048 * _MIB)


def _between(least: int, wanted: int, most: int) -> int:
    return max(least, min(wanted, most))


@dataclass(frozen=True)
class MemorySizes:
    """Sizes in bytes of the file systems in memory, each of which can be full without the others being so."""

    run: int
    """Sockets, configuration, and what kubelet, containerd and runc note about pods."""
    etcd: int
    images: int
    """Images as they are pulled, and what containerd notes: without space for that it removes no container."""
    layers: int
    """Images unpacked, and the writable layers of containers."""
    sandboxes: int
    """The files that containerd makes for each pod, as ``/etc/hostname``: pods can write to them."""
    volumes: int
    """Volumes of pods: emptyDir, ConfigMaps, termination messages.

    The kubelet's own notes are elsewhere: without space for them it removes no pod.
    """
    state: int
    """What the kubelet and CNI plugins keep below ``/var/lib``."""
    logs: int
    """Logs of containers."""


def memory_sizes(limits: Limits, *, pulls_images: bool) -> MemorySizes:
    """Return the sizes for a cluster with *limits*; where it *pulls_images*, they may be large.

    What pods can fill, layers, volumes and sandboxes, is together less than what pods may use: they meet a full file
    system, and not the end of the memory that they share.  Each holds more than one pod may use, where all programs are
    stand-ins: so a single pod does not fill it.
    """
    share = limits.pods_memory * 3 // 10
    return MemorySizes(
        run=_between(128 * _MIB, limits.memory // 16, 512 * _MIB),
        etcd=_between(768 * _MIB, limits.memory // 8, 2560 * _MIB),  # 2 GiB of it are the database's, at most
        images=limits.memory // 4 if pulls_images else 256 * _MIB,
        layers=limits.memory // 2 if pulls_images else share,
        sandboxes=share,
        volumes=share,
        state=64 * _MIB,
        logs=_between(64 * _MIB, limits.memory // 16, 512 * _MIB),
    )


def measure(cgroups: Iterable[Path], root: Path = Path("/")) -> Machine:
    """Return what this machine has; *cgroups* are those in which the cluster's are made, in whatever hierarchy."""
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    kernel = root / "proc/sys/kernel"
    processes = min(_number(kernel / name, 32768) for name in ("pid_max", "threads-max"))
    folders = [folder for cgroup in cgroups for folder in (cgroup, *cgroup.parents)]
    memory_files = (folder / name for folder in folders for name in ("memory.max", "memory.limit_in_bytes"))
    return Machine(
        memory=memory,
        available_memory=min(_number(file, memory) for file in memory_files),
        available_processes=min(_number(folder / "pids.max", processes) for folder in folders),
    )


def _number(file: Path, default: int) -> int:
    """Return the number in *file*, at most *default*, which also stands for no file and for ``max``."""
    try:
        text = file.read_text(encoding="ascii").strip()
    except OSError:
        return default
    return min(int(text), default) if text.isdigit() else default
