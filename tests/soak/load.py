"""Keeps the machine busy until the block ends."""

from __future__ import annotations

import os
import sys
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress

from canaryproof.errors import InfrastructureError
from canaryproof.system.process import run
from canaryproof.timeouts import TimeLimits

SPIN = "import os, sys\nwhile os.getppid() == int(sys.argv[1]): pass"
"""A program that spins until the process that started it ends."""


@contextmanager
def busy(processes: int) -> Iterator[None]:
    """Let *processes* processes spin until the end of the block or of this process."""
    over = threading.Event()
    with ThreadPoolExecutor(processes, "load") as pool:
        try:
            for _ in range(processes):
                pool.submit(_spin, over)
            yield
        finally:
            over.set()


def _spin(over: threading.Event) -> None:
    command = [sys.executable, "-c", SPIN, str(os.getpid())]
    with suppress(InfrastructureError):  # the exit code of a terminated command
        run(command, timeout=TimeLimits().toolchain, doomed=lambda: "the block is over" if over.is_set() else None)
