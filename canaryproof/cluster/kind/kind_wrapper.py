"""Wraps kind for pytest-kind: this program runs kind with a time limit and stores its error message.

``python -m canaryproof.cluster.kind.kind_wrapper COMPLAINT SECONDS GRACE KIND ARGUMENTS...``
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

from canaryproof.errors import CanaryproofError
from canaryproof.system.process import run

_READ_BY_ITS_CALLER = "get"
"""The verb whose output pytest-kind reads. The wrapper discards the output of other verbs, which is meant for users."""
_INTERRUPTED = 130


def main(complaint: str, seconds: str, grace: str, *command: str) -> int:
    """Run *command* with a limit of *seconds* and return an exit code. Write an error to the file *complaint*.

    *grace* is the time in seconds from SIGTERM to SIGKILL.
    """
    try:
        said = run(command, timeout=float(seconds), env=os.environ, grace=float(grace))
    except CanaryproofError as error:
        Path(complaint).write_text(str(error), encoding="utf-8")
        return 1
    except KeyboardInterrupt:
        return _INTERRUPTED
    if command[1] == _READ_BY_ITS_CALLER:
        sys.stdout.write(said)
    return 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
