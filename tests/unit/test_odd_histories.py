"""Unusual histories of a release: each finding names the real cause, and each hint the commands that work."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from canaryproof.checks import judging
from canaryproof.checks.judging import Finding
from canaryproof.helm.releases import Record
from canaryproof.model.evidence import Evidence, Holder, Leftover, Revision
from canaryproof.model.objects import ObjectKey
from canaryproof.model.timeline import Timeline
from canaryproof.observe.missing_release import missing_release
from canaryproof.observe.observed_evidence import CurrentState, complete
from canaryproof.observe.revisions import Revisions, find_revisions
from canaryproof.scenario.scenario_file import load_scenario
from canaryproof.timeouts import TimeLimits
from tests.unit.stories import CANARY, CANARY_DEPLOYMENT, CANARY_SERVICE, STABLE, Story, rendering

SCENARIO = load_scenario()
BEGAN = datetime(2026, 1, 1, 10, tzinfo=UTC)
SUBMITTED = STABLE + CANARY_DEPLOYMENT + CANARY_SERVICE
OTHER = SUBMITTED.replace("linux-amd64", "nope")
POD = f"{CANARY.name}-dcb7ccc7b-crs8p"
LEFT = (Leftover(ObjectKey("Deployment", CANARY.name)),)

INSTALLED = ("superseded", "Install complete", STABLE)
UPGRADED = ("superseded", "Upgrade complete", SUBMITTED)
NOT_READY = (
    'Upgrade "upcommerce" failed: resource Deployment/sre/upcommerce-canary-app not ready. status: InProgress, message:'
    " Available: 0/1\ncontext deadline exceeded"
)
CONFLICT = (
    "conflict occurred while applying object sre/upcommerce-app apps/v1, Kind=Deployment: Apply failed with 1 conflict:"
    ' conflict with "kubectl" with subresource "scale" using apps/v1: .spec.replicas'
)
ROLLBACK = "helm rollback upcommerce"
NAMESPACE = "--namespace sre"

Line = tuple[str, str, str]
"""Status, description and manifest of a revision."""


def recorded(*lines: Line, first: int = 1) -> Revisions:
    """Return the roles of revisions that were stored one every 30 seconds."""
    records = [
        Record(Revision(number, status, told), BEGAN + timedelta(seconds=30 * (number - first)), rendering(text))
        for number, (status, told, text) in enumerate(lines, first)
    ]
    return find_revisions(records, rendering(STABLE), SCENARIO)


def events(*told: tuple[str, int, float], uid: str = "uid-p") -> Timeline:
    """Return events about the canary's pod, each with its reason, its count, and the second of its first occurrence."""
    story = Story().at(1)
    for reason, count, second in told:
        story.observe(
            {
                "kind": "Event",
                "metadata": {"name": f"{uid}-{reason}", "uid": f"{uid}-{reason}"},
                "involvedObject": {"kind": "Pod", "name": POD, "uid": uid},
                "reason": reason,
                "message": "Back-off restarting failed container canary" if reason == "BackOff" else "",
                "count": count,
                "firstTimestamp": (BEGAN + timedelta(seconds=second)).isoformat(),
            }
        )
    return story.timeline


CRASHED = events(("Started", 3, 35), ("BackOff", 4, 40))


def observed(
    revisions: Revisions, timeline: Timeline = CRASHED, left: tuple[Leftover, ...] = (), now: float = 300
) -> Evidence:
    """Return the evidence of *revisions* at the second *now*."""
    blank = Evidence("upcommerce", "", namespace="sre")
    return complete(blank, revisions, CurrentState(now, timeline, left), TimeLimits())


def advised(finding: Finding | None) -> str:
    """Return the advice of a finding, which must be there."""
    assert finding
    return finding.advice


@pytest.mark.parametrize(
    "error",
    [
        NOT_READY,
        'Upgrade "upcommerce" failed: context deadline exceeded',
        'Upgrade "upcommerce" failed: timed out waiting for the condition',
        'Upgrade "upcommerce" failed: context canceled',
    ],
)
def test_an_upgrade_that_only_did_not_become_ready_was_applied(error: str) -> None:
    """An upgrade with ``--wait`` that ran out of time, or that Ctrl-C ended, was applied: the canary crashes."""
    evidence = observed(recorded(INSTALLED, ("failed", error, SUBMITTED), ("deployed", "Rollback to 1", STABLE)))

    assert judging.upgrade_applied(evidence, SCENARIO) is None
    assert judging.canary_outcome(evidence, SCENARIO) is None
    assert judging.rollback_recorded(evidence, SCENARIO) is None


