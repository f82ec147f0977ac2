"""Shows the user what is under way, though pytest captures the output of fixtures."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import TextIO

import pytest

from canaryproof.pytest_plugin.run_state import Ledger, ledger_of
from canaryproof.pytest_plugin.terminal_text import standing
from canaryproof.system.progress import Progress, TerminalProgress, ticking


@contextmanager
def visible(config: pytest.Config) -> Iterator[Progress]:
    """Yield progress that reaches the terminal, on a line of its own; nothing is captured until the block ends."""
    capturing = config.pluginmanager.getplugin("capturemanager")
    with capturing.global_and_fixture_disabled() if capturing else nullcontext():
        if reporter := config.pluginmanager.getplugin("terminalreporter"):
            reporter.ensure_newline()
            reporter.flush()  # the progress goes to another stream, which may be the same file
        yield TerminalProgress(sys.stderr)


def announce(config: pytest.Config, line: str, *, before: pytest.Item) -> None:
    """Print one line between the results of tests; the result of *before* is the next."""
    reporter = config.pluginmanager.getplugin("terminalreporter")
    if reporter is None:
        return
    with visible(config):
        if reporter.showlongtestinfo:
            reporter.write(line)  # what names the next test begins with a line end
        elif reporter.showfspath:
            reporter.write(line)
            reporter.write_fspath_result(before.nodeid, "")
        else:
            reporter.write_line(line)


@contextmanager
def class_progress(config: pytest.Config, total: int) -> Iterator[None]:
    """Show how far a class of *total* submissions is, whatever pytest captures meanwhile, until the block ends.

    With ``-v`` pytest itself shows every test instead.
    """
    if config.get_verbosity(pytest.Config.VERBOSITY_TEST_CASES) > 0:
        yield
        return
    if reporter := config.pluginmanager.getplugin("terminalreporter"):
        reporter.showfspath = False
        reporter.ensure_newline()
        reporter.flush()
    ledger, began = ledger_of(config), time.monotonic()
    with (
        _uncaptured() as terminal,
        TerminalProgress(terminal).step(f"trying {total} submissions") as say,
        ticking(lambda: say(_standing(ledger, total, time.monotonic() - began))),
    ):
        yield


def _uncaptured() -> AbstractContextManager[TextIO]:
    """Lend standard error as it is now, whatever is put in its place meanwhile."""
    try:
        return os.fdopen(os.dup(sys.stderr.fileno()), "w", encoding="utf-8")
    except OSError:  # it is no file, as in a run within a run
        return nullcontext(sys.stderr)


def _standing(ledger: Ledger, total: int, seconds: float) -> str:
    standings = dict(ledger.standings)
    resumed = len(standings.keys() & ledger.resumed.keys())
    return standing(tuple(standings.values()), total=total, running=ledger.running(), seconds=seconds, resumed=resumed)
