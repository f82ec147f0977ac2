"""The release's history must record the rollback, after every kind of upgrade."""

from __future__ import annotations

from dataclasses import replace

import pytest

from canaryproof.checks import judging
from canaryproof.experiment.evidence_builder import EvidenceBuilder
from canaryproof.model.causes import Cause
from canaryproof.model.evidence import Evidence, OutcomeName, Revision, Step
from canaryproof.model.hints import Hint
from canaryproof.redaction.redactor import Redactor
from canaryproof.scenario.terms import Expectation
from tests.unit.stories import COURSE
from tests.unit.test_judging import HISTORY, evidence, finding_of

INSTALLED, UPGRADED, ROLLED_BACK = HISTORY
REFUSED = Step("helm upgrade upcommerce ./alice", 1.5, 2, "failed to create resource: it is invalid")
FAILED_UPGRADE = Revision(2, "failed", 'Release "upcommerce" failed')
SECOND_IS_THE_ROLLBACK = Revision(2, "deployed", "Rollback to 1")


def after(*history: Revision, upgrade: Step | None = None) -> Evidence:
    """Return evidence of a rollback that left *history*."""
    given = evidence(history=history)
    return replace(given, upgrade=upgrade) if upgrade else given


@pytest.mark.parametrize(
    "given",
    [
        pytest.param(after(INSTALLED, UPGRADED, ROLLED_BACK), id="upgrade-succeeded"),
        pytest.param(after(INSTALLED, FAILED_UPGRADE, ROLLED_BACK, upgrade=REFUSED), id="upgrade-failed"),
        pytest.param(after(INSTALLED, SECOND_IS_THE_ROLLBACK, upgrade=REFUSED), id="upgrade-left-no-revision"),
    ],
)
def test_a_rollback_to_revision_1_is_recorded(given: Evidence) -> None:
    """A rollback to revision 1 passes, whether or not a failed upgrade has stored its revision."""
    assert judging.rollback_recorded(given, COURSE) is None


@pytest.mark.parametrize(
    ("given", "statuses"),
    [
        pytest.param(after(INSTALLED, SECOND_IS_THE_ROLLBACK), ("superseded",), id="revision-2-is-missing"),
        pytest.param(after(UPGRADED, ROLLED_BACK, upgrade=REFUSED), ("superseded",), id="revision-1-is-missing"),
        pytest.param(after(ROLLED_BACK, upgrade=REFUSED), (), id="both-are-missing"),
        pytest.param(
            after(INSTALLED, UPGRADED, FAILED_UPGRADE, ROLLED_BACK, upgrade=REFUSED),
            ("superseded", "superseded", "failed"),
            id="revision-2-comes-twice",
        ),
        pytest.param(after(UPGRADED, INSTALLED, ROLLED_BACK), ("superseded", "superseded"), id="wrong-order"),
        pytest.param(
            after(INSTALLED, Revision(2, "pending-upgrade", ""), ROLLED_BACK),
            ("superseded", "pending-upgrade"),
            id="upgrade-never-ended",
        ),
        pytest.param(
            after(Revision(1, "deployed", "Install complete"), UPGRADED, ROLLED_BACK),
            ("deployed", "superseded"),
            id="two-are-deployed",
        ),
    ],
)
def test_other_revisions_before_the_rollback_are_a_finding(given: Evidence, statuses: tuple[str, ...]) -> None:
    """Other revisions than 1 and 2 before the rollback are a finding.

    Only a failed upgrade may leave out revision 2.
    """
    found = finding_of(judging.rollback_recorded, given)

    assert found.cause.code == "history-unexpected"
    assert tuple(revision.states for revision in found.cause.parts[:-1]) == tuple((status,) for status in statuses)


@pytest.mark.parametrize(
    "last",
    [
        Revision(3, "deployed", "Rollback to 2"),
        Revision(3, "superseded", "Rollback to 1"),
        Revision(3, "deployed", "Upgrade complete"),
    ],
)
def test_the_last_revision_is_the_rollback_to_revision_1(last: Revision) -> None:
    """The last revision must be deployed, and its description must be that of the rollback to revision 1."""
    found = finding_of(judging.rollback_recorded, after(INSTALLED, UPGRADED, last))

    assert (found.cause.code, found.cause.count, found.cause.limit) == ("rollback-not-last", 3, 1)
    assert found.cause.parts[-1] == Cause(code="revision", count=3, states=(last.status,), detail=last.description)


def test_a_rollback_that_failed_or_left_no_history_is_a_finding() -> None:
    """A failed rollback, or one without a history, is a finding. A rollback that was never reached is another one."""
    stuck = evidence(rollback=Step("helm rollback upcommerce 1", 5, 5.5, "timed out"))

    assert finding_of(judging.rollback_recorded, stuck).cause == Cause(
        code="rollback-failed", count=1, detail="timed out"
    )
    assert finding_of(judging.rollback_recorded, after()).cause == Cause(code="history-empty")
    assert finding_of(judging.rollback_recorded, evidence(rollback=None)).cause == Cause(
        code="not-reached", field="rollback"
    )


def test_a_hook_that_fails_the_rollback_is_told_with_its_log() -> None:
    """The hint leads to the log of the hook; Helm could delete and restore all objects."""
    hook = Cause(code="hook-failed", object="Job/migrate", field="pre-rollback")
    failed = evidence(rollback=Step("helm rollback upcommerce 1", 5, 5.5, "job failed", cause=hook))

    assert finding_of(judging.rollback_recorded, failed).hint == Hint(id="hook-failed")


@pytest.mark.parametrize(("outcomes", "outcome"), [(("crash-loop",), "crash-loop"), (("hook-failed",), "hook-failed")])
def test_a_hook_of_the_rollback_is_the_outcome_only_where_a_hook_is_expected_to_fail(
    outcomes: tuple[OutcomeName, ...], outcome: OutcomeName
) -> None:
    """What became of the canary stays its outcome; the check of the rollback tells of the hook."""
    asked = replace(COURSE, expect=Expectation(outcomes))
    hook = Cause(code="hook-failed", object="Job/migrate", field="pre-rollback")
    facts = EvidenceBuilder(evidence(), Redactor(), asked)

    facts.refuse_rollback(Step("helm rollback upcommerce 1", 5, 5.5, "job failed", cause=hook))

    assert facts.evidence.decision.outcome == outcome


def test_an_upgrade_that_succeeded_left_revision_2() -> None:
    """A successful upgrade without revision 2 is a finding, unless the history is empty."""
    missing = finding_of(judging.upgrade_applied, after(INSTALLED, Revision(3, "deployed", "Rollback to 1")))

    assert (missing.cause.code, missing.cause.count) == ("revision-missing", 2)
    assert judging.upgrade_applied(after(), COURSE) is None
    assert finding_of(judging.upgrade_applied, evidence(upgrade=None)).cause == Cause(
        code="not-reached", field="upgrade"
    )
