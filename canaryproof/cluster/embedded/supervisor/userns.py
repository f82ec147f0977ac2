"""A user namespace: in it an ordinary user is root, over nothing but what is theirs."""

from __future__ import annotations

import os
from collections.abc import Sequence

from canaryproof.cluster.embedded.supervisor import syscalls

_FAILED = 125


def become_root(mappings: Sequence[Sequence[str]]) -> None:
    """Enter a new user namespace whose ids the commands *mappings* map, each called with this process as its argument.

    They are called from outside of it, as ``man 1 newuidmap`` asks; what they complain about goes to standard error.

    Raises OSError when there can be no such namespace, ChildProcessError when its ids cannot be mapped.
    """
    made, making = os.pipe()
    mapper = os.fork()
    if mapper == 0:
        os.close(making)
        os._exit(_map(mappings, os.getppid()) if os.read(made, 1) else _FAILED)
    os.close(made)
    try:
        syscalls.unshare(syscalls.CLONE_NEWUSER)
        os.write(making, b".")
    finally:
        os.close(making)
        code = os.waitstatus_to_exitcode(os.waitpid(mapper, 0)[1])
    if code:
        raise ChildProcessError(f"{mappings[0][0]} and its like could not map the ids of the user: exit code {code}")


def _map(mappings: Sequence[Sequence[str]], process: int) -> int:
    """Run all of *mappings*; return the exit code of the first one that fails, else 0."""
    for command, *arguments in mappings:
        argv = [command, str(process), *arguments]
        if code := os.spawnv(os.P_WAIT, command, argv):  # noqa: S606  # as every process here: no shell, a list
            return code
    return 0
