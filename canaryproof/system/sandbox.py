"""Runs programs that parse untrusted input as the user nobody, in their own namespaces and without a network.

On Linux, util-linux's ``unshare`` and ``setpriv`` build the sandbox before the program starts. No code of this process
runs between fork and exec. A sandboxed program has the following properties:

* It has uid and gid 65534, no supplementary groups and no capabilities, and cannot gain any (``no_new_privs``).
* It has an empty network namespace, in which even the loopback interface is down.
* It has its own PID and IPC namespaces. Two sandboxed programs share a uid, but cannot reach each other.
* It is executed through an inherited descriptor and finds its input through its working directory. It needs no search
  permission for the folders above them, so both may lie below a folder of mode 0700. No other sandboxed program can
  reach its input.

Python itself may be installed where only root can read it. A Python program therefore starts as root, with the
capabilities that it needs to read its own library and to drop root (`Drop.BY_PROGRAM`). It imports all modules that it
needs, and calls `become_nobody` before it reads its input.

This module imports only the standard library.
"""

from __future__ import annotations

import math
import os
import re
import shutil
import sys
from collections.abc import Sequence
from dataclasses import dataclass, replace
from enum import Enum
from pathlib import Path
from typing import Self

NOBODY = 65534
"""The uid and gid of nobody, the kernel's overflow ID. Every distribution leaves it without rights."""
PATH = "/usr/sbin:/usr/bin:/sbin:/bin"
"""The search path for the commands of util-linux. The user's PATH is ignored."""
WORKING_DIRECTORY = "/proc/self/cwd"
"""A path of the working directory that needs no search permission for the folders above it."""
COMMANDS = ("prlimit", "setpriv", "unshare")


class Protection(Enum):
    """The degree of isolation of a program that parses untrusted input. The evidence contains the value."""

    NOBODY_ISOLATED = "nobody-isolated"
    """Runs as nobody, in its own network, PID, IPC and mount namespaces."""
    NOBODY = "nobody"
    """Runs as nobody, in the namespaces of the machine. This process is root, but may not create namespaces."""
    OWN_USER_ISOLATED = "own-user-isolated"
    """Runs as the user of this process, in a user namespace without rights and an empty network namespace."""
    NONE = "none"
    """Runs as the user of this process, with all rights of that user."""


class Drop(Enum):
    """The time at which a sandboxed program drops root, if this process is root."""

    BEFORE_EXEC = "before-exec"
    BY_PROGRAM = "by-program"
    """The program calls `become_nobody`. Until then it can read any file, and change its uid and gid."""


@dataclass(frozen=True)
class Sandbox:
    """The settings with which a program is started."""

    protection: Protection = Protection.NONE
    drop: Drop = Drop.BEFORE_EXEC
    path: str = PATH

    @property
    def is_active(self) -> bool:
        """Report whether there is any protection."""
        return self.protection is not Protection.NONE

    @property
    def changes_user(self) -> bool:
        """Report whether the program runs as nobody in the end."""
        return self.protection in {Protection.NOBODY_ISOLATED, Protection.NOBODY}

    def dropping_by_program(self) -> Self:
        """Return the same protection for a program that calls `become_nobody`."""
        return replace(self, drop=Drop.BY_PROGRAM)

    def command(self, argv: Sequence[str], *, memory: int | None, file_size: int | None, seconds: float) -> list[str]:
        """Return the command that starts *argv* in the sandbox.

        *memory* is RLIMIT_DATA in bytes, and *file_size* is RLIMIT_FSIZE in bytes. RLIMIT_CPU is derived from
        *seconds*. The limits are set first, because ``unshare`` forks for the PID namespace, and a limit that is set
        from outside could come too late for the new process.
        """
        if not self.is_active:
            return list(argv)
        limits = [f"--cpu={math.ceil(seconds) * (os.cpu_count() or 1) + 1}", "--core=0"]
        limits += [f"--data={memory}"] if memory is not None else []
        limits += [f"--fsize={file_size}"] if file_size is not None else []
        command = [self._tool("prlimit"), *limits, "--"]
        if self.protection is Protection.NOBODY_ISOLATED:
            namespaces = ("--net", "--ipc", "--pid", "--fork", "--kill-child", "--mount-proc")
            command += [self._tool("unshare"), *namespaces, "--"]
        elif self.protection is Protection.OWN_USER_ISOLATED:
            command += [self._tool("unshare"), "--user", "--net", "--"]
        return [*command, self._tool("setpriv"), *self._privileges, "--", *argv]

    @property
    def _privileges(self) -> list[str]:
        none = ["--no-new-privs", "--inh-caps=-all", "--ambient-caps=-all", "--pdeathsig=KILL"]
        if not self.changes_user:
            return none
        if self.drop is Drop.BY_PROGRAM:
            return [*none, "--bounding-set=-all,+setuid,+setgid,+dac_read_search"]
        user = [f"--reuid={NOBODY}", f"--regid={NOBODY}", "--clear-groups"]
        return [*none, *user, "--bounding-set=-all"]

    def _tool(self, name: str) -> str:
        return shutil.which(name, path=self.path) or name


UNCONFINED = Sandbox()


def candidates(path: str = PATH) -> tuple[Sandbox, ...]:
    """Return the sandboxes that this machine may allow, the strongest first.

    Returns an empty tuple if the machine does not run Linux or lacks a command.
    """
    if sys.platform != "linux" or not all(shutil.which(each, path=path) for each in COMMANDS):
        return ()
    of_root = (Protection.NOBODY_ISOLATED, Protection.NOBODY)
    allowed = of_root if os.geteuid() == 0 else (Protection.OWN_USER_ISOLATED,)
    return tuple(Sandbox(each, path=path) for each in allowed)


def become_nobody() -> None:
    """Drop root permanently: uid, gid, supplementary groups and all capabilities.

    Raises OSError when the kernel refuses, or when some rights remain.
    """
    os.setgroups([])
    os.setresgid(NOBODY, NOBODY, NOBODY)
    os.setresuid(NOBODY, NOBODY, NOBODY)
    status = Path("/proc/self/status").read_bytes()  # bytes: a codec may be a module that is no longer readable
    capabilities = [int(each, 16) for each in re.findall(rb"^Cap(?:Inh|Prm|Eff|Amb):\s*(\w+)$", status, re.MULTILINE)]
    ids = {*os.getresuid(), *os.getresgid(), *os.getgroups()}
    if ids != {NOBODY} or len(capabilities) != 4 or any(capabilities):  # noqa: PLR2004 - the names in the pattern
        raise OSError("the rights of root could not be given up")
