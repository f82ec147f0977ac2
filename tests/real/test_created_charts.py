"""Rehearsals of the chart that ``helm create`` generates, by Helm 4 and by Helm 3."""

from __future__ import annotations

import pytest

from tests.real.rehearsing import HELM_3, Rehearsal, names_in

pytestmark = pytest.mark.real


@pytest.mark.parametrize("helm", ["helm", HELM_3])
@pytest.mark.parametrize("name", names_in("created"))
def test_the_expected_outcome_is_found(rehearse: Rehearsal, name: str, helm: str) -> None:
    """Each scenario expects one outcome, and all checks that it asks for hold."""
    _, result = rehearse(name.replace("created", helm))

    assert result.verdict == "accepted", result.reason
