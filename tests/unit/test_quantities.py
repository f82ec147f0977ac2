"""Quantities are read as the Kubernetes client reads them, and hostile ones are cut down."""

from __future__ import annotations

from decimal import Decimal

import pytest
from kubernetes import utils

from canaryproof.model.quantities import LARGEST, parse_quantity

SUFFIXES = ("", "n", "u", "m", "k", "M", "G", "T", "P", "E", "Ki", "Mi", "Gi", "Ti", "Pi", "Ei")


@pytest.mark.parametrize("suffix", SUFFIXES)
@pytest.mark.parametrize("number", ["0", "2", "1.5", ".5", "3.", "-4", "+4"])
def test_every_suffix_counts_as_it_does_for_the_client(number: str, suffix: str) -> None:
    """Decimal and binary suffixes, fractions and signs, without rounding."""
    assert parse_quantity(number + suffix) == utils.parse_quantity(number + suffix)  # type: ignore[no-untyped-call]


@pytest.mark.parametrize("text", ["2e3", "2E3", "2.5e+3", "1e-3", "100n", "1Pi"])
def test_exponents_count_as_they_do_for_the_client(text: str) -> None:
    """``2E3`` is a number with an exponent, ``2E`` one with a suffix."""
    assert parse_quantity(text) == utils.parse_quantity(text)  # type: ignore[no-untyped-call]


@pytest.mark.parametrize(
    "text", ["", "many", "1mi", "1KiB", "1K", "1e", "1e3Ki", "1 Ki", "inf", "nan", "--1", "1_0", "\u0661"]
)
def test_what_is_no_quantity_is_none(text: str) -> None:
    """The API server refuses it."""
    assert parse_quantity(text) is None


@pytest.mark.parametrize("text", ["9e999", "9e99999999999999999999", "9" * 10_000, "20E", "8Ei"])
def test_large_quantities_are_cut_down(text: str) -> None:
    """However many digits they have."""
    assert parse_quantity(text) == LARGEST


def test_tiny_quantities_are_next_to_nothing() -> None:
    """However many digits they have."""
    found = parse_quantity("9e-99999999999999999999")

    assert found is not None
    assert 0 <= found < Decimal("1e-9")
