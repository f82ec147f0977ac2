"""Describes the chart with the canary as a submission, where the scenario itself names the chart."""

from __future__ import annotations

from canaryproof.scenario.terms import Scenario
from canaryproof.submissions.discovery import Submission


def own_submission(scenario: Scenario) -> Submission:
    """Return the submission of a scenario whose charts are all its own. It has the name of the release.

    Raises ValueError when the chart is in a repository and was not fetched.
    """
    chart = scenario.canary.chart or scenario.stable[-1].chart
    if chart is None or chart.path is None:
        raise ValueError("charts of repositories must be fetched first")
    return Submission(scenario.release, str(chart.path), chart.path)
