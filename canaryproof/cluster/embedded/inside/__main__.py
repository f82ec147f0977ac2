"""The way in: ``python -m canaryproof.cluster.embedded.inside LIFELINE STATUS LISTENER LOCK < plan``.

The arguments are file descriptors: the read end of a pipe whose write end only the harness holds, the write end of a
pipe that takes reports, the listening socket of the API, and the lock that shows that this cluster lives.
"""

from __future__ import annotations

import os
import socket
import sys
from dataclasses import replace

from canaryproof.cluster.embedded.inside import delegation, first_process, kernel, plan, users


def main() -> int:
    """Become the parent of a first process in new namespaces, and end when it ends."""
    lifeline, status, listener, lock = (int(argument) for argument in sys.argv[1:5])
    for descriptor in (lifeline, status, listener, lock):
        os.set_inheritable(descriptor, False)  # noqa: FBT003  # the only way to call it
    instructions = plan.from_json(sys.stdin.read())
    if rootless := instructions.rootless:
        cgroup = delegation.make_cgroup(rootless.cgroup, delegation.own_cgroup(), rootless.cgroup_settings)
        instructions = replace(instructions, cgroups=((str(cgroup), str(delegation.ROOT)),))
        users.become_root(rootless.mappings)
    kernel.unshare(
        kernel.CLONE_NEWPID | kernel.CLONE_NEWNS | kernel.CLONE_NEWNET | kernel.CLONE_NEWUTS | kernel.CLONE_NEWIPC
    )
    child = os.fork()
    if child == 0:
        first_process.live(instructions, lifeline, status, socket.socket(fileno=listener))
    for descriptor in (lifeline, status, listener, lock):
        os.close(descriptor)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


if __name__ == "__main__":
    sys.exit(main())
