"""Limits the collection to the folder that ``-m`` names, so that ``-m e2e`` does not import all other tests."""

from __future__ import annotations

from pathlib import Path

import pytest

HERE = Path(__file__).parent


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    """Ignore the other folders if the marker expression is the name of a folder."""
    expression = config.getoption("markexpr")
    if not expression or not (HERE / expression).is_dir():
        return None
    other = collection_path.is_dir() and collection_path.parent == HERE and collection_path.name != expression
    return True if other else None
