"""A resource that is lent to a command is removed after the command ends, whatever ends them."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).parents[2]
ENDS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
LENDER = """
import os, signal, sys
from contextlib import contextmanager
from tests.kind.calling import call_in

@contextmanager
def lent():
    try:
        yield {**os.environ, "LENT": "yes"}
    finally:
        print("taken back", flush=True)

signal.signal(signal.SIGINT, signal.default_int_handler)  # as on a terminal, whatever these tests run in
signal.signal(signal.SIGHUP, signal.SIG_DFL)
sys.exit(call_in(lent(), sys.argv[1:]))
"""
COMMAND = """
import os, signal, subprocess, sys
child = subprocess.Popen(["sleep", "120"], preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_IGN))
print("at work, lent:", os.environ["LENT"], flush=True)
try:
    child.wait()
except KeyboardInterrupt:
    print("ended in order", flush=True)
"""


@contextmanager
def lender(*command: str) -> Iterator[subprocess.Popen[str]]:
    """Run a command with a lent resource in its own process group, as a shell would."""
    with subprocess.Popen(
        [sys.executable, "-c", LENDER, *command],
        cwd=REPOSITORY,
        stdout=subprocess.PIPE,
        text=True,
        start_new_session=True,
    ) as process:
        try:
            yield process
        finally:
            process.kill()


def test_the_exit_code_is_the_commands() -> None:
    """The exit code is that of the command, so that CI fails with its tests."""
    with lender("sh", "-c", "exit 7") as process:
        assert process.communicate(timeout=60)[0] == "taken back\n"

    assert process.returncode == 7


@pytest.mark.parametrize("number", ENDS, ids=lambda it: it.name)
def test_a_command_ends_in_order_before_what_is_lent_to_it(number: signal.Signals) -> None:
    """A signal ends the command before the resource is removed, and the remaining processes are killed.

    The command gets the signal once, although a terminal and ``timeout`` signal the whole process group.
    """
    with lender(sys.executable, "-c", COMMAND) as process:
        assert process.stdout
        assert process.stdout.readline() == "at work, lent: yes\n"
        os.killpg(process.pid, number)
        said, _ = process.communicate(timeout=60)  # wait until no process holds the pipe, including the command's child

    assert said == "ended in order\ntaken back\n"
    assert process.returncode == 130
