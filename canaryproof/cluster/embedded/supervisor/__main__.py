"""Entry point: ``python -m canaryproof.cluster.embedded.supervisor LIFELINE STATUS LISTENER LENDER LOCK < plan``.

The arguments are file descriptors:

- LIFELINE: the read end of a pipe. Only the harness holds the write end.
- STATUS: the write end of the pipe for reports to the harness.
- LISTENER: the listening socket of the API.
- LENDER: the listening Unix socket at which the harness borrows sockets of the cluster's network.
- LOCK: the lock that marks this cluster as alive.
"""

from __future__ import annotations

import os
import socket
import sys
from dataclasses import replace

from canaryproof.cluster.embedded.supervisor import cgroup_delegation, init, spec, syscalls, userns


def main() -> int:
    """Fork the first process into new namespaces, wait for it, and return its exit code."""
    lifeline, status, listener, lender, lock = (int(argument) for argument in sys.argv[1:6])
    for descriptor in (lifeline, status, listener, lender, lock):
        os.set_inheritable(descriptor, False)  # noqa: FBT003  # the only way to call it
    instructions = spec.from_json(sys.stdin.read())
    if rootless := instructions.rootless:
        cgroup = cgroup_delegation.make_cgroup(
            rootless.cgroup, cgroup_delegation.own_cgroup(), rootless.cgroup_settings
        )
        instructions = replace(instructions, cgroups=((str(cgroup), str(cgroup_delegation.ROOT)),))
        userns.become_root(rootless.mappings)
    syscalls.unshare(
        syscalls.CLONE_NEWPID
        | syscalls.CLONE_NEWNS
        | syscalls.CLONE_NEWNET
        | syscalls.CLONE_NEWUTS
        | syscalls.CLONE_NEWIPC
    )
    child = os.fork()
    if child == 0:
        init.live(instructions, lifeline, status, socket.socket(fileno=listener), socket.socket(fileno=lender))
    for descriptor in (lifeline, status, listener, lender, lock):
        os.close(descriptor)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


if __name__ == "__main__":
    sys.exit(main())
