"""Adds the values and the submission of a command line to a scenario."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path

from canaryproof.errors import UsageError
from canaryproof.scenario.chart_places import with_places
from canaryproof.scenario.terms import Revision, Scenario


@dataclass(frozen=True)
class Additions:
    """The part of a command line that changes a scenario."""

    values: Iterable[Path] = ()
    """Values files for the canary, after those of the scenario file."""
    settings: Iterable[str] = ()
    """Values for the canary in the notation of ``helm --set``. They come last."""
    names_submission: bool = False
    """Whether the command line names a submission."""
    own_file: bool = False
    """Whether the scenario file was found in the current folder, so that the run is about its charts."""


def values_files(names: Iterable[str], folder: Path, flag: str) -> tuple[Path, ...]:
    """Return the paths of the values files *names*, which are relative to *folder*.

    Raises UsageError, which names *flag*, when a file does not exist.
    """
    files = tuple(folder / Path(each).expanduser() for each in names)
    if missing := [str(each) for each in files if not each.is_file()]:
        raise UsageError(f"{flag} must name files, and there is no file {', '.join(missing)}; correct the path")
    return files


def scenario_of_run(scenario: Scenario, added: Additions, charts: Path) -> Scenario:
    """Return *scenario* with the additions. Charts of repositories get a path in the folder *charts*.

    Without a submission, a scenario that states its canary, or that was found in the current folder, names all charts
    of the run. Any other scenario needs a submission.
    """
    canary = scenario.canary
    canary = replace(canary, values=(*canary.values, *added.values), settings=(*canary.settings, *added.settings))
    names_its_charts = added.own_file or canary != Revision()
    submits = scenario.submits_charts and (added.names_submission or not names_its_charts)
    return with_places(replace(scenario, canary=canary, submits_charts=submits), charts)
