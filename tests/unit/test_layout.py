"""The names of the package's modules."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import canaryproof

PACKAGE = Path(canaryproof.__file__).parent
SHARED = {"__init__", "__main__", "errors", "provider"}


def test_no_two_modules_share_a_name() -> None:
    """No two modules of the package share a name."""
    names = Counter(file.stem for file in PACKAGE.rglob("*.py"))

    assert sorted(name for name, count in names.items() if count > 1 and name not in SHARED) == []
