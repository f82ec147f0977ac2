"""Runs the embedded cluster without root: checks what the machine grants its user, and prepares the start.

:func:`ask` reads the facts from the machine and returns them as :class:`Grants`. :func:`gaps` applies the requirements
to these facts, without input or output.
"""

from __future__ import annotations

import os
import pwd
import re
import shutil
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from canaryproof.cluster.embedded.cgroups import SLICE, manager_of
from canaryproof.cluster.embedded.supervisor import cgroup_delegation
from canaryproof.cluster.embedded.supervisor.spec import Rootless
from canaryproof.errors import CommandError, InfrastructureError
from canaryproof.system.process import run
from canaryproof.timeouts import TimeLimits

SUBORDINATES = 65536
"""The number of subordinate ids that the user needs: images and their processes use the ids from 0 to 65535."""
CONTROLLERS = ("cpu", "memory", "pids")
"""The cgroup controllers without which the kubelet does not start."""
OLDEST_KERNEL = (5, 11)
"""The first Linux version that lets an ordinary user mount overlayfs."""
MAPPERS = {"newuidmap": "/etc/subuid", "newgidmap": "/etc/subgid"}
_BLOCKING = {
    "kernel.unprivileged_userns_clone": "0",  # Debian only
    "kernel.apparmor_restrict_unprivileged_userns": "1",  # Ubuntu, from 23.10 on
    "user.max_user_namespaces": "0",
}
"""Kernel settings, with the values that deny user namespaces to ordinary users."""
_SCOPE = ("systemd-run", "--user", "--scope", f"--slice={SLICE}", "--quiet", "--collect", "--property=Delegate=yes")


@dataclass(frozen=True)
class Gap:
    """A requirement that the machine does not meet, and its remedy: a command where one exists."""

    problem: str
    remedy: str
    note: str = ""
    """Additional information about the remedy."""

    def __str__(self) -> str:
        """Return the gap as one line."""
        return f"{self.problem}; {self.remedy}" + (f" ({self.note})" if self.note else "")


@dataclass(frozen=True)
class Grants:
    """The permissions and facilities that a machine grants one of its users."""

    user: str
    kernel: tuple[int, int]
    unified: bool
    """True if ``/sys/fs/cgroup`` is cgroup v2 only."""
    settings: Mapping[str, str] = field(default_factory=dict)
    """The values of those kernel settings that exist on the machine and can block user namespaces."""
    mappers: Mapping[str, str] = field(default_factory=dict)
    """The paths of the commands that map ids, by command name."""
    subordinates: Mapping[str, tuple[tuple[int, int], ...]] = field(default_factory=dict)
    """The user's id ranges (first id, number of ids), by the file that grants them."""
    delegated: bool = False
    """True if the cgroup of this process is already delegated to the user."""
    against_scope: str = ""
    """Why the user's systemd does not provide a cgroup. Empty if it does."""
    controllers: tuple[str, ...] = ()
    """The controllers of the cgroup that the user gets."""


def gaps(grants: Grants) -> tuple[Gap, ...]:
    """Return every requirement of a cluster without root that *grants* do not meet."""
    return (*_kernel_gaps(grants), *_mapping_gaps(grants), *_cgroup_gaps(grants))


def _kernel_gaps(grants: Grants) -> Iterator[Gap]:
    if grants.kernel < OLDEST_KERNEL:
        oldest, here = (".".join(map(str, each)) for each in (OLDEST_KERNEL, grants.kernel))
        yield Gap(f"the kernel is {here}, and {oldest} is needed", "upgrade it")
    for name, value in _BLOCKING.items():
        if grants.settings.get(name) == value:
            allowed = {"0": "1", "1": "0"}[value] if name.startswith("kernel.") else "10000"
            yield Gap(f"{name} is {value}: users get no namespaces", f"sudo sysctl --write {name}={allowed}")


def _mapping_gaps(grants: Grants) -> Iterator[Gap]:
    for command, file in MAPPERS.items():
        if command not in grants.mappers:
            yield Gap(
                f"there is no command {command}",
                "sudo apt-get install uidmap",
                "Fedora, Red Hat: sudo dnf install shadow-utils",
            )
        if not _range(grants, file):
            option = f"--add-{Path(file).name}s"
            yield Gap(
                f"{file} gives {grants.user} no {SUBORDINATES} ids in a row",
                f"sudo usermod {option} 100000-{100000 + SUBORDINATES - 1} {grants.user}",
                "another range, where that one is taken",
            )


def _cgroup_gaps(grants: Grants) -> Iterator[Gap]:
    if not grants.unified:
        yield Gap(
            "/sys/fs/cgroup is not cgroup v2 alone", "boot with systemd.unified_cgroup_hierarchy=1 on the kernel's line"
        )
    elif grants.against_scope and not grants.delegated:
        yield Gap(
            f"no cgroup can be had from the user's systemd ({grants.against_scope})",
            f"log in as {grants.user} by ssh, on a console or with machinectl shell, not with su or sudo",
        )
    elif missing := [it for it in CONTROLLERS if it not in grants.controllers]:
        yield Gap(
            f"the user's cgroup cannot limit {', '.join(missing)}",
            "sudo mkdir -p /etc/systemd/system/user@.service.d && printf '[Service]\\nDelegate=cpu memory pids\\n' |"
            " sudo tee /etc/systemd/system/user@.service.d/delegate.conf && sudo systemctl daemon-reload",
            "and log in again, once no process of the user is left: sudo loginctl terminate-user",
        )


