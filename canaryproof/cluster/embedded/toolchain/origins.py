"""Lists where each program of the embedded cluster comes from: an installed wheel, the cache, or a build to come."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from canaryproof.cluster.embedded.toolchain import places_of
from canaryproof.cluster.embedded.toolchain.host import Machine
from canaryproof.cluster.embedded.toolchain.installed_wheel import DISTRIBUTION, InstalledWheel, find_wheel, release_of
from canaryproof.cluster.embedded.toolchain.recipes import RUNC, tool_of

Source = Literal["wheel", "cache", "to be built", "to be fetched"]


@dataclass(frozen=True)
class Origin:
    """A program, its release, and the place where it is or will be."""

    name: str
    release: str
    """The tool and its version, such as ``kubernetes 1.37.2``. Empty for runc, which is not pinned."""
    source: Source
    path: Path


def origins(cache: Path, machine: Machine, kubernetes: str = "") -> tuple[Origin, ...]:
    """Return the origin of each program. *kubernetes* is a minor version; empty means the newest."""
    wheel = find_wheel(machine)
    found = []
    for name, path in places_of(cache, machine, wheel, kubernetes=kubernetes).items():
        release = "" if name == RUNC else release_of(tool_of(name, kubernetes))
        found.append(Origin(name, release, _source(name, path, wheel), path))
    return tuple(found)


def table_of(found: Sequence[Origin], wheel: InstalledWheel) -> Iterator[str]:
    """Yield the lines of a table of origins, and last the fault of *wheel*, if it has one."""
    widths = [max(len(text) for text in column) for column in ([it.name for it in found], [it.release for it in found])]
    sources = {"wheel": f"{DISTRIBUTION} {wheel.version}"}
    for it in found:
        source = sources.get(it.source, it.source)
        yield f"{it.name:{widths[0]}}   {it.release:{widths[1]}}   {source}: {it.path}"
    if wheel.fault:
        yield f"{DISTRIBUTION} {wheel.version} in {wheel.folder} is not used: {wheel.fault}; {wheel.remedy}"


def _source(name: str, path: Path, wheel: InstalledWheel) -> Source:
    if wheel.folder and path.is_relative_to(wheel.folder):
        return "wheel"
    if os.access(path, os.X_OK):
        return "cache"
    return "to be fetched" if name == RUNC else "to be built"
