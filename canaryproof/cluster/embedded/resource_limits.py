"""Calculates how much of the machine the embedded cluster may use, and how much of that its pods may use.

Only :func:`measure` reads from the machine. Pods reach their limit before the control plane does, and the cluster
reaches its limit before the machine does::

    machine ── reserve of the host ── cluster ── share of the control plane ── pods (Node Allocatable) ── one pod

See Kubernetes, "Reserve Compute Resources for System Daemons" and "Process ID Limits And Reservations".
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

_MIB = 2**20
POD_PROCESSES = 512
"""The maximum number of processes and threads of one pod. A server in Go or Java has some dozens."""


@dataclass(frozen=True)
class Machine:
    """The memory that a kubelet sees, and the part that the kernel and the parent cgroups leave to the cluster."""

    memory: int
    """Bytes."""
    available_memory: int
    """Bytes."""
    available_processes: int
    """Processes and threads."""


@dataclass(frozen=True)
class Limits:
    """Limits of memory (bytes), and of processes and threads together (number)."""

    memory: int
    """The limit of the whole cluster. Data in a tmpfs counts towards the cgroup that writes it."""
    processes: int
    pods_memory: int
    """The limit of all pods together."""
    pods_processes: int
    pod_processes: int
    pod_memory: int
    """The limit of one pod. It also binds a pod that sets no limit or a higher one."""
    reserved_memory: int
    """The kubelet's reservation: the memory that it sees, less *pods_memory*."""

    @property
    def cgroup_settings(self) -> dict[str, str]:
        """Return the values for the cluster's cgroups, by file name. Covers both cgroup v1 and v2."""
        memory, processes = str(self.memory), str(self.processes)
        hierarchical = {"memory.use_hierarchy": "1"}  # Linux before 5.11 ignores child cgroups without it
        return {**hierarchical, "memory.limit_in_bytes": memory, "memory.max": memory, "pids.max": processes}


def limits_on(machine: Machine, *, pulls_images: bool) -> Limits:
    """Return the limits for a cluster on *machine*. If it *pulls_images*, its pods can run any program."""
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
    """Return the memory (bytes) that stays for the harness, Helm and other processes on the host."""
    return _between(384 * _MIB, memory // 8, 2048 * _MIB)


def _between(least: int, wanted: int, most: int) -> int:
    return max(least, min(wanted, most))


@dataclass(frozen=True)
class MemorySizes:
    """The sizes of the tmpfs file systems, in bytes. Each can be full while the others have space."""

    run: int
    """Sockets, configuration, and the records of kubelet, containerd and runc about pods."""
    etcd: int
    images: int
    """Pulled images, and containerd's records. Without space for these, containerd removes no container."""
    layers: int
    """Unpacked images, and the writable layers of containers."""
    sandboxes: int
    """The files that containerd creates for each pod, such as ``/etc/hostname``. Pods can write to them."""
    volumes: int
    """Volumes of pods: emptyDir, ConfigMaps, termination messages.

    The kubelet's own records are elsewhere, because without space for them the kubelet removes no pod.
    """
    state: int
    """The files of the kubelet and the CNI plugins below ``/var/lib``."""
    logs: int
    """Logs of containers."""


def memory_sizes(limits: Limits, *, pulls_images: bool) -> MemorySizes:
    """Return the sizes for a cluster with *limits*. If it *pulls_images*, images and layers can be large.

    If all programs are stand-ins, two rules hold for the file systems that pods can fill (layers, volumes, sandboxes):

    - Together they are smaller than the memory limit of all pods. Pods find a full file system before they run out of
      the memory that they share.
    - Each is larger than the memory limit of one pod, so that a single pod does not fill it.
    """
    share = limits.pods_memory * 3 // 10
    return MemorySizes(
        run=_between(128 * _MIB, limits.memory // 16, 512 * _MIB),
        etcd=_between(768 * _MIB, limits.memory // 8, 2560 * _MIB),  # the database takes at most 2 GiB of it
        images=limits.memory // 4 if pulls_images else 256 * _MIB,
        layers=limits.memory // 2 if pulls_images else share,
        sandboxes=share,
        volumes=share,
        state=64 * _MIB,
        logs=_between(64 * _MIB, limits.memory // 16, 512 * _MIB),
    )


def measure(cgroups: Iterable[Path], root: Path = Path("/")) -> Machine:
    """Measure this machine. *cgroups* are the parents of the cluster's cgroups, in any hierarchy."""
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
    """Return the number in *file*, at most *default*. A missing file and ``max`` count as *default*."""
    try:
        text = file.read_text(encoding="ascii").strip()
    except OSError:
        return default
    return min(int(text), default) if text.isdigit() else default
