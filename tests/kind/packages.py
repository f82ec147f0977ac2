"""Downloads and unpacks Debian packages into a folder, without installing them or starting services."""

from __future__ import annotations

import hashlib
import os
import shutil
from dataclasses import dataclass
from pathlib import Path

from canaryproof.errors import CommandError, InfrastructureError
from canaryproof.system.process import run
from canaryproof.system.progress import Progress
from canaryproof.timeouts import TimeLimits

_RELEASE, _INSTALLED = Path("/etc/os-release"), Path("/var/lib/dpkg/status")
_IPTABLES = ("iptables", "iptables-save", "iptables-restore", "ip6tables", "ip6tables-save", "ip6tables-restore")


@dataclass(frozen=True)
class Unpacked:
    """A folder like a root file system that contains only these packages."""

    root: Path

    @property
    def environment(self) -> dict[str, str]:
        """Return the environment in which programs find each other, their libraries and the modules of iptables."""
        usr = self.root / "usr"
        libraries = next(usr.glob("lib/*-linux-gnu"), usr / "lib")
        folders = [self.root / "alternatives", usr / "sbin", usr / "bin", usr / "libexec"]
        return {
            "PATH": ":".join([*map(str, folders), os.environ.get("PATH", os.defpath), "/usr/sbin", "/sbin"]),
            "LD_LIBRARY_PATH": str(libraries),
            "XTABLES_LIBDIR": str(libraries / "xtables"),
            "DEBOOTSTRAP_DIR": str(usr / "share" / "debootstrap"),
        }

    def path(self, name: str) -> Path:
        """Return the path of a package's file, such as ``usr/sbin/dockerd``."""
        return self.root / name


def unpacked_package(name: str, cache: Path, progress: Progress) -> Unpacked:
    """Return a package, unpacked below *cache* with the dependencies that this machine lacks. Download it if necessary.

    Raises InfrastructureError when apt is missing.
    """
    if not shutil.which("apt-get") or not _INSTALLED.exists():
        raise InfrastructureError(
            f"{name} is needed, and only on Debian it can be had without installing it: this is another"
        )
    key = hashlib.sha256(_RELEASE.read_bytes() + _INSTALLED.read_bytes()).hexdigest()[:12]
    place = cache / "debian" / f"{name}-{key}"
    if not place.exists():
        for outdated in place.parent.glob(f"{name}-*"):
            shutil.rmtree(outdated)
        with progress.step(f"fetching {name}"):
            _unpack(name, place)
    return Unpacked(place)


def _unpack(name: str, place: Path) -> None:
    work = place.with_name(f".{place.name}")
    shutil.rmtree(work, ignore_errors=True)
    for folder in ("lists", "archives"):
        (work / folder / "partial").mkdir(parents=True)
    _fetch(name, work)
    for archive in sorted((work / "archives").glob("*.deb")):
        run(["dpkg-deb", "--extract", str(archive), str(work / "root")], timeout=TimeLimits().command)
    alternatives = work / "root" / "alternatives"  # the links that an installation makes
    alternatives.mkdir()
    for command in _IPTABLES:
        (alternatives / command).symlink_to("../usr/sbin/xtables-nft-multi")
    (work / "root").rename(place)
    shutil.rmtree(work)


def _fetch(name: str, work: Path) -> None:
    """Download the missing packages by the machine's lists, or by new lists if these are outdated."""
    apt = ["apt-get", "-qq", "-o", f"Dir::Cache::archives={work / 'archives'}"]
    apt += ["-o", "Acquire::AllowInsecureRepositories=false", "-o", "APT::Get::AllowUnauthenticated=false"]
    private = [
        "-o",
        f"Dir::State::lists={work / 'lists'}",
        "-o",
        "Dir::Cache::srcpkgcache=",
        "-o",
        "Dir::Cache::pkgcache=",
    ]
    install = ["install", "--download-only", "--no-install-recommends", "--reinstall", "--yes", name]
    try:
        run([*apt, *install], timeout=TimeLimits().fetch)
    except CommandError:
        run([*apt, *private, "update"], timeout=TimeLimits().fetch)
        run([*apt, *private, *install], timeout=TimeLimits().fetch)
