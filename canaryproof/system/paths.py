"""Where things that are made once are kept."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from canaryproof.system.ownership import require_own


def cache_folder(environment: Mapping[str, str]) -> Path:
    """Return this program's folder below the user's cache folder, as the XDG Base Directory Specification places it.

    Raises UsageError when somebody else could replace what is in there: programs that run as this user, and files that
    are written at known names.
    """
    folder = Path(environment.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "canaryproof"
    require_own(folder, "the cache folder")
    return folder
