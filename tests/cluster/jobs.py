"""Runs the main job as a process with its own cache, so that its cluster can be found and counted."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

REPOSITORY = Path(__file__).parents[2]


@contextmanager
def main_job(folder: Path, reports: Path, *options: str) -> Iterator[subprocess.Popen[bytes]]:
    """Run the main job. Its output and cache are in *folder*, and it shares the user's toolchain."""
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "canaryproof"
    (folder / "canaryproof").mkdir(exist_ok=True)
    if not (tools := folder / "canaryproof" / "toolchain").exists():
        tools.symlink_to(cache / "toolchain")
    command = [sys.executable, "-m", "pytest", "-m", "e2e", "--canaryproof-report-dir", str(reports), *options]
    environment = {**os.environ, "XDG_CACHE_HOME": str(folder)}
    with (
        (folder / "output").open("wb") as output,
        subprocess.Popen(command, cwd=REPOSITORY, env=environment, stdout=output, stderr=output) as job,
    ):
        try:
            yield job
        finally:
            job.kill()


def rows_of(reports: Path) -> dict[str, dict[str, Any]]:
    """Return the results of the submissions by name."""
    rows = json.loads((reports / "results.json").read_text(encoding="utf-8"))["submissions"]
    return {row["name"]: row for row in rows}


def running(program: str, cache: Path, argument: str = "") -> int | None:
    """Return a process of the cluster in *cache* that runs *program* and has *argument* among its arguments."""
    return next((pid for pid in processes_of(cache) if _runs(pid, program, argument)), None)


def _runs(pid: int, program: str, argument: str) -> bool:
    try:
        name, *arguments = Path(f"/proc/{pid}/cmdline").read_text(encoding="utf-8").split("\0")
    except (FileNotFoundError, ProcessLookupError):
        return False  # the process has ended in the meantime
    return Path(name).name == program and (not argument or argument in arguments)


def runs_in(cache: Path) -> list[str]:
    """Return the clusters that were started with *cache* and still exist."""
    return [it.name for it in (cache / "canaryproof" / "runs").glob("canaryproof-*")]


def processes_of(cache: Path) -> list[int]:
    """Return the processes of the cluster that was started with *cache*, found by the name of its run folder."""
    names = runs_in(cache)
    found = []
    for file in Path("/proc").glob("[0-9]*/cgroup"):
        try:
            text = file.read_text(encoding="ascii")
        except (FileNotFoundError, ProcessLookupError):
            continue  # the process has ended in the meantime
        if any(f"/{name}" in text for name in names):
            found.append(int(file.parent.name))
    return found
