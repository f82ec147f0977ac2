"""Collects the figures of several runs, with minimum, median and maximum."""

from __future__ import annotations

import os
import platform
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median
from typing import Any


@dataclass
class Figures:
    """The measured figures, in the order of their first measurement."""

    values: dict[tuple[str, str], list[float]] = field(default_factory=dict)
    remarks: list[str] = field(default_factory=list)

    def add(self, what: str, value: float, unit: str = "s") -> None:
        """Add the value of one run."""
        self.values.setdefault((what, unit), []).append(value)

    def remark(self, text: str) -> None:
        """Add a remark without a number. A repeated remark is kept once."""
        if text not in self.remarks:
            self.remarks.append(text)

    def as_rows(self) -> dict[str, Any]:
        """Return the figures in a machine-readable form."""
        rows = [
            {"what": what, "unit": unit, "min": min(it), "median": median(it), "max": max(it), "values": it}
            for (what, unit), it in self.values.items()
        ]
        return {"rows": rows, "remarks": self.remarks}

    def table(self) -> str:
        """Return the figures as a table for readers."""
        width = max(len(what) for what, _ in self.values)
        lines = [f"{'':{width}}       min   median      max"]
        for (what, unit), it in self.values.items():
            lines.append(f"{what:{width}}  {min(it):8.2f} {median(it):8.2f} {max(it):8.2f} {unit}")
        return "\n".join([*lines, "", *self.remarks])


def machine() -> str:
    """Return the description of the machine on which the figures were measured."""
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    unified = Path("/sys/fs/cgroup/cgroup.controllers").exists()
    return (
        f"{os.cpu_count()} cores, {memory:.0f} GiB, Linux {platform.release()}, cgroup v{2 if unified else 1},"
        f" Python {platform.python_version()}"
    )
