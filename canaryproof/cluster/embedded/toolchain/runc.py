"""Provides runc: that of the system, or that of the distribution's package, fetched without installing it.

It must support seccomp: the kubelet requests the profile ``RuntimeDefault``, with which a runc without seccomp starts
no pod.
"""

from __future__ import annotations

import hashlib
from pathlib import Path

from canaryproof.cluster.embedded.toolchain.debian_packages import only, unpacked
from canaryproof.cluster.embedded.toolchain.host import Machine
from canaryproof.errors import CommandError, InfrastructureError, ToolchainError
from canaryproof.system.ownership import make_folder
from canaryproof.system.process import run
from canaryproof.system.progress import Progress

_INSTALL = """\
install it, as root:
  Debian, Ubuntu   apt-get install runc
  Fedora, Red Hat  dnf install runc
  SUSE             zypper install runc
  Arch             pacman -S runc
  Alpine           apk add runc"""


def runc_path(folder: Path, machine: Machine) -> Path:
    """Return the path of this machine's runc below *folder*, which need not exist.

    The path depends on the distribution's release and on the system's runc.
    """
    system = machine.which("runc")
    facts = [machine.os_release.read_text() if machine.os_release.exists() else ""]
    if system:
        facts += [str(system), str(system.stat().st_mtime_ns), str(system.stat().st_size)]
    return folder / f"runc-{hashlib.sha256(' '.join(facts).encode()).hexdigest()[:12]}" / "runc"


def provide_runc(place: Path, work: Path, *, progress: Progress, machine: Machine) -> None:
    """Provide a runc with seccomp support at *place*.

    *work* is a folder on the same disk.

    Raises ToolchainError when the system has no such runc and its package cannot be fetched.
    """
    make_folder(place.parent)
    system = machine.which("runc")
    seen = _shortcoming(system, machine) if system else "there is no runc on PATH"
    if system and not seen:
        place.unlink(missing_ok=True)
        place.symlink_to(system)
        return
    apt, unpack = machine.which("apt-get"), machine.which("dpkg-deb")
    if not apt or not unpack:
        raise ToolchainError(f"runc with seccomp is needed, and {seen}; {_INSTALL}")
    try:
        with progress.step("fetching runc"):
            _fetch(place, work, apt=apt, unpack=unpack, machine=machine)
    except (CommandError, ToolchainError) as error:
        raise ToolchainError(
            f"runc with seccomp is needed, {seen}, and its package cannot be had; {_INSTALL}\n{error}"
        ) from error


def against(machine: Machine) -> str:
    """Return why no runc with seccomp is available. Empty if the system has one or can fetch one."""
    system = machine.which("runc")
    seen = _shortcoming(system, machine) if system else "there is no command runc"
    fetchable = machine.which("apt-get") and machine.which("dpkg-deb")
    return "" if not seen or fetchable else seen


def _shortcoming(runc: Path, machine: Machine) -> str:
    """Return why *runc* is unsuitable. Empty if it is suitable."""
    try:
        version = run([str(runc), "--version"], timeout=machine.time_limits.command, env=machine.env)
    except (CommandError, InfrastructureError) as error:
        return f"{runc} does not run: {error}"
    return "" if "libseccomp" in version else f"{runc} was built without seccomp"


def _fetch(place: Path, work: Path, *, apt: Path, unpack: Path, machine: Machine) -> None:
    """Download and unpack the distribution's package. Only reads the configuration of the host's apt.

    The library that runc needs, libseccomp2, is already installed, because apt needs it too.
    """
    root = unpacked(work, ["download", "runc"], apt=apt, unpack=unpack, machine=machine)
    fetched = only(root, "usr/*bin/runc").resolve()  # Debian has a link to it in the other bin folder
    if shortcoming := _shortcoming(fetched, machine):
        raise ToolchainError(shortcoming)
    fetched.replace(place)
