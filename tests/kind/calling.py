"""Runs a command in what is lent to it; who interrupts the one interrupts the other, and what is lent goes last."""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager, suppress

from canaryproof.system.signals import taken_for_ctrl_c

INTERRUPTED = 130
STOP = 300.0
"""Seconds in which a command that is interrupted has taken its clusters away, on a busy machine."""


def call_in(lent: AbstractContextManager[Mapping[str, str]], command: Sequence[str]) -> int:
    """Run *command* in the environment that *lent* yields; return its exit code, or 130 when this was interrupted.

    Ctrl-C, SIGTERM and SIGHUP are one to the command: it is interrupted, and what is lent stays until it has ended.
    """
    try:
        with taken_for_ctrl_c(), lent as environment:
            return _call(command, environment)
    except KeyboardInterrupt:
        return INTERRUPTED


def _call(command: Sequence[str], environment: Mapping[str, str]) -> int:
    # A session of its own: whole process groups are signalled, too, and a command that is told twice ends at once.
    with subprocess.Popen(command, env=environment, start_new_session=True) as process:
        try:
            return process.wait()
        except BaseException:
            _end(process)
            raise


def _end(process: subprocess.Popen[bytes]) -> None:
    """Interrupt the command; kill what is left of it when it has ended, its time is up, or its user is in a hurry."""
    try:
        _signal(process, signal.SIGINT)
        with suppress(subprocess.TimeoutExpired):
            process.wait(STOP)
    finally:
        _signal(process, signal.SIGKILL)
        process.wait()


def _signal(process: subprocess.Popen[bytes], number: signal.Signals) -> None:
    with suppress(ProcessLookupError):
        os.killpg(process.pid, number)
