"""Every mutation of the reference is judged as expected, with Helm 4 and with Helm 3.

With Helm 3, the mutations whose verdict cannot depend on the version of Helm get the marker ``nightly`` in conftest.py.
"""

from __future__ import annotations

import os
from collections.abc import Mapping

import pytest

from canaryproof.cluster.embedded.toolchain import Machine, provide
from canaryproof.system.paths import cache_folder
from canaryproof.system.progress import Silence
from canaryproof.timeouts import TimeLimits
from tests.corpus.catalogue import CORPUS
from tests.corpus.remarked import REMARKS, SILENT
from tests.corpus.trial import Told, expected, try_all

pytestmark = pytest.mark.corpus


@pytest.fixture(scope="module", params=["helm", "helm3"])
def said(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Mapping[str, Told]:
    """The results of one run over the mutations that are selected for this Helm, by name."""
    ours = (item for item in request.session.items if isinstance(item, pytest.Function) and item.path == request.path)
    given = [item.callspec.params for item in ours]
    chosen = dict.fromkeys(str(each["name"]) for each in given if each["said"] == request.param)
    tools = provide(
        cache=cache_folder(os.environ), progress=Silence(), tools=[request.param], machine=Machine(TimeLimits())
    )
    return try_all(
        {name: CORPUS[name] for name in chosen},
        tmp_path_factory.mktemp(str(request.param)),
        f"--canaryproof-helm={tools.path(request.param)}",
    )


@pytest.mark.parametrize("name", CORPUS)
def test_a_mutation_is_judged_for_what_it_is(said: Mapping[str, Told], name: str) -> None:
    """A mutation gets exactly the expected verdict, outcome, failed checks and skipped checks."""
    assert said[name].verdict == expected(CORPUS[name]), str(said[name])


@pytest.mark.parametrize("name", [*REMARKS, *SILENT])
def test_a_mutation_is_remarked_on_without_another_verdict(said: Mapping[str, Told], name: str) -> None:
    """A mutation gets exactly the expected remarks, and they do not change its verdict."""
    assert said[name].remarks == REMARKS.get(name, frozenset()), said[name].row["remarks"]
    assert said[name].verdict == expected(CORPUS[name]), str(said[name])
