"""Finds the values with which a chart renders its canary. It renders the chart with its switches on and off."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import yaml

from canaryproof.analysis.canary import find_canary
from canaryproof.errors import SubmissionError, UsageError
from canaryproof.helm.chart_values import Values
from canaryproof.helm.verbs import Helm
from canaryproof.model.evidence import Canary, Rendering
from canaryproof.scenario.chart_files import chart_problem
from canaryproof.scenario.terms import ChartReference, Expectation, Revision, Scenario, WorkloadName

CANARY_WORD = re.compile(r"canary|green|preview|candidate", re.IGNORECASE)
MOST_TRIED = 20
"""The maximum number of values that are tried. Each one takes a rendering."""
NEXT_TAG = "canaryproof-next"
"""A tag that stands for that of the next version."""
ValuesPath = tuple[str, ...]


@dataclass(frozen=True)
class ChartSurvey:
    """A chart, the values that switch its canary on, and the rendered objects."""

    chart: Path
    name: str
    values: tuple[Path, ...]
    off: Mapping[str, Any]
    """The values of the stable revision. Empty if the chart's own values are those of stable."""
    on: Mapping[str, Any]
    """The values that add or change the canary. Empty if none were found."""
    switches: tuple[str, ...]
    """The paths of all values of the chart that are switches."""
    stable: Rendering
    upgrade: Rendering
    canary: Canary | None = None
    tag: str = ""
    """The path of the image tag that the canary changes, or an empty string if a switch adds the canary."""


@dataclass(frozen=True)
class _Trial:
    path: ValuesPath
    off: Mapping[str, Any]
    on: Mapping[str, Any]
    is_tag: bool = False


class Surveyor:
    """Surveys the chart at *chart* with the user's values files."""

    def __init__(self, helm: Helm, chart: Path, values: tuple[Path, ...], folder: Path) -> None:
        """Write values that are tried to files in *folder*.

        Raises UsageError when the path is not a chart.
        """
        if problem := chart_problem(chart):
            raise UsageError(problem)
        self._helm = helm
        self._chart = chart
        self._values = values
        self._file = folder / "tried.yaml"
        metadata = self._shown("chart")
        self._name = str(metadata.get("name") or chart.name)

    def survey(self) -> ChartSurvey:
        """Return the first change of values that adds or changes one workload: a switch, or else an image tag.

        Raises UsageError when the chart does not render.
        """
        defaults = _merged(self._shown("values"), *map(_content, self._values))
        switches = tuple(".".join(path) for path, value in _leaves(defaults) if isinstance(value, bool))
        plain = self._render({})
        if plain.error:
            raise UsageError(f"the chart {self._chart} does not render: {plain.error}", "give its values with --values")
        survey = ChartSurvey(self._chart, self._name, self._values, {}, {}, switches, plain, plain)
        for trial in [*_switches(defaults), *_tags(defaults)][:MOST_TRIED]:
            stable, upgrade = (self._render(trial.off) if trial.off else plain), self._render(trial.on)
            if not stable.error and not upgrade.error and (canary := self._canary(stable, upgrade)):
                tag = ".".join(trial.path) if trial.is_tag else ""
                found = replace(survey, off=trial.off, on=trial.on, canary=canary, tag=tag)
                return replace(found, stable=stable, upgrade=upgrade)
        return survey

    def _canary(self, stable: Rendering, upgrade: Rendering) -> Canary | None:
        """Return the canary, or the first one if the change concerns several workloads."""
        scenario = Scenario(
            title="",
            release=self._name,
            namespace=self._name,
            stable=(Revision(ChartReference(self._chart)),),
            expect=Expectation(("healthy",)),
            submits_charts=False,
        )
        found = find_canary(stable, upgrade, scenario)
        if found.canary or not found.decision or found.decision.outcome != "ambiguous":
            return found.canary
        kind, _, name = found.decision.cause.parts[0].object.partition("/")
        named = replace(scenario.expect, workload=WorkloadName(kind, name))  # type: ignore[arg-type]  # a workload's kind
        return find_canary(stable, upgrade, replace(scenario, expect=named)).canary

    def _render(self, values: Mapping[str, Any]) -> Rendering:
        self._file.write_text(json.dumps(values), encoding="utf-8")
        given = Values((*self._values, self._file))
        try:
            return self._helm.renderer.template(self._name, self._chart, self._name, values=given, trusted=True)
        except SubmissionError as error:
            return Rendering(error=error.message)

    def _shown(self, what: str) -> Mapping[str, Any]:
        content = yaml.safe_load(self._helm.renderer.show(what, self._chart))
        return content if isinstance(content, dict) else {}


def _switches(values: Mapping[str, Any]) -> Iterator[_Trial]:
    """Yield the switches with the name of a canary. A switch that is on by default is off in the stable revision."""
    for path, value in _leaves(values):
        if isinstance(value, bool) and any(map(CANARY_WORD.search, path)):
            yield _Trial(path, _nested(path, value=False) if value else {}, _nested(path, value=True))


def _tags(values: Mapping[str, Any]) -> Iterator[_Trial]:
    """Yield the tags of images."""
    for path, value in _leaves(values):
        if path[-1].lower().endswith("tag") and not isinstance(value, (bool, list, dict)):
            yield _Trial(path, {}, _nested(path, value=NEXT_TAG), is_tag=True)


def _leaves(values: Mapping[str, Any], path: ValuesPath = ()) -> Iterator[tuple[ValuesPath, Any]]:
    for key, value in values.items():
        if isinstance(value, dict) and value:
            yield from _leaves(value, (*path, str(key)))
        else:
            yield (*path, str(key)), value


def _nested(path: Sequence[str], *, value: object) -> Mapping[str, Any]:
    for key in reversed(path):
        value = {key: value}
    return value if isinstance(value, dict) else {}


def _merged(*values: Mapping[str, Any]) -> Mapping[str, Any]:
    """Merge values as Helm does: maps by key, and everything else as a whole."""
    merged: dict[str, Any] = {}
    for each in values:
        for key, value in each.items():
            both = isinstance(value, dict) and isinstance(merged.get(key), dict)
            merged[key] = _merged(merged[key], value) if both else value
    return merged


def _content(file: Path) -> Mapping[str, Any]:
    try:
        content = yaml.safe_load(file.read_bytes())
    except (OSError, yaml.YAMLError) as error:
        raise UsageError(f"{file} is not a values file: {error}") from error
    return content if isinstance(content, dict) else {}
