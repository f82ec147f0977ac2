"""Makes an ordinary user root in a user namespace, with power only over what belongs to that user."""

from __future__ import annotations

import os
from collections.abc import Sequence

from canaryproof.cluster.embedded.supervisor import syscalls

_FAILED = 125


def become_root(mappings: Sequence[Sequence[str]]) -> None:
    """Enter a new user namespace and map its ids with the commands *mappings*.

    Each command gets the id of this process as its first argument. The commands run outside the namespace, as
    ``man 1 newuidmap`` requires. Their error messages go to standard error.

    Raises OSError when the kernel refuses the namespace, and ChildProcessError when a command cannot map the ids.
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
    """Run *mappings* in order. Return the exit code of the first that fails, or 0 when all succeed."""
    for command, *arguments in mappings:
        argv = [command, str(process), *arguments]
        if code := os.spawnv(os.P_WAIT, command, argv):  # noqa: S606  # no shell, and a list of arguments
            return code
    return 0
