"""A release that a user handled by hand is judged by its history, its live objects and the known gaps."""

from __future__ import annotations

from dataclasses import replace

import pytest

from canaryproof.checks import judging
from canaryproof.checks.judging import Finding
from canaryproof.checks.registry import CANARY_GONE, CANARY_OUTCOME, Check
from canaryproof.checks.results import Judgement, RunResults, gap_in, grade
from canaryproof.model.causes import Cause
from canaryproof.model.evidence import Decision, Evidence, Holder, Leftover, Observed, Revision
from canaryproof.model.objects import Manifest, ObjectKey
from canaryproof.model.timeline import Observation, Timeline
from canaryproof.pytest_plugin.terminal_text import summary
from canaryproof.scenario.scenario_file import load_scenario
from tests.unit.stories import STABLE, because, rendering

COURSE = load_scenario()
INSTALLED = Revision(1, "superseded", "Install complete")
UPGRADED = Revision(2, "superseded", "Upgrade complete")
ROLLED_BACK = Revision(3, "deployed", "Rollback to 1")


def stable_pod(*, ready: bool = True, code: int | None = None, image: str = "uonyeka/upcommerce:v3") -> Timeline:
    """Return a stable app whose pod restarted once, after a run that ended with *code*."""
    uid = "uid-rs"
    owner = {"kind": "Deployment", "name": "upcommerce-app", "uid": "uid-d"}
    replica_set = {"kind": "ReplicaSet", "metadata": {"name": "rs", "uid": uid, "ownerReferences": [owner]}}
    status = {
        "conditions": [{"type": "Ready", "status": str(ready)}],
        "containerStatuses": [
            {
                "name": "main",
                "restartCount": 0 if code is None else 1,
                "lastState": {} if code is None else {"terminated": {"exitCode": code}},
            }
        ],
    }
    pod = {
        "kind": "Pod",
        "metadata": {"name": "pod", "uid": "uid-p", "ownerReferences": [{"kind": "ReplicaSet", "uid": uid}]},
        "spec": {"containers": [{"name": "main", "image": image}]},
        "status": status,
    }
    return Timeline(tuple(Observation(1, "ADDED", Manifest(each)) for each in (replica_set, pod)))


EVIDENCE = Evidence(
    "upcommerce",
    "",
    namespace="sre",
    baseline=rendering(STABLE),
    history=(INSTALLED, UPGRADED, ROLLED_BACK),
    decision=Decision("crash-loop", because("it crash-looped")),
    timeline=stable_pod(),
    restored_at=10,
    ended_at=60,
    observed=Observed(stable=1, canary=2, rollback=3, status="superseded"),
)


def observed(**parts: object) -> Evidence:
    """Return the evidence of a correct release, except for *parts* of the observation."""
    assert EVIDENCE.observed
    return replace(EVIDENCE, observed=replace(EVIDENCE.observed, **parts))  # type: ignore[arg-type]  # as the tests name them


def rollback(*history: Revision, **parts: object) -> Finding | None:
    """Judge the rollback of a release with this history."""
    return judging.rollback_recorded(replace(observed(**parts), history=history), COURSE)


def test_the_assignment_done_right_holds() -> None:
    """A correct install, upgrade and rollback with a present stable app pass all checks."""
    for check in (judging.upgrade_applied, judging.rollback_recorded, judging.stable_healthy):
        assert check(EVIDENCE, COURSE) is None


def test_revisions_need_not_be_the_first_three() -> None:
    """The revisions may be others than the first three, for example after a second attempt."""
    history = (
        INSTALLED,
        UPGRADED,
        ROLLED_BACK,
        replace(UPGRADED, revision=4),
        Revision(5, "deployed", "Rollback to 3"),
    )

    assert rollback(*history, stable=3, canary=4, rollback=5) is None


@pytest.mark.parametrize(
    ("history", "parts", "message"),
    [
        ((INSTALLED, UPGRADED), {"rollback": 0}, "nothing was rolled back; seen: 1 superseded"),
        ((INSTALLED, UPGRADED, replace(UPGRADED, revision=3)), {"rollback": 0}, "is an upgrade, and no rollback"),
        ((INSTALLED, UPGRADED, ROLLED_BACK, replace(UPGRADED, revision=4)), {}, "the last revision must be a rollback"),
        (
            (INSTALLED, UPGRADED, replace(ROLLED_BACK, status="pending-rollback")),
            {},
            "the rollback in revision 3 did not end: its status is pending-rollback",
        ),
        (
            (INSTALLED, UPGRADED, ROLLED_BACK),
            {"stable": 2, "target_has_canary": True},
            "went to revision 2, which has the canary itself",
        ),
        ((UPGRADED, ROLLED_BACK), {"stable": 0}, "no longer has on record"),
    ],
)
def test_what_is_no_rollback_to_stable_is_told(
    history: tuple[Revision, ...], parts: dict[str, object], message: str
) -> None:
    """A finding about a missing rollback quotes the observed history."""
    found = rollback(*history, **parts)

    assert found
    assert message in found.message