@pytest.mark.parametrize(
    ("error", "message", "hint"),
    [
        (
            "post-upgrade hooks failed: 1 error occurred: timed out waiting for the condition",
            "hooks failed",
            "hook runs",
        ),
        (
            'Deployment.apps "x" is invalid: spec: Required value',
            'Deployment.apps "x" is invalid',
            "renders to nothing",
        ),
        (CONFLICT, "kubectl set spec.replicas of Deployment/upcommerce-app", "--force-conflicts"),
    ],
)
def test_an_upgrade_that_failed_is_told_with_the_error(error: str, message: str, hint: str) -> None:
    """The error of an upgrade that Helm could not apply is explained as in an experiment."""
    told = f'Upgrade "upcommerce" failed: {error}'
    found = judging.upgrade_applied(observed(recorded(INSTALLED, ("failed", told, SUBMITTED))), SCENARIO)

    assert found
    assert message in found.message
    assert hint in found.advice


KILLED = ("pending-upgrade", "Preparing upgrade", SUBMITTED)


def test_an_upgrade_that_was_killed_is_judged_by_what_it_did() -> None:
    """The record of a killed upgrade tells nothing, but the events of the canary do while the cluster keeps them."""
    history = recorded(INSTALLED, KILLED, ("deployed", "Rollback to 1", STABLE))
    seen, early, late = observed(history), observed(history, Timeline()), observed(history, Timeline(), now=4000)

    assert judging.upgrade_applied(seen, SCENARIO) is None
    assert "revision 2 is pending-upgrade" in str(judging.upgrade_applied(early, SCENARIO))
    assert late.observed
    assert {"upgrade-applied", "canary-outcome"} <= late.observed.gaps.keys()


def test_a_pending_upgrade_is_freed_first() -> None:
    """Helm refuses an upgrade while one is pending, so the hint begins with the rollback that ends it."""
    found = judging.upgrade_applied(observed(recorded(INSTALLED, KILLED), Timeline()), SCENARIO)

    assert advised(found).startswith(f"run {ROLLBACK} 1 {NAMESPACE}, which ends the pending operation")


@pytest.mark.parametrize(
    ("lines", "target"),
    [
        ([INSTALLED, UPGRADED, ("superseded", "Upgrade complete", OTHER), ("deployed", "Rollback to 2", SUBMITTED)], 2),
        (
            [INSTALLED, UPGRADED, ("superseded", "Rollback to 1", STABLE), ("deployed", "Rollback to 2", SUBMITTED)],
            2,
        ),
    ],
)
def test_a_plain_rollback_to_another_canary_is_no_rollback_to_stable(lines: list[Line], target: int) -> None:
    """``helm rollback`` without a revision goes to the one before, which may have the canary."""
    evidence = observed(recorded(*lines), left=LEFT)
    found = judging.rollback_recorded(evidence, SCENARIO)

    assert found
    assert f"the rollback went to revision {target}, which has the canary itself" in found.message
    assert found.advice == f"run {ROLLBACK} {len(lines) - 1 if 'Rollback to 1' in str(lines) else 1} {NAMESPACE}"


def test_the_advice_on_a_rollback_to_a_canary_leads_to_acceptance() -> None:
    """The canary to which the rollback went is the last one, and crashes; the next rollback takes it away."""
    wrong, back = ("superseded", "Upgrade complete", OTHER), ("superseded", "Rollback to 2", SUBMITTED)
    evidence = observed(recorded(INSTALLED, UPGRADED, wrong, back, ("deployed", "Rollback to 1", STABLE)))

    assert evidence.observed
    assert (evidence.observed.canary, evidence.observed.rollback) == (4, 5)
    assert judging.canary_outcome(evidence, SCENARIO) is None
    assert judging.rollback_recorded(evidence, SCENARIO) is None


@pytest.mark.parametrize("target", [1, 3])
def test_a_rollback_to_a_rollback_is_one_to_stable(target: int) -> None:
    """A second rollback may name revision 1, or the first rollback, whose objects are those of revision 1."""
    first = ("superseded", "Rollback to 1", STABLE)
    evidence = observed(recorded(INSTALLED, UPGRADED, first, ("deployed", f"Rollback to {target}", STABLE)))

    assert judging.rollback_recorded(evidence, SCENARIO) is None


FAILED = ("failed", f'Rollback "upcommerce" failed: {CONFLICT}', STABLE)


def test_a_field_of_another_manager_fails_the_rollback() -> None:
    """The finding names the field and its manager, and the hint the way that also deletes the canary."""
    evidence = observed(recorded(INSTALLED, UPGRADED, FAILED), left=LEFT)
    found = judging.rollback_recorded(evidence, SCENARIO)

    assert found
    told = "Helm could not roll back to revision 1: kubectl set spec.replicas of Deployment/upcommerce-app"
    assert found.message.startswith(told)
    forced = f"run {ROLLBACK} 2 --force-conflicts {NAMESPACE}, and then {ROLLBACK} 1 --force-conflicts {NAMESPACE}"
    assert forced in found.advice


