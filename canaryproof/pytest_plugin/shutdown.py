"""Ends a run in order when the machine ends it, as Ctrl-C does: reports of what is done, and no cluster left."""

from __future__ import annotations

import threading
from collections.abc import Generator

import pytest

from canaryproof.pytest_plugin.parametrize import selected
from canaryproof.system.signals import taken_for_ctrl_c


@pytest.hookimpl(wrapper=True)
def pytest_runtestloop(session: pytest.Session) -> Generator[None, object, object]:
    """Take SIGTERM and SIGHUP for Ctrl-C while submissions are tried."""
    if not selected(session) or threading.current_thread() is not threading.main_thread():
        return (yield)
    with taken_for_ctrl_c():
        return (yield)
