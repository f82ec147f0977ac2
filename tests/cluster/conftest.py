"""Fixtures that all tests on clusters share."""

from __future__ import annotations

import signal
from collections.abc import Iterator

import pytest


@pytest.fixture(scope="session", autouse=True)
def ctrl_c_is_heard() -> Iterator[None]:
    """Restore Python's handler of Ctrl-C, so that these tests and their children hear it.

    A shell's background jobs ignore Ctrl-C, and children inherit this.
    """
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)
