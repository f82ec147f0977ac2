"""Collects the programs of the embedded cluster: from the cache for this machine, or cross-compiled for another."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from canaryproof.cluster.embedded.toolchain import EMBEDDED, Machine, provide
from canaryproof.cluster.embedded.toolchain.build import ARCHITECTURES, binary_path, build
from canaryproof.cluster.embedded.toolchain.build_lock import locked, work_folder
from canaryproof.cluster.embedded.toolchain.recipes import RUNC, Tool, tool_of
from canaryproof.errors import ToolchainError
from canaryproof.system.progress import Progress
from toolchain_wheel.elf import read_header

_STARTED_BY_USERS = "kubectl"
"""The name of a file with several commands, if this is one of them: users start it by its path.

canaryproof starts the others itself, and passes their name.
"""


@dataclass(frozen=True)
class ProgramFile:
    """A file of the wheel, and the programs in it."""

    path: Path
    names: tuple[str, ...]
    tool: Tool

    @property
    def name(self) -> str:
        """Return the name of the file in the wheel."""
        return _STARTED_BY_USERS if _STARTED_BY_USERS in self.names else self.names[0]


def wheel_programs() -> dict[str, Tool]:
    """Return the tool of each program in the wheel: all programs of the embedded cluster that are built, and Helm."""
    return {name: tool_of(name) for name in EMBEDDED if name != RUNC}


def machine_with_modules(machine: Machine) -> Machine:
    """Return *machine* with Go's usual module cache, which stays after a build: the licences are read from it."""
    home = machine.env.get("GOPATH") or str(Path(machine.env["HOME"], "go"))
    modules = machine.env.get("GOMODCACHE") or str(Path(home, "pkg", "mod"))
    return replace(machine, env={**machine.env, "GOMODCACHE": modules}, packages=())


def collect(architecture: str, *, cache: Path, progress: Progress, machine: Machine) -> list[ProgramFile]:
    """Return the files of the wheel for *architecture*. Builds those that *cache* does not have.

    Raises ToolchainError when a program does not build, is for another machine, or needs a dynamic linker.
    """
    tools = wheel_programs()
    if architecture == os.uname().machine:
        provided = provide(cache=cache, progress=progress, machine=machine, tools=tools).binaries
        paths = {name: provided[name] for name in tools}  # the distribution's nft stays out, as runc does
    else:
        paths = _cross_compiled(architecture, tools, cache=cache, progress=progress, machine=machine)
    files = _by_file(tools, paths)
    for file in files:
        header = read_header(file.path)
        if header.machine != architecture or not header.is_static:
            kind = "static" if header.is_static else "dynamically linked"
            raise ToolchainError(
                f"{file.path} should be a static program for {architecture}, and is a {kind} one for"
                f" {header.machine or 'an unknown machine'}; remove {file.path.parent} to have it built again"
            )
    return files


def _cross_compiled(
    architecture: str, tools: Mapping[str, Tool], *, cache: Path, progress: Progress, machine: Machine
) -> dict[str, Path]:
    folder = cache.absolute() / f"toolchain-{architecture}"
    paths = {name: binary_path(folder, tool, name) for name, tool in tools.items()}
    with locked(folder / "lock", progress, within=machine.time_limits.toolchain), work_folder(folder) as work:
        missing = {name: tools[name] for name, path in paths.items() if not path.exists()}
        if missing:
            build(missing, folder, work, progress=progress, machine=machine, architecture=ARCHITECTURES[architecture])
    return paths


def _by_file(tools: Mapping[str, Tool], paths: Mapping[str, Path]) -> list[ProgramFile]:
    files: dict[tuple[int, int], list[str]] = {}
    for name, path in paths.items():
        status = path.stat()
        files.setdefault((status.st_dev, status.st_ino), []).append(name)
    groups = sorted(sorted(group) for group in files.values())
    return [ProgramFile(paths[names[0]], tuple(names), tools[names[0]]) for names in groups]
