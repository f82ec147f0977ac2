"""Names the plugins that the tests of this repository use."""

from __future__ import annotations

pytest_plugins = [
    "canaryproof.pytest_plugin",  # named like its entry point, so that it is loaded once, installed or not
    "fixtures.tools",
    "pytester",  # runs pytest in the tests of the plugin
]
