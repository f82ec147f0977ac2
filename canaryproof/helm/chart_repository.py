"""Fetches charts from repositories with ``helm pull``, before a run."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from pathlib import Path

from canaryproof.errors import CommandError, UsageError
from canaryproof.scenario.chart_places import fetched_charts
from canaryproof.scenario.terms import ChartReference, Scenario
from canaryproof.system.paths import cache_folder
from canaryproof.system.process import run
from canaryproof.system.tempdirs import scratch
from canaryproof.timeouts import TimeLimits


def missing_charts(scenario: Scenario) -> tuple[ChartReference, ...]:
    """Return the charts of repositories that *scenario* names and that are not at their paths yet."""
    return tuple(each for each in fetched_charts(scenario) if each.path and not each.path.is_file())


def fetch_all(
    charts: tuple[ChartReference, ...],
    helm: Path,
    environment: Mapping[str, str],
    time_limits: TimeLimits,
    step: Callable[[str], AbstractContextManager[object]],
) -> None:
    """Fetch *charts* to their paths, each as a *step* of the progress display.

    Raises UsageError when a chart cannot be fetched, or when other users could change the cache folder.
    """
    cache_folder(environment)
    for chart in charts:
        with step(f"fetching the chart {describe(chart)}"):
            fetch(chart, helm, environment, time_limits)


def fetch(chart: ChartReference, helm: Path, environment: Mapping[str, str], time_limits: TimeLimits) -> None:
    """Fetch *chart* to its path, unless it is there. Helm has the user's *environment*, and thus their configuration.

    Raises UsageError with Helm's message when the chart cannot be fetched.
    """
    if chart.path is None:
        raise ValueError("a chart without a place cannot be fetched")
    if chart.path.is_file():
        return
    with scratch() as folder:
        command = [str(helm), "pull", chart.name, "--destination", str(folder)]
        command += ["--version", chart.version] if chart.version else []
        command += ["--repo", chart.repo] if chart.repo else []
        try:
            run(command, timeout=time_limits.fetch, env=environment)
        except CommandError as error:
            said = (error.stderr.strip() or error.outcome).removeprefix("Error: ")
            shown = " ".join(("helm", *command[1:3], *command[5:]))
            raise UsageError(
                f"the chart {describe(chart)} was not fetched: {said}",
                f"try {shown}; canaryproof uses the same configuration of Helm",
            ) from error
        archives = list(folder.glob("*.tgz"))
        if len(archives) != 1:
            raise UsageError(f"the chart {describe(chart)} was not fetched: helm pull wrote {len(archives)} archives")
        chart.path.parent.mkdir(parents=True, exist_ok=True)
        part = chart.path.with_name(folder.name)
        part.write_bytes(archives[0].read_bytes())
        part.replace(chart.path)  # other runs see a whole archive, or none


def describe(chart: ChartReference) -> str:
    """Return the name, the version and the repository of a chart, for messages."""
    return " ".join(filter(None, (chart.name, chart.version, chart.repo and f"from {chart.repo}")))
