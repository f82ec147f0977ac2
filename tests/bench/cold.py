"""Measures the first command of a new user with empty caches, and the build of each tool."""

from __future__ import annotations

import os
import resource
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from canaryproof.cluster.embedded.toolchain import EMBEDDED, Machine, folder_size, provide
from canaryproof.cluster.embedded.toolchain.recipes import RUNC, tool_of
from canaryproof.system.process import run
from canaryproof.system.progress import Progress
from canaryproof.timeouts import TimeLimits
from tests.bench.figures import Figures
from tests.bench.measuring import REPOSITORY

MEGABYTE = 10**6
LONG = 7200.0
"""The time limit in seconds."""


def first_command(revision: str, runs: int, figures: Figures, progress: Progress) -> None:
    """Measure the README's first command in a fresh clone of *revision*, with an empty home folder."""
    for number in range(runs):
        with progress.step(f"from nothing to a verdict, {number + 1} of {runs}"), _empty_home() as home:
            clone = home / "clone"
            run(["git", "clone", "--quiet", str(REPOSITORY), str(clone)], timeout=LONG)
            run(["git", "-C", str(clone), "checkout", "--quiet", revision], timeout=LONG)
            what = f"from nothing to a verdict, {revision}"
            with _timed(what, figures):
                run([str(clone / "toxw"), "run", "-e", "e2e"], timeout=LONG, env=_environment(home), cwd=clone)
            figures.add(f"{what}: stays in the home folder", _size(home / ".cache") + _size(home / "go"), "MB")


def tools(figures: Figures, progress: Progress) -> None:
    """Measure the build of each tool of the embedded cluster in order, starting with empty caches of Go."""
    with _empty_home() as home:
        caches = {"GOCACHE": str(home / "build"), "GOMODCACHE": str(home / "modules")}
        machine = Machine(TimeLimits(), env={**_environment(home), **caches}, packages=())
        for programs in _programs_of_tools():
            name = ", ".join(programs)
            before = _size(home / "build"), _size(home / "modules")
            with progress.step(f"building {name}"), _timed(name, figures):
                toolchain = provide(cache=home / "cache", progress=progress, tools=programs, machine=machine)
            figures.add(f"{name}: size", toolchain.path(programs[0]).stat().st_size / MEGABYTE, "MB")
            figures.add(f"{name}: Go's build cache", _size(home / "build") - before[0], "MB")
            figures.add(f"{name}: Go's modules", _size(home / "modules") - before[1], "MB")


def _programs_of_tools() -> list[list[str]]:
    """Return the programs of each file that is built."""
    files: dict[tuple[str, str], list[str]] = {}
    for name in EMBEDDED:
        if name != RUNC:
            tool = tool_of(name)
            files.setdefault((tool.key, tool.packages[name]), []).append(name)
    return list(files.values())


@contextmanager
def _empty_home() -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="canaryproof-cold-", dir="/var/tmp", ignore_cleanup_errors=True) as folder:
        yield Path(folder)


def _environment(home: Path) -> dict[str, str]:
    """Return the environment without the variables that name caches."""
    caches = ("XDG_CACHE_HOME", "GOCACHE", "GOMODCACHE", "GOPATH", "GOFLAGS", "PIP_CACHE_DIR")
    return {**{name: value for name, value in os.environ.items() if name not in caches}, "HOME": str(home)}


@contextmanager
def _timed(what: str, figures: Figures) -> Iterator[None]:
    before, began = resource.getrusage(resource.RUSAGE_CHILDREN), time.monotonic()
    yield
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    figures.add(f"{what}: time", time.monotonic() - began)
    figures.add(f"{what}: processor time", after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime)


def _size(folder: Path) -> float:
    return folder_size(folder) / MEGABYTE
