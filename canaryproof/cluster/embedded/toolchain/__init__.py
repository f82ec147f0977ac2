"""Provides the binaries of the embedded cluster: those of an installed wheel, or else built once and kept in the cache.

:mod:`recipes` defines the builds. :mod:`installed_wheel` finds the wheel with the results. :mod:`build` runs the builds
with the Go that :mod:`golang` finds. :mod:`runc` provides runc, the only binary that is not built. :mod:`build_lock`
lets one run at a time do this.
"""

from __future__ import annotations

import os
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path

from canaryproof.cluster.embedded.toolchain import golang
from canaryproof.cluster.embedded.toolchain.build import binary_path, build
from canaryproof.cluster.embedded.toolchain.build_lock import locked, work_folder
from canaryproof.cluster.embedded.toolchain.disk_space import folder_size
from canaryproof.cluster.embedded.toolchain.host import Machine
from canaryproof.cluster.embedded.toolchain.installed_wheel import DISTRIBUTION, InstalledWheel, find_wheel
from canaryproof.cluster.embedded.toolchain.nft import NFT, provide_nft
from canaryproof.cluster.embedded.toolchain.recipes import (
    EMBEDDED,
    RUNC,
    Tool,
    kubernetes_minors,
    minor_of,
    pinned_helm,
    pinned_kubernetes,
    tool_of,
)
from canaryproof.cluster.embedded.toolchain.runc import provide_runc, runc_path
from canaryproof.errors import CommandError, ToolchainError
from canaryproof.system.logs import logger_of
from canaryproof.system.ownership import require_own
from canaryproof.system.process import run
from canaryproof.system.progress import Progress

_LOG = logger_of(__name__)

__all__ = [
    "EMBEDDED",
    "InstalledWheel",
    "Machine",
    "Toolchain",
    "find_wheel",
    "folder_size",
    "is_built",
    "kubernetes_minors",
    "places_of",
    "provide",
]


@dataclass(frozen=True)
class Toolchain:
    """Binaries that exist, and their versions."""

    kubernetes: str
    """The version of Kubernetes, such as ``1.37.2``."""
    helm: str
    """The version of Helm, such as ``4.3.1``."""
    binaries: Mapping[str, Path]
    """The path of each binary. Several may be one file, which is then to be started under the name of the binary."""
    lacks: Mapping[str, str] = field(default_factory=dict)
    """The optional commands that are not available, each with the reason."""

    def path(self, name: str) -> Path:
        """Return the path of the binary *name*. Raises ToolchainError when the toolchain does not include it."""
        if name not in self.binaries:
            raise ToolchainError(f"{name} is not among the tools asked for: {', '.join(self.binaries)}")
        return self.binaries[name]


def provide(
    *,
    cache: Path,
    progress: Progress,
    machine: Machine,
    ready: Path | None = None,
    tools: Collection[str] = EMBEDDED,
    kubernetes: str = "",
) -> Toolchain:
    """Return the binaries *tools*: those of an installed wheel, or else of *cache*. Builds those that both lack.

    A wheel that was made of other pins is ignored. The progress display of a build says so, and with it the error of a
    build that fails.

    *ready* is a folder with ready binaries, which are used instead. It can lack runc, which then comes from the system
    or its distribution. *kubernetes* is a minor version, one of :func:`kubernetes_minors`. If empty, it means the
    version of *ready*, or else the newest.

    With kube-proxy, the result also has the optional command nft, or the reason why it lacks nft.

    Raises ToolchainError when a binary is missing or not available; the message names it and the remedy. Raises
    UsageError when another user could replace a binary.
    """
    if ready:
        toolchain = _ready(ready, cache=cache, progress=progress, tools=tools, machine=machine)
        if kubernetes and minor_of(toolchain.kubernetes) != kubernetes:
            raise ToolchainError(
                f"Kubernetes {kubernetes} is asked for, and {ready} holds {toolchain.kubernetes}; leave out"
                " --toolchain to have it built, or --kubernetes to take what is there"
            )
        return _with_nft(toolchain, ready / NFT, cache=cache, progress=progress, machine=machine)
    wheel = find_wheel(machine)
    places = _provide(tools, kubernetes, cache=cache, progress=progress, machine=machine, wheel=wheel)
    for path in places.values():
        # The wheel lies beside Python code that this process has imported. A check of its owner protects nothing.
        if wheel.folder is None or not path.is_relative_to(wheel.folder):
            require_own(path, "the cluster's tool")
    toolchain = Toolchain(kubernetes=pinned_kubernetes(kubernetes), helm=pinned_helm(), binaries=places)
    return _with_nft(toolchain, None, cache=cache, progress=progress, machine=machine)


def _with_nft(
    toolchain: Toolchain, ready: Path | None, *, cache: Path, progress: Progress, machine: Machine
) -> Toolchain:
    """Add the command nft, which kube-proxy needs: *ready* if it exists. If there is none, add the reason."""
    if "kube-proxy" not in toolchain.binaries:
        return toolchain
    try:
        exists = ready is not None and ready.exists()
        nft = ready if ready and exists else provide_nft(tools_folder(cache), progress=progress, machine=machine)
    except ToolchainError as error:
        return replace(toolchain, lacks={NFT: str(error)})
    require_own(nft, "the cluster's tool")
    return replace(toolchain, binaries={**toolchain.binaries, NFT: nft.absolute()})


