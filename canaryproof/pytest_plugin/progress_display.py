"""Shows the progress of a run to the user although pytest captures the output of fixtures."""

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
    """Yield progress that is printed on the terminal, on its own line. pytest captures nothing until the block ends."""
    capturing = config.pluginmanager.getplugin("capturemanager")
    with capturing.global_and_fixture_disabled() if capturing else nullcontext():
        if reporter := config.pluginmanager.getplugin("terminalreporter"):
            reporter.ensure_newline()
            reporter.flush()  # the progress is written to standard error, which may be the same file
        yield TerminalProgress(sys.stderr)


def announce(config: pytest.Config, line: str, *, before: pytest.Item) -> None:
    """Print one line between the results of tests. The next result is that of the test *before*."""
    reporter = config.pluginmanager.getplugin("terminalreporter")
    if reporter is None:
        return
    with visible(config):
        if reporter.showlongtestinfo:
            reporter.write(line)  # the line that names the next test begins with a line end
        elif reporter.showfspath:
            reporter.write(line)
            reporter.write_fspath_result(before.nodeid, "")
        else:
            reporter.write_line(line)


@contextmanager
def class_progress(config: pytest.Config, total: int) -> Iterator[None]:
    """Show the progress of a class of *total* submissions until the block ends, even while pytest captures output.

    With ``-v``, pytest shows each test instead.
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
    """Open a duplicate of standard error, which stays on the terminal while pytest replaces the original."""
    try:
        return os.fdopen(os.dup(sys.stderr.fileno()), "w", encoding="utf-8")
    except OSError:  # standard error is no file when a test runs pytest in its own process
        return nullcontext(sys.stderr)


def _standing(ledger: Ledger, total: int, seconds: float) -> str:
    standings = dict(ledger.standings)
    resumed = len(standings.keys() & ledger.resumed.keys())
    return standing(tuple(standings.values()), total=total, running=ledger.running(), seconds=seconds, resumed=resumed)
