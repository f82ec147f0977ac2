"""Locates the cache, which holds files that are created once and used by later runs."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from canaryproof.system.ownership import require_own


def cache_folder(environment: Mapping[str, str]) -> Path:
    """Return this program's folder in the user's cache folder (XDG Base Directory Specification).

    Raises UsageError when another user could replace its contents. The folder holds programs that run as this user, and
    files with predictable names.
    """
    folder = _cache(environment)
    require_own(folder, "the cache folder")
    return folder


def _cache(environment: Mapping[str, str]) -> Path:
    return Path(environment.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "canaryproof"


def chart_cache(environment: Mapping[str, str]) -> Path:
    """Return the folder for charts of repositories in the cache, without a look at it."""
    return _cache(environment) / "charts"
