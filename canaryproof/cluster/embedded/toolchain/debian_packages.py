"""Fetches and unpacks packages of Debian and its derivatives. Only reads the configuration of the host's apt."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from canaryproof.cluster.embedded.toolchain.host import Machine
from canaryproof.errors import ToolchainError
from canaryproof.system.process import run

_SIGNED = """\
Acquire::AllowInsecureRepositories "false";
Acquire::AllowWeakRepositories "false";
Acquire::AllowDowngradeToInsecureRepositories "false";
APT::Get::AllowUnauthenticated "false";
"""
"""apt's defaults, which override the host's settings: apt accepts only packages that the distribution has signed."""


def unpacked(work: Path, command: Sequence[str], *, apt: Path, unpack: Path, machine: Machine) -> Path:
    """Return a folder below *work* with the content of the packages that the apt-get *command* downloads.

    *apt* and *unpack* are the commands ``apt-get`` and ``dpkg-deb``. *work* is an empty folder.

    Raises CommandError when a command fails, and ToolchainError when *command* downloads no package.
    """
    argv, root, limits = [str(apt), "-c", str(_private_configuration(work))], work / "root", machine.time_limits
    for each in (["update"], command):
        run([*argv, *each], timeout=limits.fetch, env=machine.env, cwd=work, grace=limits.grace)
    packages = sorted([*work.glob("*.deb"), *work.glob("cache/archives/*.deb")])
    if not packages:
        raise ToolchainError(f"apt-get {' '.join(command)} downloaded nothing")
    for package in packages:
        run([str(unpack), "-x", str(package), str(root)], timeout=limits.command, env=machine.env, cwd=work)
    return root


def only(folder: Path, pattern: str) -> Path:
    """Return the first path of an unpacked package that matches *pattern*. Raises ToolchainError if there is none."""
    found = sorted(folder.glob(pattern))
    if not found:
        raise ToolchainError(f"the package holds no {pattern}")
    return found[0]


def _private_configuration(work: Path) -> Path:
    """Write a configuration that apt reads last. It sets private state and cache folders and clears all hooks."""
    lists, archives = work / "lists", work / "cache" / "archives"
    for folder in (lists, archives):
        (folder / "partial").mkdir(parents=True)
    file = work / "apt.conf"
    file.write_text(
        f'Dir::State::lists "{lists}";\nDir::Cache "{work / "cache"}";\n#clear APT::Update;\n#clear DPkg;\n{_SIGNED}'
    )
    return file
