"""Runs programs that parse untrusted input as the user nobody, in namespaces of their own that have no network.

On Linux, util-linux's ``unshare`` and ``setpriv`` build the sandbox before the program starts, so no code of this
process runs between fork and exec.  A sandboxed program

* has uid and gid 65534, no supplementary groups and no capabilities, and cannot gain any (``no_new_privs``);
* has an empty network namespace: not even the loopback interface is up;
* has PID and IPC namespaces of its own, so that two sandboxed programs, which share a uid, do not reach each other;
* is executed through an inherited descriptor and finds its input through its working directory.  Neither takes the
  right to search the folders above, so both may lie below a folder of mode 0700, and the input of one sandboxed program
  is out of reach for all others.

Python itself may lie where only root can read it.  So a Python program is started as root with the capabilities that it
takes to read its own library and to give up root (`Drop.BY_PROGRAM`); it imports all that it needs and calls
`become_nobody` before it reads its input.

This module needs nothing but the standard library.
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
"""The uid and gid of nobody: what the kernel calls the overflow id, and every distribution leaves without rights."""
PATH = "/usr/sbin:/usr/bin:/sbin:/bin"
"""Where util-linux is looked for; the user's own PATH has no say in it."""
WORKING_DIRECTORY = "/proc/self/cwd"
"""A path of the working directory that takes no right to search the folders above it."""
COMMANDS = ("prlimit", "setpriv", "unshare")


class Protection(Enum):
    """How far a program that parses untrusted input is kept from the machine; the value is what evidence says."""

    NOBODY_ISOLATED = "nobody-isolated"
    """As nobody, in network, PID, IPC and mount namespaces of its own."""
    NOBODY = "nobody"
    """As nobody, in the namespaces of the machine: the process is root but may not make namespaces."""
    OWN_USER_ISOLATED = "own-user-isolated"
    """As the user of this process, in a user namespace without rights and an empty network namespace."""
    NONE = "none"
    """As the user of this process, with all of their rights."""


class Drop(Enum):
    """When a sandboxed program stops being root, where this process is root."""

    BEFORE_EXEC = "before-exec"
    BY_PROGRAM = "by-program"
    """The program calls `become_nobody`; until then it can read any file, and change its uid and gid."""


@dataclass(frozen=True)
class Sandbox:
    """How one program is started."""

    protection: Protection = Protection.NONE
    drop: Drop = Drop.BEFORE_EXEC
    path: str = PATH

    @property
    def is_active(self) -> bool:
        """Report whether there is any protection."""
        return self.protection is not Protection.NONE

    @property
    def changes_user(self) -> bool:
        """Report whether the program ends up as nobody."""
        return self.protection in {Protection.NOBODY_ISOLATED, Protection.NOBODY}

    def dropping_by_program(self) -> Self:
        """Return the same protection for a program that calls `become_nobody`."""
        return replace(self, drop=Drop.BY_PROGRAM)

    def command(self, argv: Sequence[str], *, memory: int | None, file_size: int | None, seconds: float) -> list[str]:
        """Return the command that starts *argv* in the sandbox.

        *memory* is RLIMIT_DATA in bytes, *file_size* RLIMIT_FSIZE in bytes, and *seconds* what RLIMIT_CPU is derived
        from.  They are set first, because the PID namespace needs a fork that nobody could overtake with a limit.
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
    """Return the sandboxes that this machine may allow, the strongest first; not any where it lacks the commands."""
    if sys.platform != "linux" or not all(shutil.which(each, path=path) for each in COMMANDS):
        return ()
    of_root = (Protection.NOBODY_ISOLATED, Protection.NOBODY)
    allowed = of_root if os.geteuid() == 0 else (Protection.OWN_USER_ISOLATED,)
    return tuple(Sandbox(each, path=path) for each in allowed)


def become_nobody() -> None:
    """Give up root for good: uid, gid, groups and, with them, all capabilities.

    Raises OSError when the kernel refuses, and when something is left afterwards.
    """
    os.setgroups([])
    os.setresgid(NOBODY, NOBODY, NOBODY)
    os.setresuid(NOBODY, NOBODY, NOBODY)
    status = Path("/proc/self/status").read_bytes()  # no text: a codec may be a module that can no longer be read
    capabilities = [int(each, 16) for each in re.findall(rb"^Cap(?:Inh|Prm|Eff|Amb):\s*(\w+)$", status, re.MULTILINE)]
    ids = {*os.getresuid(), *os.getresgid(), *os.getgroups()}
    if ids != {NOBODY} or len(capabilities) != 4 or any(capabilities):  # noqa: PLR2004 - as many as are asked for
        raise OSError("the rights of root could not be given up")
