"""Creates the cluster's cgroup inside a cgroup that is delegated to the user.

Two rules apply (systemd, "Control Group APIs and Delegation"). The owner of a delegated cgroup manages everything below
it. A cgroup that enables controllers for its children must not contain processes ("no internal processes", cgroup v2).
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

ROOT = Path("/sys/fs/cgroup")
LEAF = "canaryproof"
"""The child cgroup that receives the processes of the delegated cgroup."""


def own_cgroup(root: Path = ROOT, told: Path = Path("/proc/self/cgroup")) -> Path:
    """Return the cgroup (v2) of this process; if that is :data:`LEAF`, return its parent.

    The parent is the cgroup that the process was in before :func:`empty` moved it.
    """
    lines = told.read_text(encoding="ascii").splitlines()
    unified = next((line for line in lines if line.startswith("0::")), "0::/")
    found = root / unified.removeprefix("0::").strip("/")
    return found.parent if found.name == LEAF else found


def make_cgroup(name: str, delegated: Path, settings: Mapping[str, str]) -> Path:
    """Create the cgroup *name* in *delegated*, with all controllers of *delegated* and with *settings*.

    Raises OSError when the kernel refuses an operation.
    """
    hand_on_controllers(delegated, delegated / LEAF)
    made = delegated / name
    made.mkdir()
    apply(settings, made)
    return made


def apply(settings: Mapping[str, str], cgroup: Path) -> None:
    """Write *settings* (values by file name) to *cgroup*. Skips files that the cgroup does not have.

    Raises OSError when the kernel refuses a value.
    """
    for name, value in settings.items():
        if (cgroup / name).exists():
            (cgroup / name).write_text(value, encoding="ascii")


def hand_on_controllers(cgroup: Path, leaf: Path) -> None:
    """Move the processes of *cgroup* to *leaf*, then enable all controllers for the children of *cgroup*."""
    empty(cgroup, leaf)
    controllers = (cgroup / "cgroup.controllers").read_text(encoding="ascii").split()
    (cgroup / "cgroup.subtree_control").write_text(" ".join(f"+{name}" for name in controllers), encoding="ascii")


def empty(cgroup: Path, leaf: Path) -> None:
    """Move the processes of *cgroup* to *leaf*."""
    leaf.mkdir(exist_ok=True)
    for process in (cgroup / "cgroup.procs").read_text(encoding="ascii").split():
        (leaf / "cgroup.procs").write_text(process, encoding="ascii")