def _range(grants: Grants, file: str) -> tuple[int, int] | None:
    return next((it for it in grants.subordinates.get(file, ()) if it[1] >= SUBORDINATES), None)


def scope(grants: Grants, cgroup: str) -> tuple[str, ...]:
    """Return the command prefix that runs a command in a new scope *cgroup*. Empty if no scope is needed."""
    return () if grants.delegated else (*_SCOPE, f"--unit={cgroup}", "--")


def parent_of_cgroup(grants: Grants) -> Path:
    """Return the parent of the cluster's cgroup, or its nearest ancestor that exists before the scope does."""
    return cgroup_delegation.own_cgroup() if grants.delegated else manager_of(os.geteuid())


def instructions(grants: Grants, cgroup: str, settings: Mapping[str, str]) -> Rootless:
    """Return the additional instructions for the supervisor of a cluster without root.

    *grants* must have no gaps. *settings* are the limits of the cgroup.
    """
    mappings = []
    for (command, file), own in zip(MAPPERS.items(), (os.geteuid(), os.getegid()), strict=True):
        first, _ = _range(grants, file) or (0, 0)
        ids = ((0, own, 1), (1, first, SUBORDINATES - 1))
        mappings.append((grants.mappers[command], *(str(number) for each in ids for number in each)))
    return Rootless(cgroup, tuple(mappings), dict(settings))


def ask(environment: Mapping[str, str], time_limits: TimeLimits, root: Path = Path("/")) -> Grants:
    """Query the machine, and return what it grants the user of this process."""
    user, within = _user_name(), time_limits.question
    unified = (root / "sys/fs/cgroup/cgroup.controllers").exists()
    own = cgroup_delegation.own_cgroup() if unified else Path()
    delegated = unified and os.access(own / "cgroup.procs", os.W_OK) and _says_delegated(own, environment, root, within)
    return Grants(
        user=user,
        kernel=_kernel(os.uname().release),
        unified=unified,
        settings=dict(_settings(root)),
        mappers={it: found for it in MAPPERS if (found := shutil.which(it, path=environment.get("PATH")))},
        subordinates={file: tuple(_ranges(root / file.lstrip("/"), user)) for file in MAPPERS.values()},
        delegated=delegated,
        against_scope="" if delegated or not unified else _against_scope(environment, within),
        controllers=_controllers(own if delegated else manager_of(os.geteuid(), root / "sys/fs/cgroup")),
    )


def session(environment: Mapping[str, str]) -> dict[str, str]:
    """Return an environment in which a command finds the user's systemd, even if *environment* lacks it (``su``)."""
    runtime = environment.get("XDG_RUNTIME_DIR") or f"/run/user/{os.geteuid()}"
    kept = {name: value for name in ("PATH", "DBUS_SESSION_BUS_ADDRESS") if (value := environment.get(name))}
    return {**kept, "XDG_RUNTIME_DIR": runtime}


def _user_name() -> str:
    try:
        return pwd.getpwuid(os.geteuid()).pw_name
    except KeyError:
        return str(os.geteuid())


def _kernel(release: str) -> tuple[int, int]:
    """Return the first two numbers of a kernel release: ``(6, 1)`` for ``6.1.0-56-cloud-amd64``."""
    found = re.match(r"(\d+)\.(\d+)", release)
    return (int(found[1]), int(found[2])) if found else (0, 0)


def _settings(root: Path) -> Iterator[tuple[str, str]]:
    for name in _BLOCKING:
        file = root / "proc/sys" / name.replace(".", "/")
        if file.exists():
            yield name, file.read_text(encoding="ascii").strip()


def _ranges(file: Path, user: str) -> Iterator[tuple[int, int]]:
    """Yield the ranges (first id, number of ids) of *user* in a file like ``/etc/subuid``.

    A line holds the user's name or id, the first id and the number of ids (``man 5 subuid``).
    """
    lines = file.read_text(encoding="utf-8").splitlines() if file.exists() else []
    for line in lines:
        owner, _, numbers = line.partition(":")
        first, _, number = numbers.partition(":")
        if owner in {user, str(os.geteuid())} and first.isdigit() and number.isdigit():
            yield int(first), int(number)


def _says_delegated(cgroup: Path, environment: Mapping[str, str], root: Path, within: float) -> bool:
    """Report whether systemd has delegated *cgroup*. Without systemd, write access alone means delegation."""
    if not (root / "run/systemd/system").exists():
        return True
    argv = ("systemctl", "--user", "show", "--property=Delegate", "--value", "--", cgroup.name)
    try:
        return run(argv, timeout=within, env=session(environment)).strip() == "yes"
    except (CommandError, InfrastructureError):
        return False


def _against_scope(environment: Mapping[str, str], within: float) -> str:
    """Try to run ``true`` in a scope of the user's systemd. Return the reason of a failure, or an empty string."""
    try:
        run([*_SCOPE, "--", "true"], timeout=within, env=session(environment))
    except CommandError as error:
        return (error.stderr.strip() or error.outcome).splitlines()[-1]
    except InfrastructureError as error:
        return str(error)
    return ""


def _controllers(cgroup: Path) -> tuple[str, ...]:
    file = cgroup / "cgroup.controllers"
    return tuple(file.read_text(encoding="ascii").split()) if file.exists() else ()
