"""Turns the charts and values of a scenario into the paths of charts and of values files for Helm."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from canaryproof.helm.chart_values import Values
from canaryproof.scenario.terms import (
    ChartReference,
    Revision,
    Scenario,
    SetupManifest,
    SetupRelease,
    ValuesSource,
)


@dataclass(frozen=True)
class RevisionInputs:
    """The chart and the values of one revision."""

    chart: Path | None
    """The path of the chart, or None where the submission is the chart."""
    values: Values

    @property
    def own_chart(self) -> Path:
        """Return the path of the chart, which is one of the scenario's own."""
        if self.chart is None:
            raise ValueError("the chart of this revision is the submission")
        return self.chart


@dataclass(frozen=True)
class SetupInputs:
    """A release to install before revision 1."""

    release: str
    chart: Path
    values: Values


@dataclass(frozen=True)
class Inputs:
    """The inputs of all Helm operations of a run."""

    stable: tuple[RevisionInputs, ...]
    canary: RevisionInputs
    setup: tuple[SetupManifest | SetupInputs, ...] = ()

    @classmethod
    def of(cls, scenario: Scenario, folder: Path) -> Self:
        """Return the inputs of *scenario*. Values that the scenario file contains become files in *folder*.

        Raises ValueError when a chart of a repository was not fetched.
        """
        stable = tuple(
            _revision(each, scenario, folder / f"stable-{number}") for number, each in enumerate(scenario.stable, 1)
        )
        canary = _revision(scenario.canary, scenario, folder / "canary")
        if canary.chart is None and not scenario.submits_charts:
            canary = RevisionInputs(stable[-1].chart, canary.values)
        setup = tuple(_setup(each, folder / f"setup-{number}") for number, each in enumerate(scenario.setup, 1))
        return cls(stable, canary, setup)


def _revision(revision: Revision, scenario: Scenario, folder: Path) -> RevisionInputs:
    files = tuple(_files((*scenario.values, *revision.values), folder))
    chart = _path(revision.chart) if revision.chart else None
    return RevisionInputs(chart, Values(files, revision.settings))


def _setup(step: SetupManifest | SetupRelease, folder: Path) -> SetupManifest | SetupInputs:
    if isinstance(step, SetupManifest):
        return step
    return SetupInputs(step.release, _path(step.chart), Values(tuple(_files(step.values, folder))))


def _path(chart: ChartReference) -> Path:
    if chart.path is None:
        raise ValueError(f"the chart {chart.name} of a repository must be fetched first")
    return chart.path


def _files(values: Iterable[ValuesSource], folder: Path) -> Iterator[Path]:
    """Yield the files of *values*. A map becomes a JSON document, which is valid YAML."""
    for number, source in enumerate(values, 1):
        if isinstance(source, Path):
            yield source
            continue
        folder.mkdir(parents=True, exist_ok=True)
        file = folder / f"{folder.name}-values-{number}.yaml"
        file.write_text(json.dumps(source), encoding="utf-8")
        yield file
