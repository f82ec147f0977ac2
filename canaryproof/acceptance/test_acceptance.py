"""The acceptance criteria of a release: what must be true of its chart, its canary and the rollback.

Each test reads the evidence of the one experiment that its submission went through.
`canaryproof.checks.registry` has the title, the points, the needs and the hint of each.
"""
# ruff: noqa: D103 - the names of the tests are the criteria

from __future__ import annotations

import pytest

from canaryproof.checks import judging
from canaryproof.model.evidence import Evidence
from canaryproof.pytest_plugin.markers import accept, criterion
from canaryproof.scenario.terms import Scenario

pytestmark = pytest.mark.e2e


@criterion("chart-renders")
def test_helm_renders_the_chart(evidence: Evidence, scenario: Scenario) -> None:
    accept(judging.chart_renders(evidence, scenario))


@criterion("canary-present")
def test_the_upgrade_has_one_canary(evidence: Evidence, scenario: Scenario) -> None:
    accept(judging.canary_present(evidence, scenario))


@criterion("canary-replicas")
def test_the_canary_asks_for_its_replicas(evidence: Evidence, scenario: Scenario) -> None:
    accept(judging.canary_replicas(evidence, scenario))


@criterion("canary-port")
def test_a_container_of_the_canary_declares_its_port(evidence: Evidence, scenario: Scenario) -> None:
    accept(judging.canary_port(evidence, scenario))


@criterion("canary-service")
def test_a_service_leads_to_the_canary_alone(evidence: Evidence, scenario: Scenario) -> None:
    accept(judging.canary_service(evidence, scenario))


@criterion("stable-untouched")
def test_the_stable_app_is_still_the_courses(evidence: Evidence, scenario: Scenario) -> None:
    accept(judging.stable_untouched(evidence, scenario))


@criterion("upgrade-applied")
def test_helm_applies_the_upgrade(evidence: Evidence, scenario: Scenario) -> None:
    accept(judging.upgrade_applied(evidence, scenario))


@criterion("canary-outcome")
def test_the_canary_outcomes(evidence: Evidence, scenario: Scenario) -> None:
    accept(judging.canary_outcome(evidence, scenario))


@criterion("stable-serves-during-canary")
def test_stable_serves_while_the_canary_fails(evidence: Evidence, scenario: Scenario) -> None:
    accept(judging.stable_serves_during_canary(evidence, scenario))


@criterion("rollback-recorded")
def test_the_history_shows_the_rollback(evidence: Evidence, scenario: Scenario) -> None:
    accept(judging.rollback_recorded(evidence, scenario))


@criterion("canary-gone")
def test_nothing_of_the_upgrade_is_left(evidence: Evidence, scenario: Scenario) -> None:
    accept(judging.canary_gone(evidence, scenario))


@criterion("stable-healthy")
def test_stable_is_healthy_after_the_rollback(evidence: Evidence, scenario: Scenario) -> None:
    accept(judging.stable_healthy(evidence, scenario))


@criterion("stable-never-down")
def test_stable_is_never_down(evidence: Evidence, scenario: Scenario) -> None:
    accept(judging.stable_never_down(evidence, scenario))
