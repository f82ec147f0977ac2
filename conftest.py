"""Names the pytest plugins that the tests of this repository use."""

from __future__ import annotations

pytest_plugins = [
    "canaryproof.pytest_plugin",  # the name of its entry point, so that pytest loads it once, whether installed or not
    "fixtures.tools",
    "pytester",  # the plugin's tests run pytest with it
]
