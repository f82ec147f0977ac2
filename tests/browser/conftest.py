"""Skips these tests if the browser's driver is not installed, because other test runs collect this folder, too."""

from __future__ import annotations

from importlib.util import find_spec

NEEDED = ("axe_core_python", "selenium")

collect_ignore = [] if all(map(find_spec, NEEDED)) else ["test_pages.py"]
