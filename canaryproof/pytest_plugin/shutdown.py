"""Ends a run on SIGTERM or SIGHUP as on Ctrl-C: the reports so far are written, and the cluster is removed."""

from __future__ import annotations

import threading
from collections.abc import Generator

import pytest

from canaryproof.pytest_plugin.parametrize import selected
from canaryproof.system.signals import taken_for_ctrl_c


@pytest.hookimpl(wrapper=True)
def pytest_runtestloop(session: pytest.Session) -> Generator[None, object, object]:
    """Handle SIGTERM and SIGHUP like Ctrl-C while submissions are tried."""
    if not selected(session) or threading.current_thread() is not threading.main_thread():
        return (yield)
    with taken_for_ctrl_c():
        return (yield)
