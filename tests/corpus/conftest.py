"""Leaves mutations to the nightly run, with Helm 3, if their verdict cannot depend on the version of Helm."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.corpus.catalogue import CORPUS
from tests.corpus.helm_versions import reason_for_helm_3

HERE = Path(__file__).parent


@pytest.hookimpl(tryfirst=True)  # before pytest selects by markers
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Give these trials the marker ``nightly``."""
    for item in items:
        if not isinstance(item, pytest.Function) or item.path.parent != HERE:
            continue
        program, name = (str(item.callspec.params[each]) for each in ("said", "name"))
        if program == "helm3" and not reason_for_helm_3(name, CORPUS[name]):
            item.add_marker(pytest.mark.nightly)
