"""Charts of repositories are fetched once for each version, with the user's configuration of Helm."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from canaryproof.errors import UsageError
from canaryproof.helm.chart_repository import fetch
from canaryproof.scenario.terms import ChartReference
from canaryproof.timeouts import TimeLimits

LIMITS = TimeLimits()
HELM = """\
#!/bin/sh
echo "$@ ($HELM_REGISTRY_CONFIG)" >> "$LOG"
test "$2" != missing || { echo "Error: chart missing not found in $8" >&2; exit 1; }
echo packed > "$4/shop-1.2.3.tgz"
"""


@pytest.fixture
def helm(tmp_path: Path) -> Path:
    """A program that logs its arguments, and writes an archive as ``helm pull`` does."""
    program = tmp_path / "helm"
    program.write_text(HELM, encoding="utf-8")
    program.chmod(0o755)
    return program


def test_a_chart_is_fetched_once(helm: Path, tmp_path: Path) -> None:
    """The first run calls ``helm pull`` with the user's environment, and later runs find the archive."""
    log, place = tmp_path / "log", tmp_path / "cache" / "one" / "shop-1.2.3.tgz"
    environment = {**os.environ, "LOG": str(log), "HELM_REGISTRY_CONFIG": "mine.json"}
    chart = ChartReference(place, "shop", "https://charts.test", "1.2.3")

    fetch(chart, helm, environment, LIMITS)
    fetch(chart, helm, environment, LIMITS)

    assert place.read_text(encoding="utf-8") == "packed\n"
    assert list(place.parent.iterdir()) == [place]
    (call,) = log.read_text(encoding="utf-8").splitlines()
    assert call.startswith("pull shop --destination ")
    assert call.endswith("--version 1.2.3 --repo https://charts.test (mine.json)")


def test_a_chart_that_cannot_be_fetched_is_named(helm: Path, tmp_path: Path) -> None:
    """The error has Helm's message and the command to try, and nothing is cached."""
    place = tmp_path / "cache" / "missing-1.2.3.tgz"
    chart = ChartReference(place, "missing", "https://charts.test", "1.2.3")

    with pytest.raises(UsageError) as caught:
        fetch(chart, helm, {**os.environ, "LOG": "/dev/null"}, LIMITS)

    assert str(caught.value) == (
        "the chart missing 1.2.3 from https://charts.test was not fetched: chart missing not found in"
        " https://charts.test; try helm pull missing --version 1.2.3 --repo https://charts.test; canaryproof uses the"
        " same configuration of Helm"
    )
    assert not place.exists()
