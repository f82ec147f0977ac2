"""A mark that is named like a folder is meant for that: ``-m e2e`` does not wait for the import of all other tests."""

from __future__ import annotations

from pathlib import Path

import pytest

HERE = Path(__file__).parent


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    """Leave out the other folders, where the expression for marks is the name of one."""
    expression = config.getoption("markexpr")
    if not expression or not (HERE / expression).is_dir():
        return None
    other = collection_path.is_dir() and collection_path.parent == HERE and collection_path.name != expression
    return True if other else None
