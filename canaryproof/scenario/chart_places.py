"""Chooses the paths at which charts of repositories are kept after the download."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from canaryproof.scenario.terms import ChartReference, Revision, Scenario, SetupManifest, SetupRelease


def with_places(scenario: Scenario, folder: Path) -> Scenario:
    """Return *scenario* with a path in *folder* for each chart of a repository. A version has a path of its own."""
    return replace(
        scenario,
        stable=tuple(_placed(each, folder) for each in scenario.stable),
        canary=_placed(scenario.canary, folder),
        setup=tuple(
            each if isinstance(each, SetupManifest) else replace(each, chart=_place(each.chart, folder))
            for each in scenario.setup
        ),
    )


def fetched_charts(scenario: Scenario) -> tuple[ChartReference, ...]:
    """Return the charts of repositories, each once."""
    return tuple(dict.fromkeys(each for each in _charts(scenario) if each.name))


def _charts(scenario: Scenario) -> Iterator[ChartReference]:
    yield from (each.chart for each in scenario.setup if isinstance(each, SetupRelease))
    yield from (each.chart for each in (*scenario.stable, scenario.canary) if each.chart)


def _placed(revision: Revision, folder: Path) -> Revision:
    return replace(revision, chart=_place(revision.chart, folder)) if revision.chart else revision


def _place(chart: ChartReference, folder: Path) -> ChartReference:
    if not chart.name:
        return chart
    source = f"{chart.repo}\n{chart.name}\n{chart.version}"
    name = chart.name.rstrip("/").rpartition("/")[2].partition("@")[0].replace(":", "-")
    file = "-".join(filter(None, (name, chart.version)))
    return replace(chart, path=folder / hashlib.sha256(source.encode()).hexdigest()[:16] / f"{file}.tgz")
