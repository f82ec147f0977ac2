"""The reference is accepted, and each chart with a single fault is rejected only for that fault."""

from __future__ import annotations

from collections.abc import Mapping

import pytest

from tests.corpus.catalogue import CORPUS
from tests.corpus.trial import Told, expected, try_all

pytestmark = pytest.mark.cluster

CONTROLS = (
    "reference",
    "stays-healthy",
    "mistyped-tag",
    "two-replicas",
    "port-5000",
    "service-selects-nothing",
    "no-canary",
)


@pytest.fixture(scope="module")
def said(tmp_path_factory: pytest.TempPathFactory) -> Mapping[str, Told]:
    """The results of one run over all controls, started as course staff would."""
    return try_all({name: CORPUS[name] for name in CONTROLS}, tmp_path_factory.mktemp("controls"))


@pytest.mark.parametrize("name", CONTROLS)
def test_a_control_is_judged_for_what_it_is(said: Mapping[str, Told], name: str) -> None:
    """A control gets exactly the expected verdict, outcome, failed checks and skipped checks."""
    assert said[name].verdict == expected(CORPUS[name]), str(said[name])


def test_every_declared_check_has_a_row(said: Mapping[str, Told]) -> None:
    """The results list all thirteen checks in order for every submission."""
    rows = [[it["id"] for it in told.row["checks"]] for told in said.values()]

    assert len(rows) == len(CONTROLS)
    assert all(row == rows[0] for row in rows)
    assert len(rows[0]) == 13
