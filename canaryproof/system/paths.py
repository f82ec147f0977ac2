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
    folder = Path(environment.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "canaryproof"
    require_own(folder, "the cache folder")
    return folder
