"""Parses quantities that the Kubernetes API reports."""

from __future__ import annotations

from decimal import Decimal

from canaryproof.errors import InfrastructureError
from canaryproof.model.quantities import parse_quantity


def quantity(text: str) -> Decimal:
    """Return the number for a quantity (Kubernetes API, "Quantity"): 0.5 for ``500m``, 1024 for ``1Ki``.

    Raises InfrastructureError when *text* is not a quantity. A submission cannot cause this, because the API server
    validates quantities before it stores them.
    """
    number = parse_quantity(text)
    if number is None:
        raise InfrastructureError(f"the Kubernetes API reported {text!r}, which is not a quantity")
    return number
