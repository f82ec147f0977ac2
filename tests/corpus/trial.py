"""Tries mutations as course staff would: one run over a folder of charts, and its ``results.json``."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from canaryproof.checks.registry import CHECKS
from canaryproof.errors import CommandError
from canaryproof.pytest_plugin.settings import STEP_SUMMARY
from canaryproof.system.process import run
from tests.corpus.mutation import Mutation

REPOSITORY = Path(__file__).parents[2]
START, EACH = 300.0, 20.0
"""The time limits of a run in seconds: for the cluster with the slowest chart, and for each chart.

A chart takes 3 seconds on a busy machine.
"""
TIDYING = 60.0
"""The seconds in which an ended run removes its cluster."""
NAMED = ("failed", "skipped", "error")


@dataclass(frozen=True)
class Verdict:
    """The result of one chart, reduced to the compared fields."""

    verdict: str
    outcome: str
    failed: frozenset[str]
    skipped: frozenset[str]
    error: frozenset[str] = frozenset()


@dataclass(frozen=True)
class Told:
    """The full result of one chart, a row of ``results.json``."""

    row: Mapping[str, Any]

    @property
    def verdict(self) -> Verdict:
        """Return the compared fields."""
        failed, skipped, error = (
            frozenset(it["id"] for it in self.row["checks"] if it["status"] == status) for status in NAMED
        )
        return Verdict(self.row["verdict"], self.row["outcome"], failed, skipped, error)

    @property
    def remarks(self) -> frozenset[str]:
        """Return the codes of the remarks."""
        return frozenset(it["cause"]["code"] for it in self.row["remarks"])

    def __str__(self) -> str:
        """Return the reason and the failed checks with their messages, as a student reads them."""
        failed = (f"x {it['id']}: {it['message']}" for it in self.row["checks"] if it["status"] in {"failed", "error"})
        return "\n".join((f"{self.row['name']}: {self.row['reason']}", *failed))


def expected(mutation: Mutation) -> Verdict:
    """Return the expected result of *mutation*."""
    faults = frozenset(check.id for check in CHECKS) if mutation.unjudged else frozenset()
    return Verdict(mutation.verdict, mutation.outcome, mutation.failed, mutation.skipped, faults)


def try_all(mutations: Mapping[str, Mutation], folder: Path, *options: str) -> dict[str, Told]:
    """Write all *mutations* to *folder*, try them in one run with *options*, and return the results.

    Raises CommandError when the run ends without verdicts.
    """
    charts, reports = folder / "class", folder / "reports"
    charts.mkdir(parents=True)
    for name, mutation in mutations.items():
        mutation.write(charts / name)
    # One path per chart, because a folder with a single chart would be taken for a repository.
    submissions = [f"--canaryproof-submissions={charts / name}" for name in mutations]
    command = [
        sys.executable,
        "-m",
        "pytest",
        "-m",
        "e2e",
        "--quiet",
        f"--canaryproof-report-dir={reports}",
        *submissions,
        *options,
    ]
    run_to_verdicts(command, timeout=START + EACH * len(mutations))
    return told(reports)


def told(reports: Path) -> dict[str, Told]:
    """Return the results of a run by chart name."""
    rows = json.loads((reports / "results.json").read_text(encoding="utf-8"))["submissions"]
    return {row["name"]: Told(row) for row in rows}


def run_to_verdicts(command: list[str], timeout: float) -> None:
    """Run *command*.

    An exit code for rejections or infrastructure faults is no error, because the results contain them.

    The command gets no summary file of the CI system, because that belongs to the outer run.
    """
    env = {name: value for name, value in os.environ.items() if name != STEP_SUMMARY}
    try:
        run(command, timeout=timeout, cwd=REPOSITORY, env=env, grace=TIDYING)
    except CommandError as error:
        if error.outcome not in {"exit code 1", "exit code 8"}:
            raise


def differences(mutations: Mapping[str, Mutation], said: Mapping[str, Told]) -> Iterable[str]:
    """Yield the expected and the actual result of each mutation that differs."""
    for name, mutation in mutations.items():
        if said[name].verdict != expected(mutation):
            yield f"{said[name]}\nexpected {expected(mutation)}\nseen     {said[name].verdict}"
