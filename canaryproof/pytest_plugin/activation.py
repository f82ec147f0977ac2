"""Loads the parts of the plugin that acceptance tests need as soon as pytest collects such a test."""

from __future__ import annotations

from importlib import import_module
from typing import Any

import pytest

from canaryproof.pytest_plugin.option_table import SUBMISSION

PARTS = tuple(
    f"canaryproof.pytest_plugin.{name}"
    for name in ("parametrize", "cluster_choice", "grading", "reporting", "runloop", "shutdown", "terminal")
)
DISTRIBUTED = (
    "acceptance tests cannot be distributed by pytest-xdist: their experiments already run in parallel. "
    "Leave out -n and --dist; --parallel N sets how many experiments run at once"
)
REFUSED = "canaryproof_refused"
"""The key by which a pytest-xdist worker tells the controller that it ended because it would run acceptance tests."""


def pytest_configure(config: pytest.Config) -> None:
    """Register the markers."""
    config.addinivalue_line("markers", "e2e: acceptance of the submissions on a real cluster")
    config.addinivalue_line(
        "markers",
        "canaryproof_check(id, points=1, needs=()): an acceptance criterion; skipped unless those that it needs hold",
    )


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Load the parts of the plugin. One of them, :mod:`parametrize`, then runs the tests once per submission."""
    if SUBMISSION in metafunc.fixturenames:
        manager = metafunc.config.pluginmanager
        for part in PARTS:
            if not manager.has_plugin(part):
                manager.register(import_module(part), part)  # import_plugin warns of modules that a test imported
        manager.getplugin(PARTS[0]).multiply(metafunc)


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node: Any) -> None:
    """End the pytest-xdist run if a worker ended because of acceptance tests."""
    if REFUSED in getattr(node, "workeroutput", ()):  # a worker that crashed has no workeroutput
        raise pytest.UsageError(DISTRIBUTED)
