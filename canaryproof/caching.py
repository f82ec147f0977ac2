"""Where things that are made once are kept."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path


def cache_folder(environment: Mapping[str, str]) -> Path:
    """Return this program's folder below the user's cache folder, as the XDG Base Directory Specification places it."""
    return Path(environment.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "canaryproof"