def test_a_stateful_set_that_waits_for_the_canarys_pod_is_one_mistake() -> None:
    """The pod of the canary is left over, and that stable is not Ready follows from it."""
    left = Leftover(ObjectKey("Pod", "db-0"), Holder("ordered-ready", "StatefulSet/db"))
    found = judging.stable_healthy(replace(EVIDENCE, timeline=stable_pod(ready=False), leftovers=(left,)), COURSE)

    assert found
    assert found.follows == CANARY_GONE.id


def test_the_missing_command_is_named() -> None:
    """A finding about a missing command quotes it in full."""
    found = rollback(INSTALLED, UPGRADED, rollback=0)

    assert found
    assert found.advice == "run helm rollback upcommerce 1 --namespace sre"


@pytest.mark.parametrize(
    ("parts", "message"),
    [({"canary": 0}, "the release was never upgraded"), ({"status": "failed"}, "revision 2 is failed")],
)
def test_an_upgrade_that_was_not_is_told(parts: dict[str, object], message: str) -> None:
    """A finding reports an upgrade that was not tried or did not end."""
    found = judging.upgrade_applied(observed(**parts), COURSE)

    assert found
    assert message in found.message


@pytest.mark.parametrize(
    ("timeline", "message"),
    [
        (Timeline(), "has no pod"),
        (stable_pod(ready=False), "is not Ready: pod pod"),
        (stable_pod(image="other:1"), "runs other:1 instead of uonyeka/upcommerce:v3"),
        (stable_pod(code=1), "crashed: pod pod was restarted 1 time"),
    ],
)
def test_a_sick_stable_app_is_told(timeline: Timeline, message: str) -> None:
    """A finding about an unhealthy stable app quotes its current pods."""
    found = judging.stable_healthy(replace(EVIDENCE, timeline=timeline), COURSE)

    assert found
    assert message in found.message


@pytest.mark.parametrize("code", [0, 137, 143, 255])
def test_a_machine_that_was_stopped_is_no_crash(code: int) -> None:
    """A restart of all pods by a machine that was stopped overnight is no crash of the stable app."""
    assert judging.stable_healthy(replace(EVIDENCE, timeline=stable_pod(code=code)), COURSE) is None


def test_stable_must_be_ready_and_for_a_while() -> None:
    """The stable app and its Service must have been ready for the hold time."""
    unready = judging.stable_healthy(
        observed(unready=Cause(code="service-without-endpoints", object="Service/upcommerce-service")), COURSE
    )
    fresh = judging.stable_healthy(replace(EVIDENCE, restored_at=59.5), COURSE)

    assert unready
    assert "has no ready endpoint" in unready.message
    assert fresh
    assert "was ready for 0.5 s at the end" in fresh.message


DECLARED = (Check("one", "One holds"), Check("two", "Two holds", points=2))


def test_what_nobody_can_know_counts_for_nothing() -> None:
    """A check that the evidence cannot decide is skipped and does not count."""
    evidence = observed(gaps={"two": Cause(code="not-watched")})
    judgements = {"one": Judgement("passed"), "two": Judgement("skipped", "nobody asked")}

    result = grade("upcommerce", "", declared=DECLARED, judgements=judgements, evidence=evidence)

    assert (result.verdict, result.score, result.max_score) == ("accepted", 1, 1)
    rejected = {**judgements, "one": Judgement("failed", "wrong")}
    assert grade("", "", declared=DECLARED, judgements=rejected, evidence=evidence).verdict == "rejected"
    unrun = grade("", "", declared=DECLARED, judgements={"one": Judgement("passed")}, evidence=evidence)
    assert unrun.verdict == "error"


def test_a_gap_under_the_former_id_of_a_check_is_understood() -> None:
    """A gap in an old record may use the former id of the check of the canary's outcome."""
    evidence = observed(gaps={"canary-crash-loop": Cause(code="events-gone")})

    assert gap_in(evidence, CANARY_OUTCOME) == Cause(code="events-gone")
    assert gap_in(evidence, CANARY_GONE) is None


def test_the_summary_says_which_revision_was_what() -> None:
    """The summary lists the role of each revision instead of the experiment's phases."""
    evidence = observed(gaps={"two": Cause(code="not-watched")})
    judgements = {"one": Judgement("passed"), "two": Judgement("skipped", "nobody asked")}
    result = grade("upcommerce", "", declared=DECLARED, judgements=judgements, evidence=evidence)

    lines = summary(RunResults("", 1, None, (result,)), {"upcommerce": evidence}, {})

    assert [text for line in lines for text in line.wrapped(100)] == [
        "upcommerce   ACCEPTED   1/1",
        "  revision 1   the stable app",
        "  revision 2   the canary: it crash-looped",
        "  revision 3   the rollback to revision 1",
        "  - skipped: two (nobody asked)",
    ]
