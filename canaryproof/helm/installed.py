"""Installs the stable chart of a scenario, for tests and programs that only need the running app."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from canaryproof.errors import ScenarioError
from canaryproof.helm.inputs import Inputs
from canaryproof.helm.verbs import Helm
from canaryproof.scenario.terms import Scenario
from canaryproof.system.tempdirs import scratch


@dataclass(frozen=True)
class Release:
    """An installed release."""

    name: str
    namespace: str
    chart: Path


def install_stable(helm: Helm, scenario: Scenario, namespace: str) -> Release:
    """Install the stable revisions into *namespace*, wait until Helm reports them as ready, and return the release.

    The deletion of the namespace also removes the release.

    Raises ScenarioError with Helm's message when a chart cannot be installed or does not become ready in time.
    """
    with scratch() as folder:
        first, *others = Inputs.of(scenario, folder).stable
        wait, flags = ("--wait",), scenario.helm
        done = helm.install(
            scenario.release, first.own_chart, namespace, values=first.values, flags=flags.install, wait=True
        )
        for each in others:
            if not done.error:
                done = helm.upgrade(
                    scenario.release,
                    each.own_chart,
                    namespace,
                    values=each.values,
                    flags=(*wait, *flags.upgrade),
                    trusted=True,
                )
    if done.error:
        raise ScenarioError(f"the stable chart {scenario.stable_chart} was not installed: {done.error}")
    return Release(scenario.release, namespace, scenario.stable_chart)
