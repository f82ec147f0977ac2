"""Detects capabilities that no process on a machine can have.

Imports only the standard library, because an OCI runtime uses this module too.
"""

from __future__ import annotations

_CAP_SYS_RESOURCE = 24  # include/uapi/linux/capability.h


def lacks_sys_resource(status: str) -> bool:
    """Report whether no process on this machine can have CAP_SYS_RESOURCE.

    *status* is the text of a ``/proc/PID/status``. Its bounding set, ``CapBnd``, decides.
    """
    bounding = next((line.split()[1] for line in status.splitlines() if line.startswith("CapBnd:")), "")
    return bool(bounding) and not int(bounding, 16) >> _CAP_SYS_RESOURCE & 1
