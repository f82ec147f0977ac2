"""Writes the description of the programs, and has hatchling make the wheel."""

from __future__ import annotations

import shutil
import sys
import tempfile
import tomllib
from collections.abc import Callable, Sequence
from pathlib import Path

import msgspec

from canaryproof.cluster.embedded.toolchain.installed_wheel import (
    IDENTITY,
    PACKAGE,
    PROGRAMS,
    Identity,
    Program,
    release_of,
)
from canaryproof.errors import ToolchainError
from canaryproof.system.process import run
from canaryproof.timeouts import TimeLimits
from toolchain_wheel.programs import ProgramFile

_HERE = Path(__file__).parent
_REPOSITORY = _HERE.parent
LARGEST = 100 * 10**6
"""The maximum size of a wheel, in bytes. PyPI accepts files of up to 100 MiB, which is a little more."""
_PLATFORMS = ("manylinux2014", "manylinux_2_17", "musllinux_1_1")
"""The platforms of the wheel. Static programs run with any C library, so these are the oldest that pip still knows."""


def tag_of(architecture: str) -> str:
    """Return the tag of a wheel for *architecture* (PEP 425, PEP 600 and PEP 656)."""
    return f"py3-none-{'.'.join(f'{each}_{architecture}' for each in _PLATFORMS)}"


def identity_of(files: Sequence[ProgramFile], architecture: str, version: str) -> Identity:
    """Return the description of a wheel with *files*."""
    programs = {name: Program(file.name, file.tool.key, release_of(file.tool)) for file in files for name in file.names}
    return Identity(version, architecture, dict(sorted(programs.items())))


def stage(files: Sequence[ProgramFile], identity: Identity, licences: str, folder: Path) -> None:
    """Write everything that hatchling needs into *folder*, but the bills of materials, for which it makes a folder."""
    shutil.copytree(_HERE / "project", folder, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(_REPOSITORY / "LICENSE", folder)
    (folder / "THIRD-PARTY-LICENSES.txt").write_text(licences, encoding="utf-8")
    (folder / "tag.txt").write_text(tag_of(identity.machine), encoding="ascii")
    (folder / PACKAGE / IDENTITY).write_bytes(msgspec.json.format(msgspec.json.encode(identity)) + b"\n")
    (folder / PACKAGE / PROGRAMS).mkdir()
    for file in files:
        target = folder / PACKAGE / PROGRAMS / file.name
        shutil.copyfile(file.path, target)
        target.chmod(0o755)
    (folder / "sboms").mkdir()


def pack(staged: Path, into: Path, *, within: float) -> Path:
    """Make the wheel of the *staged* project, and return it in the folder *into*. *within* is a time limit in seconds.

    Raises ToolchainError when the wheel is larger than a package index accepts.
    """
    return _made(staged, into, within, require_size)


def make_own_wheel(into: Path) -> Path:
    """Make the wheel of canaryproof in the folder *into*, and return it."""
    return _made(_REPOSITORY, into, TimeLimits().build)


def own_version() -> str:
    """Return the version of canaryproof in this repository."""
    project = tomllib.loads((_REPOSITORY / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    return str(project["version"])


def _made(project: Path, into: Path, within: float, check: Callable[[Path], None] = lambda _: None) -> Path:
    """Have hatchling make the wheel of *project*, *check* it, and move it into the folder *into*."""
    with tempfile.TemporaryDirectory(dir=_existing(into)) as work:
        argv = [sys.executable, "-I", "-m", "hatchling", "build", "--target", "wheel", "-d", work]
        run(argv, timeout=within, cwd=project)
        (wheel,) = Path(work).glob("*.whl")
        check(wheel)
        into.mkdir(parents=True, exist_ok=True)
        wheel.chmod(0o644)
        return wheel.replace(into / wheel.name)


def _existing(path: Path) -> Path:
    return next(it for it in (path, *path.parents) if it.exists())


def require_size(wheel: Path) -> None:
    """Raise ToolchainError when *wheel* is larger than :data:`LARGEST`."""
    size = wheel.stat().st_size
    if size > LARGEST:
        raise ToolchainError(
            f"{wheel.name} should have at most {LARGEST / 10**6:.0f} MB, which a package index accepts, and has"
            f" {size / 10**6:.1f} MB; make its programs smaller, for example by combining some"
        )
