"""Provides nft: that of the system, or that of the distribution's package, fetched without installing it.

kube-proxy changes the kernel's rules with it. It is not built, because its libraries are in C. The cluster also works
without it, but then Services have no addresses.
"""

from __future__ import annotations

import hashlib
import os
import re
import shutil
from collections.abc import Iterator
from pathlib import Path

from canaryproof.cluster.embedded.toolchain.build_lock import locked, work_folder
from canaryproof.cluster.embedded.toolchain.debian_packages import only, unpacked
from canaryproof.cluster.embedded.toolchain.host import Machine
from canaryproof.errors import CommandError, InfrastructureError, ToolchainError
from canaryproof.system.ownership import make_folder
from canaryproof.system.process import run
from canaryproof.system.progress import Progress

NFT = "nft"
OLDEST = (1, 0, 1)
"""The oldest version that kube-proxy accepts."""
INSTALL = "install the package nftables of your distribution"

_SYSTEM_FOLDERS = ("/usr/local/sbin", "/usr/sbin", "/sbin")
"""The folders of system commands, which an ordinary user's PATH often lacks."""
_DOWNLOAD = ("install", "--download-only", "--yes", "--no-install-recommends", "--option=Debug::NoLocking=true")
"""Downloads a package, and those of its dependencies that the system does not have."""


def provide_nft(folder: Path, *, progress: Progress, machine: Machine) -> Path:
    """Return the path of an nft that kube-proxy accepts. Fetches it into *folder* if the system has none.

    Libraries that the system lacks are beside a fetched nft.

    A failure is recorded in *folder*, so that only the first run tries to fetch it.

    Raises ToolchainError with the reason when no nft is available.
    """
    system = _system_nft(machine)
    place = _place(folder, system, machine)
    failure = place.parent / "unavailable"
    if not place.exists() and not failure.exists():
        with locked(folder / "lock", progress, within=machine.time_limits.toolchain), work_folder(folder) as work:
            if not place.exists():
                make_folder(place.parent)
                try:
                    _provide(place, system, work, progress=progress, machine=machine)
                except (CommandError, ToolchainError) as error:
                    failure.write_text(str(error), encoding="utf-8")
    if place.exists():
        return place
    reason = failure.read_text(encoding="utf-8")
    raise ToolchainError(f"{reason}; {INSTALL}, or remove {failure} to try again")


def against(folder: Path, machine: Machine, rules: Path) -> str:
    """Return why the cluster would go on without nft. Empty if no reason is known.

    *folder* is the one of :func:`provide_nft`. *rules* is a file of rules that the kernel must accept. This function
    tries them in a new network namespace, if there is an nft already.
    """
    system = _system_nft(machine)
    if shortcoming := system and _shortcoming(system, machine):
        return shortcoming
    nft = system or _place(folder, None, machine)
    if not nft.exists():
        fetchable = machine.which("apt-get") and machine.which("dpkg-deb")
        return "" if fetchable else "there is no command nft"
    return _refusal(nft, machine, rules)


def _refusal(nft: Path, machine: Machine, rules: Path) -> str:
    """Return why the kernel does not accept *rules*. Empty if it does, or if they cannot be tried."""
    unshare = machine.which("unshare")
    if not unshare:
        return ""
    user = [] if os.geteuid() == 0 else ["--user", "--map-root-user"]
    command = [str(unshare), "--net", *user, str(nft), "--file", str(rules)]
    try:
        run(command, timeout=machine.time_limits.command, env=_environment(machine, nft.parent))
    except CommandError as error:
        return f"the kernel does not let nft change rules: {error.stderr.strip() or error.outcome}".splitlines()[0]
    return ""


def _provide(place: Path, system: Path | None, work: Path, *, progress: Progress, machine: Machine) -> None:
    if system:
        if shortcoming := _shortcoming(system, machine):
            raise ToolchainError(shortcoming)
        place.symlink_to(system)
        return
    apt, unpack = machine.which("apt-get"), machine.which("dpkg-deb")
    if not apt or not unpack:
        raise ToolchainError("there is no command nft")
    with progress.step("fetching nft"):
        root = unpacked(work, [*_DOWNLOAD, "nftables"], apt=apt, unpack=unpack, machine=machine)
        for library in _libraries(root):
            shutil.copyfile(library, place.parent / library.name)
        fetched = only(root, "usr/*bin/nft").resolve()
        if shortcoming := _shortcoming(fetched, machine, libraries=place.parent):
            raise ToolchainError(shortcoming)
        fetched.replace(place)


def _libraries(root: Path) -> Iterator[Path]:
    """Yield the libraries of an unpacked package by the names under which programs load them: ``libx.so.1``."""
    return (it for it in root.glob("**/lib*.so.*") if re.fullmatch(r"lib[^.]+\.so\.\d+", it.name))


def _shortcoming(nft: Path, machine: Machine, *, libraries: Path | None = None) -> str:
    """Return why *nft* is unsuitable. Empty if it is suitable."""
    env = _environment(machine, libraries or nft.parent)
    try:
        said = run([str(nft), "--version"], timeout=machine.time_limits.command, env=env)
    except (CommandError, InfrastructureError) as error:
        return f"{nft} does not run: {error}"
    found = re.search(r"v(\d+(?:\.\d+)+)", said)
    version = tuple(map(int, found[1].split("."))) if found else ()
    return "" if version >= OLDEST else f"{nft} is older than {'.'.join(map(str, OLDEST))}"


def _environment(machine: Machine, libraries: Path) -> dict[str, str]:
    """Return the environment of an nft whose libraries are in the folder *libraries*, or are the system's."""
    return {**machine.env, "LD_LIBRARY_PATH": str(libraries)}


def _system_nft(machine: Machine) -> Path | None:
    path = os.pathsep.join((machine.env.get("PATH", os.defpath), *_SYSTEM_FOLDERS))
    found = shutil.which(NFT, path=path)
    return Path(found) if found else None


def _place(folder: Path, system: Path | None, machine: Machine) -> Path:
    """Return the path below *folder*. It depends on the distribution's release and on the system's nft."""
    facts = [machine.os_release.read_text() if machine.os_release.exists() else ""]
    if system:
        facts += [str(system), str(system.stat().st_mtime_ns), str(system.stat().st_size)]
    return folder / f"nft-{hashlib.sha256(' '.join(facts).encode()).hexdigest()[:12]}" / NFT
