"""Checks the free disk space before a build, so that a full disk shows at once and not minutes later."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from pathlib import Path

from canaryproof.cluster.embedded.toolchain.host import Machine
from canaryproof.cluster.embedded.toolchain.recipes import Tool
from canaryproof.errors import ToolchainError
from canaryproof.system.process import run

_MEGABYTE = 10**6


def require_space(
    tools: Iterable[Tool], *, go: Path, env: Mapping[str, str], folder: Path, caches: Path, machine: Machine
) -> None:
    """Raise ToolchainError unless each disk has enough free space to build *tools*.

    If the build uses *caches*, data of an interrupted build there reduces the space needed.
    """
    wanted = list(tools)
    if not wanted:
        return
    command = [str(go), "env", "GOCACHE", "GOMODCACHE"]
    build, modules = map(Path, run(command, timeout=machine.time_limits.command, env=env).splitlines())
    there = [folder_size(it) // _MEGABYTE if it.is_relative_to(caches) else 0 for it in (build, modules)]
    needs = [
        (build, "GOCACHE", max(0, sum(it.space.build for it in wanted) - there[0])),
        (modules, "GOMODCACHE", max(0, sum(it.space.modules for it in wanted) - there[1])),
        (folder, "XDG_CACHE_HOME", sum(it.space.binaries for it in wanted)),
    ]
    by_disk: dict[int, list[tuple[Path, str, int]]] = defaultdict(list)
    for need in needs:
        by_disk[_existing(need[0]).stat().st_dev].append(need)
    for together in by_disk.values():
        _require(together, machine.free(_existing(together[0][0])) // _MEGABYTE)


def folder_size(folder: Path) -> int:
    """Return the disk usage of *folder* in bytes; 0 if it does not exist."""
    files = {it.st_ino: it.st_blocks for it in (path.lstat() for path in folder.rglob("*"))}
    return 512 * sum(files.values())


def _require(needs: Iterable[tuple[Path, str, int]], free: int) -> None:
    needs = list(needs)
    needed = sum(megabytes for *_, megabytes in needs)
    if free >= needed:
        return
    places = "".join(f"\n  {path}: {megabytes} MB (elsewhere: set {name})" for path, name, megabytes in needs)
    raise ToolchainError(
        f"building the tools needs {needed} MB on one disk, and {free} MB are free; make room or move a folder:{places}"
    )


def _existing(path: Path) -> Path:
    return next(it for it in (path, *path.parents) if it.exists())
