"""Installs the stable chart of a scenario, for tests and programs that only need the running app."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from canaryproof.errors import InfrastructureError
from canaryproof.helm.verbs import Helm
from canaryproof.scenario.terms import Scenario


@dataclass(frozen=True)
class Release:
    """An installed release."""

    name: str
    namespace: str
    chart: Path


def install_stable(helm: Helm, scenario: Scenario, namespace: str) -> Release:
    """Install the stable chart into *namespace*, wait until Helm reports it as ready, and return the release.

    The deletion of the namespace also removes the release.

    Raises InfrastructureError with Helm's message when the chart cannot be installed or does not become ready in time.
    """
    installed = helm.install(scenario.release, scenario.stable_chart, namespace, wait=True)
    if installed.error:
        raise InfrastructureError(f"the stable chart {scenario.stable_chart} was not installed: {installed.error}")
    return Release(scenario.release, namespace, scenario.stable_chart)
