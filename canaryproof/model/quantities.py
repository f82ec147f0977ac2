"""Parses quantities of the Kubernetes API, such as ``500m``, ``1Gi`` and ``2e3``.  This module is pure."""

from __future__ import annotations

import re
from decimal import Context, Decimal

LARGEST = Decimal(2**63)
"""The largest quantity. Larger ones are reduced to it (apimachinery, ``pkg/api/resource/quantity.go``, but rounded)."""

_QUANTITY = re.compile(r"([-+]?(?:\d+\.?\d*|\.\d+))(?:([eE][-+]?\d+)|([num]|[kMGTPE]|[KMGTPE]i)?)", re.ASCII)
_SUFFIXES = {"n": Decimal("1e-9"), "u": Decimal("1e-6"), "m": Decimal("1e-3"), "k": Decimal(1000)} | {
    suffix + binary: Decimal(1024 if binary else 1000) ** power
    for power, suffix in enumerate("KMGTPE", start=1)
    for binary in ("", "i")
}
_CUT = Context(prec=40, traps=[])
"""Converts a number that is too large to infinity instead of raising an error."""


def parse_quantity(text: str) -> Decimal | None:
    """Return the numeric value of *text*, or None if it is not a quantity (Kubernetes API, "Quantity")."""
    found = _QUANTITY.fullmatch(text)
    if not found:
        return None
    number, exponent, suffix = found.groups()
    value = _CUT.create_decimal(number + (exponent or ""))
    return min(_CUT.multiply(value, _SUFFIXES.get(suffix, Decimal(1))), LARGEST)
