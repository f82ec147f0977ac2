"""Every mutation of the reference is judged for what it is; one run tries all that are selected."""

from __future__ import annotations

from collections.abc import Mapping

import pytest

from tests.corpus.catalogue import CORPUS
from tests.corpus.trial import Told, expected, try_all

pytestmark = pytest.mark.corpus


@pytest.fixture(scope="module")
def said(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Mapping[str, Told]:
    """What one run says of the mutations that are selected, by name."""
    ours = (item for item in request.session.items if isinstance(item, pytest.Function) and item.path == request.path)
    chosen = dict.fromkeys(str(item.callspec.params["name"]) for item in ours)
    return try_all({name: CORPUS[name] for name in chosen}, tmp_path_factory.mktemp("corpus"))


@pytest.mark.parametrize("name", CORPUS)
def test_a_mutation_is_judged_for_what_it_is(said: Mapping[str, Told], name: str) -> None:
    """Verdict, outcome, failed and skipped checks are exactly those that the mutation deserves."""
    assert said[name].verdict == expected(CORPUS[name]), str(said[name])
