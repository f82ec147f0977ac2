"""A cgroup of the cluster's own inside one that was delegated to its user.

Rules of systemd, "Control Group APIs and Delegation": below a delegated cgroup everything is ours, and no process may
stay in a cgroup that hands on controllers ("no internal processes", cgroup v2).
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

ROOT = Path("/sys/fs/cgroup")
LEAF = "canaryproof"
"""Where the processes go that were in the delegated cgroup."""


def own_cgroup(root: Path = ROOT, told: Path = Path("/proc/self/cgroup")) -> Path:
    """Return the cgroup (v2) of this process, or the one that it was in before it was moved to a leaf of ours."""
    lines = told.read_text(encoding="ascii").splitlines()
    unified = next((line for line in lines if line.startswith("0::")), "0::/")
    found = root / unified.removeprefix("0::").strip("/")
    return found.parent if found.name == LEAF else found


def make_cgroup(name: str, delegated: Path, settings: Mapping[str, str]) -> Path:
    """Make the cgroup *name* in *delegated*, with all of its controllers and with *settings*; raises OSError."""
    hand_on_controllers(delegated, delegated / LEAF)
    made = delegated / name
    made.mkdir()
    apply(settings, made)
    return made


def apply(settings: Mapping[str, str], cgroup: Path) -> None:
    """Write those of *settings*, values by the names of files, that *cgroup* has; raises OSError."""
    for name, value in settings.items():
        if (cgroup / name).exists():
            (cgroup / name).write_text(value, encoding="ascii")


def hand_on_controllers(cgroup: Path, leaf: Path) -> None:
    """Enable all controllers below *cgroup*, its processes moved to *leaf*."""
    empty(cgroup, leaf)
    controllers = (cgroup / "cgroup.controllers").read_text(encoding="ascii").split()
    (cgroup / "cgroup.subtree_control").write_text(" ".join(f"+{name}" for name in controllers), encoding="ascii")


def empty(cgroup: Path, leaf: Path) -> None:
    """Move the processes of *cgroup* to *leaf*."""
    leaf.mkdir(exist_ok=True)
    for process in (cgroup / "cgroup.procs").read_text(encoding="ascii").split():
        (leaf / "cgroup.procs").write_text(process, encoding="ascii")
