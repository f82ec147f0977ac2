"""What the toolchain takes from the machine that it is provided on."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from canaryproof.system.interpreter import interpreter
from canaryproof.timeouts import TimeLimits


def free_bytes(folder: Path) -> int:
    """Return how much more fits into *folder*, which exists."""
    return shutil.disk_usage(folder).free


@dataclass(frozen=True)
class Machine:
    """The environment, the disk, and how long commands may take; tests bring their own."""

    durations: TimeLimits
    env: Mapping[str, str] = field(default_factory=lambda: os.environ, repr=False)
    python: str = field(default_factory=interpreter)
    """The interpreter whose pip fetches Go."""
    free: Callable[[Path], int] = free_bytes
    os_release: Path = Path("/etc/os-release")
    """Tells one distribution, and its releases, from another."""

    def which(self, name: str) -> Path | None:
        """Return the command *name* on its PATH."""
        found = shutil.which(name, path=self.env.get("PATH", os.defpath))
        return Path(found) if found else None
