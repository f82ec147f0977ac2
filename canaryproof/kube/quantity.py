"""Quantities of the Kubernetes API."""

from __future__ import annotations

from decimal import Decimal

from canaryproof.errors import InfrastructureError
from canaryproof.model.quantities import parse_quantity


def quantity(text: str) -> Decimal:
    """Return the number that *text* stands for (Kubernetes API, "Quantity"): 0.5 for ``500m``, 1024 for ``1Ki``.

    Raises InfrastructureError when *text* is not a quantity: the API server validates those that it stores.
    """
    number = parse_quantity(text)
    if number is None:
        raise InfrastructureError(f"the Kubernetes API reported {text!r}, which is not a quantity")
    return number
