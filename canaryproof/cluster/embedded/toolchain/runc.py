"""The runc that starts containers: the system's, or the distribution's own package, fetched without installing it.

It must know seccomp: kubelet asks for the profile ``RuntimeDefault``, and a runc without it starts no pod.
"""

from __future__ import annotations

import hashlib
from pathlib import Path

from canaryproof.cluster.embedded.toolchain.host import Machine
from canaryproof.errors import CommandError, InfrastructureError, ToolchainError
from canaryproof.system.ownership import make_folder
from canaryproof.system.process import run
from canaryproof.system.progress import Progress

_SIGNED = """\
Acquire::AllowInsecureRepositories "false";
Acquire::AllowWeakRepositories "false";
Acquire::AllowDowngradeToInsecureRepositories "false";
APT::Get::AllowUnauthenticated "false";
"""
"""apt's own defaults: a package counts only with the distribution's signature, whatever the host's settings say."""

_INSTALL = """\
install it, as root:
  Debian, Ubuntu   apt-get install runc
  Fedora, Red Hat  dnf install runc
  SUSE             zypper install runc
  Arch             pacman -S runc
  Alpine           apk add runc"""


def runc_path(folder: Path, machine: Machine) -> Path:
    """Return where the runc for this machine is below *folder*, there or not yet: another runc, another place."""
    system = machine.which("runc")
    facts = [machine.os_release.read_text() if machine.os_release.exists() else ""]
    if system:
        facts += [str(system), str(system.stat().st_mtime_ns), str(system.stat().st_size)]
    return folder / f"runc-{hashlib.sha256(' '.join(facts).encode()).hexdigest()[:12]}" / "runc"


def provide_runc(place: Path, work: Path, *, progress: Progress, machine: Machine) -> None:
    """Make *place* a runc that knows seccomp.

    *work* is a folder on the same disk.

    Raises ToolchainError when the system has none and it cannot be fetched.
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
    """Return why there is no runc that knows seccomp, nor a way to fetch one; empty where there is one of them."""
    system = machine.which("runc")
    seen = _shortcoming(system, machine) if system else "there is no command runc"
    fetchable = machine.which("apt-get") and machine.which("dpkg-deb")
    return "" if not seen or fetchable else seen


def _shortcoming(runc: Path, machine: Machine) -> str:
    """Return why *runc* does not do; empty when it does."""
    try:
        version = run([str(runc), "--version"], timeout=machine.time_limits.command, env=machine.env)
    except (CommandError, InfrastructureError) as error:
        return f"{runc} does not run: {error}"
    return "" if "libseccomp" in version else f"{runc} was built without seccomp"


def _fetch(place: Path, work: Path, *, apt: Path, unpack: Path, machine: Machine) -> None:
    """Unpack the distribution's package; of the host's apt only its configuration is read.

    The package's library, libseccomp2, is there already: apt itself needs it.
    """
    argv = [str(apt), "-c", str(_private_configuration(work))]
    run(
        [*argv, "update"], timeout=machine.time_limits.fetch, env=machine.env, cwd=work, grace=machine.time_limits.grace
    )
    run(
        [*argv, "download", "runc"],
        timeout=machine.time_limits.fetch,
        env=machine.env,
        cwd=work,
        grace=machine.time_limits.grace,
    )
    run(
        [str(unpack), "-x", _only(work, "*.deb"), "root"],
        timeout=machine.time_limits.command,
        env=machine.env,
        cwd=work,
    )
    fetched = Path(_only(work, "root/usr/*bin/runc")).resolve()  # Debian has a link to it in the other folder
    if shortcoming := _shortcoming(fetched, machine):
        raise ToolchainError(shortcoming)
    fetched.replace(place)


def _private_configuration(work: Path) -> Path:
    """Write a configuration that apt reads last: state and cache of its own, and none of the host's hooks."""
    lists, archives = work / "lists", work / "cache" / "archives"
    for folder in (lists, archives):
        (folder / "partial").mkdir(parents=True)
    file = work / "apt.conf"
    file.write_text(
        f'Dir::State::lists "{lists}";\nDir::Cache "{work / "cache"}";\n#clear APT::Update;\n#clear DPkg;\n{_SIGNED}'
    )
    return file


def _only(folder: Path, pattern: str) -> str:
    found = sorted(folder.glob(pattern))
    if not found:
        raise ToolchainError(f"the package holds no {pattern}")
    return str(found[0])
