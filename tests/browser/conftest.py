"""Leaves these tests out where the browser's driver is not installed: everybody else collects this folder, too."""

from __future__ import annotations

from importlib.util import find_spec

NEEDED = ("axe_core_python", "selenium")

collect_ignore = [] if all(map(find_spec, NEEDED)) else ["test_pages.py"]
