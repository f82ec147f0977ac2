"""How far a build is: ``go build -v`` names each package that it compiles, and ``go list`` names them all before.

A package counts by the size of its source, which the time to compile it follows.
"""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from pathlib import Path

from canaryproof.system.progress import Say, elapsed
from canaryproof.system.wait import Clock

TEMPLATE = '{{if .Stale}}{{.ImportPath}}\t{{.Dir}}\t{{join .GoFiles "\t"}}{{end}}'
"""For ``go list -f``: a line for each package that Go's build cache does not have."""
_EACH = 6000
"""Bytes that each package counts besides its source; chosen by simulation over one recorded build of Kubernetes."""
_SETTLED = 10.0
"""Seconds after which the time that is left can be told."""


def sources_of(listed: str) -> tuple[str, int] | None:
    """Return the package of a line of :data:`TEMPLATE` and the size of its source; None for any other line."""
    package, *places = listed.split("\t")
    if not places:
        return None
    folder, *files = places
    return package, _EACH + sum(Path(folder, each).stat().st_size for each in files if each)


@dataclass
class BuildProgress:
    """Reads what Go prints while it lists and builds, and says how far it is."""

    say: Say
    clock: Clock = time
    complaints: list[str] = field(default_factory=list)
    """Lines that tell neither a package nor a download."""
    _left: dict[str, int] = field(default_factory=dict)
    _remaining: int = 0
    _total: int = 0
    _downloaded: int = 0
    _began: float = 0.0

    def listed(self, line: str) -> None:
        """Read a line of ``go list``; a package that several builds need is compiled once."""
        if found := sources_of(line):
            package, size = found
            self._remaining += size - self._left.get(package, 0)
            self._left[package] = size
        else:
            self._other(line)

    def built(self, line: str) -> None:
        """Read a line of ``go build -v``: a package whose turn it is."""
        if not self._began:
            self._began, self._total = self.clock.monotonic(), self._remaining
        if line in self._left:
            self.say(self._state())
            self._remaining -= self._left.pop(line)
        else:
            self._other(line)

    def _other(self, line: str) -> None:
        if line.startswith("go: downloading "):
            self._downloaded += 1
            self.say(f"modules downloaded: {self._downloaded}")
        elif line.startswith("#") or len(line.split()) > 1:
            self.complaints.append(line)

    def _state(self) -> str:
        part, passed = 1 - self._remaining / self._total, self.clock.monotonic() - self._began
        left = f", {elapsed(passed / part - passed)} left" if part and passed >= _SETTLED else ""
        return f"{part:.0%}{left}"
