"""A realistic class: three quarters of the submissions are correct in varied ways, and the others are wrong."""

from __future__ import annotations

import json
import sys
import tempfile
from collections import Counter
from collections.abc import Mapping
from itertools import cycle, islice
from pathlib import Path
from typing import Any

from canaryproof.system.progress import Progress
from tests.bench.figures import Figures
from tests.corpus.catalogue import CORPUS
from tests.corpus.mutation import Mutation
from tests.corpus.trial import run_to_verdicts

SIZES = (20, 100, 200)
START, EACH = 120.0, 20.0
"""The time limit of a run in seconds: for its cluster, and for each submission."""
MEBIBYTE = 2**20


def class_of(size: int) -> dict[str, Mutation]:
    """Return *size* submissions by name. Classes of different sizes have the same composition."""
    right = cycle(each for each in CORPUS.items() if each[1].verdict == "accepted")
    wrong = cycle(_spread({name: each for name, each in CORPUS.items() if each.verdict == "rejected"}))
    chosen = (next(wrong) if number % 4 == 3 else next(right) for number in range(size))
    return {f"{number:03}-{name}": mutation for number, (name, mutation) in enumerate(islice(chosen, size))}


def _spread(mutations: Mapping[str, Mutation]) -> list[tuple[str, Mutation]]:
    """Order *mutations* so that the outcomes alternate, and the first twenty cover most of them."""
    seen: Counter[str] = Counter()
    turns = {}
    for name, mutation in mutations.items():
        turns[name] = seen[mutation.outcome]
        seen[mutation.outcome] += 1
    return sorted(mutations.items(), key=lambda each: turns[each[0]])


def classes(sizes: tuple[int, ...], runs: int, figures: Figures, progress: Progress, options: tuple[str, ...]) -> None:
    """Measure whole runs over a class, from a warm cluster to the reports."""
    for number in range(runs):
        for size in sizes:
            with progress.step(f"class of {size}, {number + 1} of {runs}"):
                measure(size, figures, options, f"class of {size}")


def measure(size: int, figures: Figures, options: tuple[str, ...], what: str) -> None:
    """Measure one run over a class of *size*. The names of its figures begin with *what*."""
    with tempfile.TemporaryDirectory(prefix="canaryproof-bench-") as folder:
        submissions = class_of(size)
        for name, mutation in submissions.items():
            mutation.write(Path(folder, "class", name))
        measured = _grade(Path(folder), START + EACH * size, options)
        wrong = list(_misjudged(Path(folder, "reports", "results.json"), submissions))
    figures.add(f"{what}: warm cluster to reports", measured["seconds"])
    figures.add(f"{what}: for each submission", measured["seconds"] / size)
    figures.add(f"{what}: memory of the harness, at most", measured["memory"] / MEBIBYTE, "MiB")
    figures.add(f"{what}: load of the machine at its end", measured["load"], "")
    figures.add(f"{what}: processor for each submission", sum(measured["processors"].values()) / size)
    for component, seconds in measured["processors"].items():
        figures.add(f"{what}: processor for each submission, {component}", seconds / size)
    figures.add(f"{what}: judged otherwise than they should be", len(wrong), "submissions")
    for each in wrong:
        figures.remark(f"{what}: {each}")


def _grade(folder: Path, timeout: float, options: tuple[str, ...]) -> dict[str, Any]:
    meter = folder / "meter.json"
    command = [sys.executable, "-m", "pytest", "-p", "tests.bench.meter", f"--meter={meter}", "-m", "e2e", "--quiet"]
    reports = (f"--canaryproof-submissions={folder / 'class'}", f"--canaryproof-report-dir={folder / 'reports'}")
    run_to_verdicts([*command, *reports, *options], timeout)
    measured: dict[str, Any] = json.loads(meter.read_bytes())
    return measured


def _misjudged(results: Path, expected: Mapping[str, Mutation]) -> list[str]:
    rows = json.loads(results.read_bytes())["submissions"]
    return [
        f"{row['name']} {row['verdict']}, {row['outcome']}: {row['reason']}"
        for row in rows
        if (row["verdict"], row["outcome"]) != (expected[row["name"]].verdict, expected[row["name"]].outcome)
    ]
