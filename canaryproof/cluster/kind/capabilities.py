"""Which capabilities nobody on a machine can have; standard library only: an OCI runtime asks here too."""

from __future__ import annotations

_CAP_SYS_RESOURCE = 24  # include/uapi/linux/capability.h


def lacks_sys_resource(status: str) -> bool:
    """Report whether nobody on this machine can have CAP_SYS_RESOURCE, by a ``/proc/PID/status``."""
    bounding = next((line.split()[1] for line in status.splitlines() if line.startswith("CapBnd:")), "")
    return bool(bounding) and not int(bounding, 16) >> _CAP_SYS_RESOURCE & 1
