"""An OCI runtime for machines without CAP_SYS_RESOURCE: runc without the capability that the machine cannot grant.

``docker run --privileged`` requests all capabilities, and runc fails with "unable to apply caps". dockerd calls this
program in place of runc: ``python -m tests.kind.runtime RUNC ARGUMENTS...``.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from canaryproof.cluster.kind.capabilities import lacks_sys_resource

CAPABILITY = "CAP_SYS_RESOURCE"
_STARTING = {"create": ("--bundle", "-b"), "run": ("--bundle", "-b"), "exec": ("--process", "-p")}


def asked_in(arguments: Sequence[str]) -> Path | None:
    """Return the file from which runc, called with *arguments*, reads the requested capabilities."""
    verb = next((it for it in arguments if it in _STARTING), None)
    if verb is None:
        return None
    for name in _STARTING[verb]:
        for argument, following in zip(arguments, [*arguments[1:], ""], strict=True):
            value = following if argument == name else argument.partition(f"{name}=")[2]
            if value:
                return Path(value) if verb == "exec" else Path(value, "config.json")
    return None


def without(value: Any, capability: str = CAPABILITY) -> Any:
    """Return a JSON value with *capability* removed from every list."""
    if isinstance(value, dict):
        return {name: without(each, capability) for name, each in value.items()}
    if isinstance(value, list):
        return [without(each, capability) for each in value if each != capability]
    return value


def main(runc: str, *arguments: str) -> None:
    """Remove the capability from the file if there is one, and replace this process by runc."""
    file = asked_in(arguments)
    if file and file.is_file() and lacks_sys_resource(Path("/proc/self/status").read_text(encoding="ascii")):
        file.write_text(json.dumps(without(json.loads(file.read_text(encoding="utf-8")))), encoding="utf-8")
    os.execv(runc, [runc, *arguments])  # noqa: S606  # dockerd's own arguments for runc


if __name__ == "__main__":
    main(*sys.argv[1:])
