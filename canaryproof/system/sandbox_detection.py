"""Detects the sandbox that this machine allows, by starting a program in it."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

from canaryproof.errors import CanaryproofError
from canaryproof.system.process import Limits, run
from canaryproof.system.sandbox import PATH, UNCONFINED, Sandbox, candidates
from canaryproof.timeouts import TimeLimits

_TRIED = Limits(memory=64 * 2**20, file_size=0)


def sandbox_available(time_limits: TimeLimits, path: str = PATH) -> Sandbox:
    """Return the strongest sandbox in which a program starts, or `UNCONFINED` if there is none.

    *path* is the search path for the commands of util-linux. The detection takes some milliseconds, so call it once per
    run.
    """
    return next((each for each in candidates(path) if _starts(each, time_limits.question)), UNCONFINED)


def _starts(sandbox: Sandbox, within: float) -> bool:
    program = shutil.which("true", path=sandbox.path)
    if program is None:
        return False
    try:
        run([program], timeout=within, env={"PATH": PATH}, cwd=Path(os.sep), limits=_TRIED, sandbox=sandbox)
    except CanaryproofError:
        return False
    return True
