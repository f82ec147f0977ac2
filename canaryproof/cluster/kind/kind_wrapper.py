"""A program for pytest-kind to call in the place of kind: it runs kind within a time limit, and keeps what it said.

``python -m canaryproof.cluster.kind.kind_wrapper COMPLAINT SECONDS GRACE KIND ARGUMENTS...``
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

from canaryproof.errors import CanaryproofError
from canaryproof.system.process import run

_READ_BY_ITS_CALLER = "get"
"""The verb whose output matters; what the others say is for people at a terminal of their own."""
_INTERRUPTED = 130


def main(complaint: str, seconds: str, grace: str, *command: str) -> int:
    """Run *command* within *seconds*; why it failed is written to the file *complaint*."""
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
