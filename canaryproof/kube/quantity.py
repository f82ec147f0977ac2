"""Quantities of the Kubernetes API."""

from __future__ import annotations

from decimal import Decimal

from kubernetes.utils import parse_quantity

from canaryproof.errors import InfrastructureError


def quantity(text: str) -> Decimal:
    """Return the number that *text* stands for (Kubernetes API, "Quantity"): 0.5 for ``500m``, 1024 for ``1Ki``.

    Raises InfrastructureError when *text* is not a quantity: the API server validates those that it stores.
    """
    try:
        return Decimal(parse_quantity(text))  # type: ignore[no-untyped-call]  # the package types its generated part only
    except ValueError as error:
        raise InfrastructureError(f"the Kubernetes API reported {text!r}, which is not a quantity") from error
