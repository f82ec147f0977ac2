"""Makes the titles of the checks for a scenario, with the values that it states.  This module is pure."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace

from canaryproof.checks import registry
from canaryproof.checks.registry import Check, by_current_id
from canaryproof.scenario.terms import Scenario


def in_scenario(check: Check, scenario: Scenario) -> Check:
    """Return *check* with its title and its points in *scenario*."""
    worded = TITLES.get(check.id)
    title = (worded(scenario) if worded else "") or check.title
    return replace(check, title=title, points=by_current_id(scenario.points).get(check.id, check.points))


def _canary_present(scenario: Scenario) -> str:
    if scenario.adds_deployment:
        return "The submission adds exactly one Deployment to the stable chart"
    asked = scenario.expect.workload
    return f"The chart has the canary, {asked}" if asked and asked.name else ""


def _canary_replicas(scenario: Scenario) -> str:
    number = scenario.expect.replicas
    if number is None:
        return ""
    return f"The canary asks for {'one replica' if number == 1 else f'{number} replicas'}"


def _canary_port(scenario: Scenario) -> str:
    number = scenario.expect.container_port
    return "" if number is None else f"A container of the canary declares containerPort {number}"


def _canary_service(scenario: Scenario) -> str:
    if scenario.expect.traffic == "none":
        return "No Service leads to the canary's pods"
    if scenario.expect.traffic == "shared":
        return "A stable Service leads to the pods of stable and of the canary"
    if scenario.expect.traffic is None:
        return ""
    port, target = scenario.expect.port_of_service, scenario.expect.container_port
    on_port = "" if port is None else f" on port {port}"
    if target is None:
        return f"A Service{on_port} leads to the canary's pods, and to no other pods"
    return f"A Service{on_port} leads to {target} of the canary's pods, and of no other pods"


def _upgrade_applied(scenario: Scenario) -> str:
    return f"Helm applied revision {len(scenario.stable) + 1}"


def _canary_outcome(scenario: Scenario) -> str:
    if scenario.expect.outcomes == ("crash-loop",):
        return "The canary crash-loops"
    return f"The canary's outcome is {' or '.join(scenario.expect.outcomes)}"


def _rollback_recorded(scenario: Scenario) -> str:
    target = f"revision {len(scenario.stable)}"
    return f"The history shows the rollback to {target}, deployed, and no upgrade in disguise"


TITLES: Mapping[str, Callable[[Scenario], str]] = {
    registry.CANARY_PRESENT.id: _canary_present,
    registry.CANARY_REPLICAS.id: _canary_replicas,
    registry.CANARY_PORT.id: _canary_port,
    registry.CANARY_SERVICE.id: _canary_service,
    registry.UPGRADE_APPLIED.id: _upgrade_applied,
    registry.CANARY_OUTCOME.id: _canary_outcome,
    registry.ROLLBACK_RECORDED.id: _rollback_recorded,
}
"""The title of each check that depends on the scenario. An empty title stands for the general one."""