def tools_folder(cache: Path) -> Path:
    """Return the folder below *cache* that holds the built binaries."""
    return cache.absolute() / "toolchain"


def is_built(cache: Path, machine: Machine, tools: Collection[str] = EMBEDDED, kubernetes: str = "") -> bool:
    """Report whether *cache* has all the binaries *tools*, so that `provide` has nothing to build."""
    return not _missing(places_of(cache, machine, find_wheel(machine), tools, kubernetes))


def places_of(
    cache: Path, machine: Machine, wheel: InstalledWheel, tools: Collection[str] = EMBEDDED, kubernetes: str = ""
) -> dict[str, Path]:
    """Return the path that each of *tools* has, or will have when it is built. Prefers *wheel* to *cache*."""
    folder = tools_folder(cache)
    return {
        name: runc_path(folder, machine) if name == RUNC else _place(folder, name, tool_of(name, kubernetes), wheel)
        for name in tools
    }


def space_for(tools: Collection[str], kubernetes: str = "") -> int:
    """Return the maximum disk space, in bytes, for a build of *tools* from empty caches."""
    spaces = {tool.key: tool.space for tool in (tool_of(it, kubernetes) for it in tools if it != RUNC)}
    return 10**6 * sum(it.build + it.modules + it.binaries for it in spaces.values())


def go_for(tools: Collection[str], kubernetes: str = "") -> str:
    """Return the oldest version of Go that can build *tools*."""
    return max((tool_of(it, kubernetes).go_version for it in tools if it != RUNC), key=golang.version_tuple)


def _provide(
    tools: Collection[str],
    kubernetes: str = "",
    *,
    cache: Path,
    progress: Progress,
    machine: Machine,
    wheel: InstalledWheel,
) -> dict[str, Path]:
    folder = tools_folder(cache)
    places = places_of(cache, machine, wheel, tools, kubernetes)
    if not _missing(places):
        return places
    with locked(folder / "lock", progress, within=machine.time_limits.toolchain), work_folder(folder) as work:
        missing = _missing(places)  # another run may have built them meanwhile
        if RUNC in missing:
            missing.remove(RUNC)
            provide_runc(places[RUNC], work, progress=progress, machine=machine)
        if missing:
            binaries = {it: tool_of(it, kubernetes) for it in missing}
            with _telling_why(wheel, missing, progress):
                build(binaries, folder, work, progress=progress, machine=machine)
    return places


@contextmanager
def _telling_why(wheel: InstalledWheel, missing: Collection[str], progress: Progress) -> Iterator[None]:
    """Show during the block why *wheel* does not provide *missing*, if it has a fault. So do the block's errors."""
    if not wheel.fault or not set(missing) & set(EMBEDDED):
        yield
        return
    said = f"the installed {DISTRIBUTION} {wheel.version} is not used: {wheel.fault}"
    _LOG.info("%s; %s", said, wheel.remedy)
    try:
        with progress.step(said):
            yield
    except ToolchainError as error:
        raise ToolchainError(f"{error}\nBesides, {said}; {wheel.remedy}") from error


def _place(folder: Path, name: str, tool: Tool, wheel: InstalledWheel) -> Path:
    return wheel.path(name, tool) or binary_path(folder, tool, name)


def _missing(places: Mapping[str, Path]) -> list[str]:
    return [name for name, path in places.items() if not os.access(path, os.X_OK)]


def _ready(folder: Path, *, cache: Path, progress: Progress, tools: Collection[str], machine: Machine) -> Toolchain:
    places = {name: folder.absolute() / name for name in tools}
    for path in (folder, *places.values()):
        require_own(path, "--toolchain")
    missing = _missing(places)
    if RUNC in missing:
        missing.remove(RUNC)
        places |= _provide([RUNC], cache=cache, progress=progress, machine=machine, wheel=InstalledWheel())
    if missing:
        raise ToolchainError(
            f"{folder} should hold {len(tools)} executable files and lacks {', '.join(missing)}; add them, or leave out"
            " --toolchain to have all of them built"
        )
    return Toolchain(
        kubernetes=_version(places, "kube-apiserver", ["--version"], machine) or pinned_kubernetes(),
        helm=_version(places, "helm", ["version", "--template={{.Version}}"], machine) or pinned_helm(),
        binaries=places,
    )


def _version(places: Mapping[str, Path], name: str, arguments: list[str], machine: Machine) -> str:
    """Run a ready binary to get its version, such as ``1.37.2``. Empty if *places* does not include the binary."""
    if name not in places:
        return ""
    try:
        said = run([str(places[name]), *arguments], timeout=machine.time_limits.command, env=machine.env)
    except CommandError as error:
        raise ToolchainError(
            f"{places[name]} does not tell its version; is it built for this machine?\n{error}"
        ) from error
    return said.split()[-1].removeprefix("v") if said.strip() else ""
