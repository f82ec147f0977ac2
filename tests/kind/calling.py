"""Runs a command with a lent resource. An interrupt reaches the command first, and the resource is removed last."""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager, suppress

from canaryproof.system.signals import taken_for_ctrl_c

INTERRUPTED = 130
STOP = 300.0
"""The seconds in which an interrupted command removes its clusters on a busy machine."""


def call_in(lent: AbstractContextManager[Mapping[str, str]], command: Sequence[str]) -> int:
    """Run *command* in the environment that *lent* yields. Return its exit code, or 130 after an interrupt.

    Ctrl-C, SIGTERM and SIGHUP all interrupt the command. The lent resource stays until the command has ended.
    """
    try:
        with taken_for_ctrl_c(), lent as environment:
            return _call(command, environment)
    except KeyboardInterrupt:
        return INTERRUPTED


def _call(command: Sequence[str], environment: Mapping[str, str]) -> int:
    # Its own session: signals reach whole process groups, and a command that gets a second one ends at once.
    with subprocess.Popen(command, env=environment, start_new_session=True) as process:
        try:
            return process.wait()
        except BaseException:
            _end(process)
            raise


def _end(process: subprocess.Popen[bytes]) -> None:
    """Interrupt the command. Kill its remaining processes after its end, the time limit or a second interrupt."""
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
