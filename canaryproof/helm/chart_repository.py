"""Fetches charts from repositories with ``helm pull``, before a run."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from canaryproof.errors import CommandError, UsageError
from canaryproof.scenario.terms import ChartReference
from canaryproof.system.process import run
from canaryproof.system.tempdirs import scratch
from canaryproof.timeouts import TimeLimits


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
