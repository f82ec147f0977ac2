"""Rehearsals of podinfo, a real application with a real chart, two replicas of which are changed in place."""

from __future__ import annotations

import pytest

from tests.real.rehearsing import Rehearsal, names_in

pytestmark = pytest.mark.real


@pytest.mark.parametrize("name", names_in("podinfo"))
def test_the_expected_outcome_is_found(rehearse: Rehearsal, name: str) -> None:
    """Each scenario expects one outcome, and all checks that it asks for hold."""
    _, result = rehearse(name)

    assert result.verdict == "accepted", result.reason


def test_the_reason_quotes_the_error_and_no_flag(rehearse: Rehearsal) -> None:
    """The application prints its flags after the error about an unknown one."""
    evidence, result = rehearse("podinfo/bad-flag")

    assert evidence.decision.cause.last_words == "Error: unknown flag: --no-such-flag"
    assert result.remarks == ()


def test_one_replica_is_taken_away_before_its_successor_is_ready(rehearse: Rehearsal) -> None:
    """The chart of podinfo has maxUnavailable 1: a single replica does not answer during any update."""
    _, result = rehearse("findings/one-replica")

    failed = {row.check.id: row.judgement.hint_id for row in result.ended("failed")}
    checks = ("stable-serves-during-canary", "stable-never-down")
    assert (result.outcome, failed) == ("healthy", dict.fromkeys(checks, "pods-before-others"))


def test_a_stable_revision_that_crashes_is_told_with_its_error(rehearse: Rehearsal) -> None:
    """The scenario is at fault, and the message quotes the log of the container."""
    _, result = rehearse("findings/stable-crashes")

    assert result.has_scenario_fault
    assert "container podinfo" in result.reason
    assert "its last words: Error: unknown flag: --no-such-flag" in result.reason
