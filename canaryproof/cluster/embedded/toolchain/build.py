"""Builds programs from their pinned modules with ``go build``. Installs each program completely or not at all."""

from __future__ import annotations

import os
import shlex
import shutil
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from canaryproof.cluster.embedded.toolchain.build_progress import TEMPLATE, BuildProgress
from canaryproof.cluster.embedded.toolchain.disk_space import require_space
from canaryproof.cluster.embedded.toolchain.golang import find_go, version_tuple
from canaryproof.cluster.embedded.toolchain.host import Machine
from canaryproof.cluster.embedded.toolchain.recipes import Build, Tool, builds_of, go_name
from canaryproof.errors import CommandError, ToolchainError
from canaryproof.system.ownership import make_folder
from canaryproof.system.process import stream
from canaryproof.system.progress import Progress
from canaryproof.timeouts import TimeLimits

ARCHITECTURES = {"x86_64": "amd64", "aarch64": "arm64"}
"""Go's name of each architecture for which there are builds, by its name in ``uname -m``."""
_LAST_LINES = 20
_SETTINGS = {
    "CGO_ENABLED": "0",
    "GOTOOLCHAIN": "local",
    "GOFLAGS": "-mod=readonly -modcacherw -buildvcs=false",
    "GOWORK": "off",
    "GO111MODULE": "on",
}
"""The Go settings that determine the result. The user still chooses Go's download sources and cache folders.

With ``-mod=readonly``, Go rejects a module whose hash is not in ``go.sum``, for any proxy and checksum database.
"""
_NOT_FOR_THIS_BUILD = (
    "GOOS",
    "GOARCH",
    "GOAMD64",
    "GOARM64",
    "GOFIPS140",
    "GOROOT",
    "GOEXPERIMENT",
    "GOSUMDB",
    "GONOSUMDB",
    "GONOSUMCHECK",
    "GOPRIVATE",
    "GOINSECURE",
    "GOVCS",
    "GOENV",
)
"""User variables that target other machines or weaken checks. ``GOENV`` names a file that can set more of them."""


def binary_path(folder: Path, tool: Tool, binary: str) -> Path:
    """Return the path of *binary* of *tool* below *folder*, which need not exist."""
    return folder / f"{tool.name}-{tool.key}" / binary


def build(
    binaries: Mapping[str, Tool],
    folder: Path,
    work: Path,
    *,
    progress: Progress,
    machine: Machine,
    architecture: str = "",
) -> None:
    """Build *binaries* into *folder*. A binary in *folder* is complete, even if the build of another is interrupted.

    *binaries* maps each name to its tool. *work* is a folder on the same disk. *architecture* is one of Go's names, as
    in :data:`ARCHITECTURES`; empty means that of this machine. The caller must hold the lock of *folder*.

    Removes Go's caches after success. Keeps them after a failure, so that the next build continues from there. Uses the
    caches that the user's environment names (GOCACHE, GOMODCACHE) instead, and never removes these.

    Raises ToolchainError when no Go is available, when disk space is short, or when a build fails.
    """
    needed = max((it.go_version for it in binaries.values()), key=version_tuple)
    go = find_go(needed, folder, work, progress=progress, machine=machine)
    env = go_environment(machine, folder, work, architecture)
    require_space(
        {it.key: it for it in binaries.values()}.values(),
        go=go,
        env=env,
        folder=folder,
        caches=caches_folder(folder),
        machine=machine,
    )
    with progress.step("building the tools") as say:
        seen = BuildProgress(say)
        builds = builds_of(binaries)
        for each in builds:
            argv = [str(go), "list", "-deps", "-f", TEMPLATE, *each.arguments]
            _run(argv, each, env=env, complaints=seen.complaints, on_line=seen.listed, time_limits=machine.time_limits)
        output = work / "programs"
        for each in builds:
            argv = [str(go), "build", "-v", "-o", f"{output}/", *each.arguments]
            _run(argv, each, env=env, complaints=seen.complaints, on_line=seen.built, time_limits=machine.time_limits)
            for file, places in _places(each, folder).items():
                _put(output / file, places)
    shutil.rmtree(caches_folder(folder), ignore_errors=True)


def caches_folder(folder: Path) -> Path:
    """Return the folder of Go's caches during a build, unless the user's environment names others."""
    return folder / "go-caches"


def _run(
    argv: Sequence[str],
    build: Build,
    *,
    env: Mapping[str, str],
    complaints: list[str],
    on_line: Callable[[str], None],
    time_limits: TimeLimits,
) -> None:
    try:
        stream(argv, timeout=time_limits.build, on_line=on_line, env=env, cwd=build.pins, grace=time_limits.grace)
    except CommandError as error:
        said = "\n".join(f"  {it}" for it in complaints[-_LAST_LINES:]) or "  (nothing)"
        raise ToolchainError(
            f"these tools do not build: {', '.join(build.programs)}; go {argv[1]}, {error.outcome}. It said:\n{said}"
            f"\nIf these lines speak of a network or of a disk, that is what to repair: the next run goes on from here."
            f"\nTo repeat it by hand:\n  {_by_hand(build)}"
        ) from error


def _by_hand(build: Build) -> str:
    settings = " ".join(f"{name}={shlex.quote(value)}" for name, value in _SETTINGS.items())
    command = shlex.join(["go", "build", "-o", "/dev/null", *build.arguments])
    return f"cd {shlex.quote(str(build.pins))} && {settings} {command}"


def go_environment(machine: Machine, folder: Path, work: Path, architecture: str = "") -> dict[str, str]:
    """Return the environment of ``go`` for a build for *architecture*; empty means that of this machine.

    Puts Go's large temporary files in *work*, because ``/tmp`` is often in memory.
    """
    kept = {name: value for name, value in machine.env.items() if name not in _NOT_FOR_THIS_BUILD}
    collect = {"GOGC": "off"} if machine.free_memory() >= _roomy(os.cpu_count() or 1) else {}
    own = {"GOCACHE": str(caches_folder(folder) / "build"), "GOMODCACHE": str(caches_folder(folder) / "modules")}
    target = {"GOARCH": architecture} if architecture else {}
    return {"HOME": str(folder), "GOTMPDIR": str(work), **own, **collect, **kept, **_SETTINGS, **target}


def _roomy(cores: int) -> int:
    """Return the free memory, in bytes, from which Go's tools can skip garbage collection, which takes time.

    Without garbage collection, a linker grows to 3 GB, ``go`` itself to 1.5 GB, and the compiler on each core to less
    than 1 GB.
    """
    return 2**30 * (4 + cores)


def _places(build: Build, folder: Path) -> dict[str, list[Path]]:
    """Return the paths for each file that Go builds: one for each program in the file, whether requested or not."""
    places = {}
    for program, tool in build.programs.items():
        package = tool.packages[program]
        names = (name for name, of in tool.packages.items() if of == package)
        places[go_name(package)] = [binary_path(folder, tool, name) for name in names]
    return places


def _put(built: Path, places: Sequence[Path]) -> None:
    """Link a finished program to each of *places*. Syncs it to disk first, so that no name leads to a partial file."""
    with built.open("rb") as file:
        os.fsync(file.fileno())
    built.chmod(0o755)
    for place in places:
        make_folder(place.parent)
        link = built.with_name(f"{place.name}.link")
        link.hardlink_to(built)
        link.replace(place)
