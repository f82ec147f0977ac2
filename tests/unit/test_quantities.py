"""The harness reads quantities like the Kubernetes client, and limits hostile ones."""

from __future__ import annotations

from decimal import Decimal

import pytest
from kubernetes import utils

from canaryproof.model.quantities import LARGEST, parse_quantity

SUFFIXES = ("", "n", "u", "m", "k", "M", "G", "T", "P", "E", "Ki", "Mi", "Gi", "Ti", "Pi", "Ei")


@pytest.mark.parametrize("suffix", SUFFIXES)
@pytest.mark.parametrize("number", ["0", "2", "1.5", ".5", "3.", "-4", "+4"])
def test_every_suffix_counts_as_it_does_for_the_client(number: str, suffix: str) -> None:
    """The harness reads decimal and binary suffixes, fractions and signs like the client, without rounding."""
    assert parse_quantity(number + suffix) == utils.parse_quantity(number + suffix)  # type: ignore[no-untyped-call]


@pytest.mark.parametrize("text", ["2e3", "2E3", "2.5e+3", "1e-3", "100n", "1Pi"])
def test_exponents_count_as_they_do_for_the_client(text: str) -> None:
    """The harness reads ``2E3`` with an exponent and ``2E`` with a suffix, like the client."""
    assert parse_quantity(text) == utils.parse_quantity(text)  # type: ignore[no-untyped-call]


@pytest.mark.parametrize(
    "text", ["", "many", "1mi", "1KiB", "1K", "1e", "1e3Ki", "1 Ki", "inf", "nan", "--1", "1_0", "\u0661"]
)
def test_what_is_no_quantity_is_none(text: str) -> None:
    """The harness reads invalid text as None, because the API server refuses it."""
    assert parse_quantity(text) is None


@pytest.mark.parametrize("text", ["9e999", "9e99999999999999999999", "9" * 10_000, "20E", "8Ei"])
def test_large_quantities_are_cut_down(text: str) -> None:
    """The harness limits a large quantity, however many digits it has."""
    assert parse_quantity(text) == LARGEST


def test_tiny_quantities_are_next_to_nothing() -> None:
    """The harness reads a tiny quantity as close to zero, however many digits it has."""
    found = parse_quantity("9e-99999999999999999999")

    assert found is not None
    assert 0 <= found < Decimal("1e-9")