@pytest.mark.parametrize("more", [[], [("superseded", "Rollback to 1", STABLE)]])
def test_the_rollback_after_a_failed_one_leaves_the_canary(more: list[Line]) -> None:
    """Helm deletes only what the revision before has, and the failed rollback does not have the canary."""
    revisions = recorded(INSTALLED, UPGRADED, FAILED, *more, ("deployed", "Rollback to 1", STABLE))
    left = (replace(LEFT[0], holder=Holder("revision", "3")),)
    found = judging.canary_gone(observed(revisions, left=left), SCENARIO)

    assert revisions.forgotten_in
    assert revisions.forgotten_in.revision == 3
    assert found
    assert "held by revision 3, which failed and does not have it" in found.message
    assert f"run {ROLLBACK} 2 --force-conflicts {NAMESPACE}, and then {ROLLBACK} 1 --force" in found.advice
    assert recorded(INSTALLED, UPGRADED, ("deployed", "Rollback to 1", STABLE)).forgotten_in is None


@pytest.mark.parametrize("status", ["failed", "pending-rollback"])
def test_a_rollback_that_did_not_succeed_is_repeated(status: str) -> None:
    """A rollback that ran out of time, or that a user ended, is repeated with the same target."""
    told = 'Release "upcommerce" failed: context deadline exceeded' if status == "failed" else "Rollback to 1"
    found = judging.rollback_recorded(observed(recorded(INSTALLED, UPGRADED, (status, told, STABLE))), SCENARIO)

    assert advised(found) == f"run {ROLLBACK} 1 {NAMESPACE}"
    assert found
    assert found.cause.code == ("rollback-failed" if status == "failed" else "rollback-unfinished")


def test_helm_4_stores_the_target_beside_the_description() -> None:
    """A rollback with a description of its own, or a failed one, has its target in the record."""
    mine = Record(Revision(3, "deployed", "because it crashes"), BEGAN, rendering(STABLE), rollback_revision=1)

    assert (mine.is_rollback, mine.target) == (True, 1)
    assert recorded(INSTALLED, UPGRADED, FAILED).stable == 1  # Helm 3: found by its objects


def test_a_pruned_revision_is_not_advised() -> None:
    """A hint names only a revision that is on record; without one, the stable chart must come again."""
    pruned = recorded(("superseded", "Upgrade complete", SUBMITTED), ("deployed", "Upgrade complete", OTHER), first=3)
    found = judging.rollback_recorded(observed(pruned), SCENARIO)

    assert advised(found).startswith("no revision without the canary is on record any more")
    gone = recorded(UPGRADED, ("deployed", "Rollback to 1", STABLE), first=2)
    assert judging.rollback_recorded(observed(gone), SCENARIO) is None


@pytest.mark.parametrize(
    ("after", "hint"),
    [
        ([], f"run {ROLLBACK} 1 {NAMESPACE}, which brings the stable app back"),
        ([("deployed", "Rollback to 1", STABLE)], f"upgrade to the canary again, and run {ROLLBACK} 1 {NAMESPACE}"),
    ],
)
def test_an_uninstalled_release_was_not_rolled_back(after: list[Line], hint: str) -> None:
    """``helm uninstall --keep-history`` took the stable app away as well, whatever came later."""
    uninstalled = ("uninstalled", "Uninstallation complete", SUBMITTED)
    evidence = observed(recorded(INSTALLED, uninstalled, *after))
    found = judging.rollback_recorded(evidence, SCENARIO)

    assert judging.upgrade_applied(evidence, SCENARIO) is None
    assert found
    assert found.message.startswith("revision 2 was uninstalled: helm uninstall is no rollback")
    assert found.advice.startswith(hint)


def test_only_events_since_the_revision_of_the_canary_count() -> None:
    """Pods of earlier tries are told apart by their first event, although their ReplicaSets have equal names."""
    again = ("superseded", "Rollback to 1", STABLE)
    history = recorded(INSTALLED, UPGRADED, again, UPGRADED, ("deployed", "Rollback to 3", STABLE))
    earlier = events(("Started", 9, 35), ("BackOff", 9, 40))
    later = events(("Started", 3, 95), ("BackOff", 4, 99), uid="uid-q")
    both = Timeline((*earlier.observations, *later.observations))

    assert "it was started 3 times" in observed(history, both).decision.reason
    assert observed(history, earlier).decision.outcome == "undecided"


def test_an_upgrade_that_leaves_the_canary_as_it_is_keeps_its_events() -> None:
    """A later revision with the same canary does not start its pods anew, so their events count."""
    history = recorded(INSTALLED, UPGRADED, UPGRADED, ("deployed", "Rollback to 1", STABLE))

    assert "it was started 3 times" in observed(history).decision.reason


def test_what_events_show_of_a_deleted_release_is_told() -> None:
    """Without any record of Helm, events still show what ran there; without events, nothing did."""
    story = Story().at(1)
    about = {"kind": "Deployment", "name": CANARY.name}
    story.observe({"kind": "Event", "metadata": {"name": "e", "uid": "e"}, "involvedObject": about})
    seen = Timeline((*story.timeline.observations, *CRASHED.observations))

    deleted = missing_release(seen, "upcommerce", "namespace sre")
    never = missing_release(Timeline(), "upcommerce", "namespace sre", ("other",))

    assert (deleted.code, deleted.names) == ("release-deleted", (CANARY.name,))
    assert [part.code for part in deleted.parts] == ["seen-back-off"]
    assert (never.code, never.names) == ("release-missing", ("other",))
