"""Defines a registry's own answer about an image.  This module is pure."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

Availability = Literal["present", "missing", "unavailable"]
"""Whether a registry has an image: ``missing`` also if it refuses access, ``unavailable`` if it does not say."""


@dataclass(frozen=True)
class PullAnswer:
    """The answer of a registry about an image. *detail* is its status, or the error of the connection."""

    availability: Availability
    detail: str = ""


AskRegistry = Callable[[str], PullAnswer | None]
"""Asks the registry of an image reference. Returns None if that registry must not be asked."""


def nobody_asked(image: str) -> None:
    """Return None: the cluster takes *image* from its own registry, so that no other registry is asked."""
    del image
