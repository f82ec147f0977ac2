"""Creates and removes the cluster's own cgroups. Kubelets that share one kill each other's pods as orphans."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import MappingProxyType

from canaryproof.cluster.embedded.supervisor import cgroup_delegation
from canaryproof.errors import ClusterError
from canaryproof.system.wait import Ticks, wait_for

_ROOT = cgroup_delegation.ROOT
SLICE = "app.slice"
_NEEDED = ("cpu", "memory", "pids")
_WEIGHT = 8
"""The CPU weight of the cluster on a busy machine, as a multiple of that of one process outside it.

It matches about the number of the cluster's processes that work at once. With twice the weight, the harness, itself a
process outside, observed events seconds late.
"""


def make_cgroups(
    name: str, root: Path = _ROOT, settings: Mapping[str, str] = MappingProxyType({})
) -> tuple[tuple[str, str], ...]:
    """Create the cgroup *name* in every hierarchy. Return pairs of its path and the path at which the cluster sees it.

    *settings* are its limits: values by file name. A hierarchy gets those for which it has a file.

    Raises ClusterError when a hierarchy is not writable or lacks a controller that the kubelet requires.
    """
    try:
        if (root / "cgroup.controllers").exists():
            made = [(_make_unified(root, name), root)]
        else:
            made = [(_make_legacy(hierarchy, name), hierarchy) for hierarchy in _hierarchies(root)]
        for folder, _ in made:
            cgroup_delegation.apply(settings, folder)
    except OSError as error:
        raise ClusterError(
            f"cannot make the cgroup {name}: {error}; the embedded cluster needs a writable {root}"
            " (in a container: run it privileged, or with its own cgroup namespace)"
        ) from error
    return tuple((str(folder), str(seen_at)) for folder, seen_at in made)


def parents_of_cgroups(root: Path = _ROOT) -> list[Path]:
    """Return the cgroups in which :func:`make_cgroups` creates its own."""
    return [root] if (root / "cgroup.controllers").exists() else list(_hierarchies(root))


def remove_cgroups(name: str, within: float, root: Path = _ROOT) -> None:
    """Remove the cgroup *name* from every hierarchy, once its last processes have ended.

    Raises WaitError when processes stay in one for longer than *within* (seconds).
    """
    for folder in [root / name, *(hierarchy / name for hierarchy in _hierarchies(root)), *_of_user(name, root)]:
        _remove(folder, within)


def _of_user(name: str, root: Path) -> Iterator[Path]:
    """Yield the possible paths of the cgroup of an ordinary user's cluster. systemd removes its own scopes itself."""
    if os.geteuid() and (root / "cgroup.controllers").exists():
        yield cgroup_delegation.own_cgroup(root) / name
        yield scope_of(name, root)


def scope_of(name: str, root: Path = _ROOT) -> Path:
    """Return the cgroup of the scope *name* of the user's systemd."""
    return manager_of(os.geteuid(), root) / SLICE / f"{name}.scope"


def manager_of(user: int, root: Path = _ROOT) -> Path:
    """Return the cgroup of the systemd instance of *user* (user id)."""
    return root / f"user.slice/user-{user}.slice/user@{user}.service"


def _remove(folder: Path, within: float) -> None:
    wait_for(
        f"empty cgroup {folder}",
        lambda: _removed(folder),
        within=within,
        changes=Ticks(),
        seen=lambda: _inhabitants(folder),
    )


def _make_unified(root: Path, name: str) -> Path:
    """Create a cgroup v2 with all controllers. systemd has already enabled most of them.

    The root that a container sees is not the kernel's root cgroup, which alone has no ``cgroup.type``. Its processes
    must move to a child before it can enable controllers for its children.
    """
    available = (root / "cgroup.controllers").read_text(encoding="ascii").split()
    handed_on = (root / "cgroup.subtree_control").read_text(encoding="ascii").split()
    if missing := [it for it in available if it not in handed_on]:
        if (root / "cgroup.type").exists():
            cgroup_delegation.empty(root, root / cgroup_delegation.LEAF)
        for controller in missing:
            (root / "cgroup.subtree_control").write_text(f"+{controller}", encoding="ascii")
    folder = root / name
    folder.mkdir()
    controllers = (folder / "cgroup.controllers").read_text(encoding="ascii").split()
    if missing := [it for it in _NEEDED if it not in controllers]:
        raise ClusterError(f"cgroup {folder} lacks the controllers {', '.join(missing)}: kubelet needs them")
    (folder / "cpu.weight").write_text(str(_WEIGHT * 100), encoding="ascii")  # the default is 100
    return folder


def _make_legacy(hierarchy: Path, name: str) -> Path:
    """Create a cgroup v1. In the cpuset hierarchy, it accepts no process until it has CPUs and memory nodes."""
    folder = hierarchy / name
    folder.mkdir()
    if (hierarchy / "cpu.shares").exists():
        (folder / "cpu.shares").write_text(str(_WEIGHT * 1024), encoding="ascii")  # the default is 1024
    for setting in ("cpuset.cpus", "cpuset.mems"):
        if (hierarchy / setting).exists():
            (folder / setting).write_text((hierarchy / setting).read_text(encoding="ascii"), encoding="ascii")
    return folder


def _hierarchies(root: Path) -> Iterator[Path]:
    """Yield the hierarchies of cgroup v1. Skips links such as ``cpu``, whose target ``cpu,cpuacct`` is in the list."""
    return (it for it in sorted(root.iterdir()) if not it.is_symlink() and (it / "cgroup.procs").is_file())


def _removed(folder: Path) -> bool | None:
    try:
        for path, _, _ in os.walk(folder, topdown=False):
            Path(path).rmdir()
    except OSError:
        return None  # a process in it has not ended yet
    return True


def _inhabitants(folder: Path) -> str:
    found = [procs.read_text(encoding="ascii").split() for procs in folder.rglob("cgroup.procs")]
    return f"processes {', '.join(pid for pids in found for pid in pids) or 'none'}"
