"""Names the plugins; each is a module of :mod:`fixtures`."""

from __future__ import annotations

pytest_plugins = [
    "fixtures.options",
    "fixtures.checks",
    "fixtures.scheduling",
    "fixtures.choosing",
    "fixtures.cluster",
    "fixtures.grading",
    "fixtures.reporting",
    "fixtures.order",
    "fixtures.interrupting",
    "fixtures.terminal",
    "pytester",  # runs pytest in the tests of these plugins
]
