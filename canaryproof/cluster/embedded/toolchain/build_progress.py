"""Measures the progress of a build. ``go list`` names all packages first; ``go build -v`` names each as it compiles it.

The weight of a package is the size of its source, which is roughly proportional to its compile time.
"""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from pathlib import Path

from canaryproof.system.progress import Say, elapsed
from canaryproof.system.wait import Clock

TEMPLATE = '{{if .Stale}}{{.ImportPath}}\t{{.Dir}}\t{{join .GoFiles "\t"}}{{end}}'
"""The template for ``go list -f``. It prints one line for each package that is not in Go's build cache."""
_EACH = 6000
"""Bytes added to the weight of each package. The value comes from a simulation of one recorded Kubernetes build."""
_SETTLED = 10.0
"""The time, in seconds, after which the estimate of the remaining time is shown."""


def sources_of(listed: str) -> tuple[str, int] | None:
    """Return the package and its weight (bytes) from a line of :data:`TEMPLATE`; None for any other line."""
    package, *places = listed.split("\t")
    if not places:
        return None
    folder, *files = places
    return package, _EACH + sum(Path(folder, each).stat().st_size for each in files if each)


@dataclass
class BuildProgress:
    """Reads the output of ``go list`` and ``go build``, and reports the progress of the build."""

    say: Say
    clock: Clock = time
    complaints: list[str] = field(default_factory=list)
    """Output lines that name neither a package nor a download, such as compiler errors."""
    _left: dict[str, int] = field(default_factory=dict)
    _remaining: int = 0
    _total: int = 0
    _downloaded: int = 0
    _began: float = 0.0

    def listed(self, line: str) -> None:
        """Read a line of ``go list``. Counts a package once, even if several builds need it."""
        if found := sources_of(line):
            package, size = found
            self._remaining += size - self._left.get(package, 0)
            self._left[package] = size
        else:
            self._other(line)

    def built(self, line: str) -> None:
        """Read a line of ``go build -v``, which names the package that Go compiles now."""
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
