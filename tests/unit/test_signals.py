"""A program that a signal ends leaves its blocks in order."""

from __future__ import annotations

import subprocess
import sys

import pytest

PROGRAM = """
import signal, sys
from canaryproof.system.signals import SIGNALS, taken_for_ctrl_c

number, *ignored = (signal.Signals[name] for name in sys.argv[1:])
before = {each: signal.SIG_IGN if each in ignored else signal.SIG_DFL for each in SIGNALS}
for each, handler in before.items():
    signal.signal(each, handler)
try:
    with taken_for_ctrl_c():
        signal.raise_signal(number)
        print("went on")
except KeyboardInterrupt:
    print("interrupted")
print("as before:", before == {each: signal.getsignal(each) for each in SIGNALS})
"""


def said(*arguments: str) -> list[str]:
    """Return the output of a program that gets the named signal and ignores the others."""
    command = [sys.executable, "-c", PROGRAM, *arguments]
    return subprocess.run(command, capture_output=True, text=True, timeout=60, check=True).stdout.splitlines()


@pytest.mark.parametrize("name", ["SIGTERM", "SIGHUP"])
def test_a_signal_that_ends_programs_is_taken_for_ctrl_c(name: str) -> None:
    """The signal raises KeyboardInterrupt in the block, and afterwards has its former effect."""
    assert said(name) == ["interrupted", "as before: True"]


def test_what_is_ignored_stays_ignored() -> None:
    """An ignored signal stays ignored, so that a run under ``nohup`` continues after the logout."""
    assert said("SIGHUP", "SIGHUP") == ["went on", "as before: True"]
