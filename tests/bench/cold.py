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
from canaryproof.system.paths import cache_folder
from canaryproof.system.process import run
from canaryproof.system.progress import Progress
from canaryproof.timeouts import TimeLimits
from tests.bench.figures import Figures
from tests.bench.measuring import REPOSITORY
from toolchain_wheel.local_index import install, make_index

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


def with_wheel(runs: int, figures: Figures, progress: Progress) -> None:
    """Measure the way from ``python -m venv`` to a verdict with the wheel of the programs, and an empty home folder.

    Both wheels are in a local folder. The other packages come from where pip finds them. runc is on the PATH.
    """
    cache, machine = cache_folder(os.environ), Machine(TimeLimits())
    runc = provide(cache=cache, progress=progress, machine=machine, tools=[RUNC]).path(RUNC)
    with _empty_home() as index:
        make_index(index, progress)
        for number in range(runs):
            with progress.step(f"with the wheel, {number + 1} of {runs}"), _empty_home() as home:
                environment = {"HOME": str(home), "PATH": f"{runc.parent}:/usr/sbin:/usr/bin:/sbin:/bin"}
                command = [str(home / "venv" / "bin" / "canaryproof"), "check", str(REPOSITORY / "upcommerce")]
                with _timed("with the wheel, from a venv to a verdict", figures):
                    with _timed("with the wheel, installation", figures):
                        install(home / "venv", index, LONG)
                    run([*command, "--cluster", "embedded"], timeout=LONG, env=environment, cwd=home)
                figures.add("with the wheel: stays in the cache folder", _size(home / ".cache" / "canaryproof"), "MB")


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
