"""Reads durations as Go and Kubernetes write them: ``2s``, ``5m``, ``1m30s``."""

from __future__ import annotations

import re

PATTERN = r"^([0-9]+(\.[0-9]+)?(h|m|s|ms))+$"
_SECONDS = {"h": 3600.0, "m": 60.0, "s": 1.0, "ms": 0.001}


def seconds_in(text: str) -> float:
    """Return the seconds of a duration that matches `PATTERN`."""
    parts = re.findall(r"([0-9.]+)(ms|h|m|s)", text)
    return sum(float(number) * _SECONDS[unit] for number, unit in parts)
