"""A term that a scenario does not state asks for nothing, and its check is skipped without counting."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from canaryproof.analysis.canary import find_canary
from canaryproof.checks.registry import BY_ID, CHECKS
from canaryproof.checks.results import SubmissionResult
from canaryproof.checks.titles import in_scenario
from canaryproof.checks.verdict import judge
from canaryproof.model.evidence import Decision, Evidence, OutcomeName, Probe, Step
from canaryproof.scenario.terms import Expectation, Scenario, WorkloadName
from tests.unit.stories import (
    CANARY_DEPLOYMENT,
    CANARY_SERVICE,
    COURSE,
    STABLE,
    STABLE_SERVICE,
    because,
    deployment,
    rendering,
    service,
)
from tests.unit.test_judging import evidence as course_evidence

SELECTOR = "selector: {app: upcommerce-app}"
LABELS = {"app": "upcommerce-app"}
BESIDE = STABLE + deployment("beside", image="a", port=5003, labels={"track": "canary", **LABELS})
"""A canary whose pods the stable Service selects too."""
IN_PLACE = STABLE.replace("upcommerce:v3", "upcommerce:v4")


def scenario(outcome: OutcomeName = "crash-loop", **terms: Any) -> Scenario:
    """Return a scenario of a team's own chart with *terms* of its expectation."""
    return replace(COURSE, expect=Expectation((outcome,), **terms), submits_charts=False)


def evidence(asked: Scenario, chart: str, before: str = STABLE, **changes: Any) -> Evidence:
    """Return the evidence of an upgrade from *before* to *chart*."""
    baseline, rendered = rendering(before), rendering(chart)
    found = find_canary(baseline, rendered, asked)
    decision = found.decision or Decision("crash-loop", because("it crashes"))
    terms: dict[str, Any] = {"baseline": baseline, "chart": rendered, "added": found.added, "canary": found.canary}
    return replace(course_evidence(), **(terms | {"decision": decision} | changes))


def skipped(result: SubmissionResult) -> dict[str, str]:
    """Return the code of the cause of each skipped check."""
    rows = {each.check.id: each.judgement for each in result.ended("skipped")}
    return {check: judgement.cause.code if judgement.cause else "" for check, judgement in rows.items()}


def failed(asked: Scenario, chart: str, before: str = STABLE) -> dict[str, tuple[str, str]]:
    """Return the codes of the cause and the hint of each failed check."""
    rows = {each.check.id: each.judgement for each in judge(evidence(asked, chart, before), asked).ended("failed")}
    return {check: (it.cause.code if it.cause else "", it.hint_id) for check, it in rows.items()}


def test_a_scenario_that_states_only_an_outcome_asks_for_nothing_else() -> None:
    """The checks of replicas, port and Service are skipped, and count neither for the score nor for the verdict."""
    asked = scenario()
    result = judge(evidence(asked, BESIDE), asked)

    assert skipped(result) == dict.fromkeys(("canary-replicas", "canary-port", "canary-service"), "term-absent")
    assert (result.verdict, result.score, result.max_score) == ("accepted", 10, 10)


def test_a_check_that_the_scenario_leaves_out_does_not_hold_up_others() -> None:
    """A check that is left out is skipped, and those that need it are judged; a former ID works too."""
    asked = replace(scenario(), skipped=frozenset({"canary-present", "canary-crash-loop"}))
    result = judge(evidence(asked, BESIDE), asked)

    assert skipped(result)["canary-present"] == "check-left-out"
    assert skipped(result)["canary-outcome"] == "check-left-out"
    assert result.verdict == "accepted"


def test_the_course_waives_nothing() -> None:
    """The course states all terms."""
    assert skipped(judge(course_evidence(), COURSE)) == {}


def test_what_makes_no_sense_for_a_canary_is_waived() -> None:
    """In place, stable's Services lead to the canary anyway; a DaemonSet has no replicas."""
    asked = scenario(traffic="shared", replicas=1)
    daemon = CANARY_DEPLOYMENT.replace("kind: Deployment", "kind: DaemonSet")

    in_place = judge(evidence(asked, IN_PLACE), asked)
    assert (in_place.verdict, skipped(in_place)["canary-service"]) == ("accepted", "shared-in-place")
    assert skipped(judge(evidence(asked, STABLE + daemon), asked))["canary-replicas"] == "one-pod-per-node"


def test_a_stable_chart_without_a_service_cannot_be_asked() -> None:
    """The checks of availability are skipped if the stable chart has no Service."""
    worker, asked = deployment("upcommerce-app", image="uonyeka/upcommerce:v3", port=1), scenario()
    given = evidence(asked, worker + CANARY_DEPLOYMENT, worker, probes=())

    found = skipped(judge(given, asked))
    assert found["stable-serves-during-canary"] == found["stable-never-down"] == "no-stable-service"


def test_an_accepted_outcome_waives_the_checks_that_it_rules_out() -> None:
    """A scenario that accepts a refused upgrade does not require that Helm applied it."""
    asked = scenario("refused")
    refused = Step("helm upgrade", 1.5, 2, error="admission webhook denied the request")
    decision = Decision("refused", because("no"))
    result = judge(evidence(asked, BESIDE, decision=decision, upgrade=refused), asked)

    assert (skipped(result)["upgrade-applied"], result.verdict) == ("outcome-rules-out", "accepted")


@pytest.mark.parametrize(
    ("traffic", "chart", "finding"),
    [
        ("own", STABLE + CANARY_DEPLOYMENT + CANARY_SERVICE, None),
        ("own", STABLE + CANARY_DEPLOYMENT, ("service-missing", "service-missing")),
        ("own", BESIDE, ("stable-service-selects-canary", "labels-of-its-own")),
        ("own", IN_PLACE, ("stable-service-selects-canary", "traffic-in-place")),
        ("shared", BESIDE, None),
        ("shared", STABLE + CANARY_DEPLOYMENT, ("service-selects-nothing", "labels-of-stable")),
        (
            "shared",
            STABLE.replace(SELECTOR, "selector: {app: upcommerce-canary-app}") + CANARY_DEPLOYMENT,
            ("service-selects-canary-alone", "select-both"),
        ),
        (
            "shared",
            BESIDE.replace("targetPort: 5000", "targetPort: web"),
            ("shared-service-port-unknown", "port-name-of-stable"),
        ),
        ("none", STABLE + CANARY_DEPLOYMENT, None),
        ("none", STABLE + CANARY_DEPLOYMENT + CANARY_SERVICE, ("service-selects-canary", "traffic-not-none")),
        ("none", BESIDE, ("service-selects-canary", "labels-of-its-own")),
        ("none", IN_PLACE, ("service-selects-canary", "traffic-not-none")),
    ],
)
def test_the_services_are_those_that_the_scenario_states(
    traffic: str, chart: str, finding: tuple[str, str] | None
) -> None:
    """Each kind of traffic has its findings and hints."""
    assert failed(scenario(traffic=traffic), chart).get("canary-service") == finding


def test_a_stable_chart_without_a_service_shares_none() -> None:
    """Shared traffic needs a Service of the stable chart."""
    worker = deployment("upcommerce-app", image="uonyeka/upcommerce:v3", port=1)

    found = failed(scenario(traffic="shared"), worker + CANARY_DEPLOYMENT, worker)
    assert found["canary-service"] == ("stable-service-missing", "traffic-none")


@pytest.mark.parametrize(
    ("terms", "ports", "finding"),
    [
        ({"container_port": 5003}, "port: 80, targetPort: 5003", "service-port-term"),
        ({"container_port": 5003, "service_port": 80}, "port: 80, targetPort: 5003", None),
        ({"container_port": 5003, "service_port": 80}, "port: 80, targetPort: http", None),
        ({"container_port": 5003, "service_port": 80}, "port: 81, targetPort: 5003", "service-port-term"),
        ({"service_port": 80}, "port: 80, targetPort: http", None),
        ({"service_port": 80}, "port: 80, targetPort: web", "service-ports"),
        ({}, "port: 1234, targetPort: http", None),
        ({}, "port: 1234, targetPort: web", "service-ports"),
    ],
)
def test_the_ports_of_service_and_container_can_differ(terms: dict[str, Any], ports: str, finding: str | None) -> None:
    """The Service must have the port that the scenario states, and lead to the stated port or to any of the pods."""
    own = CANARY_SERVICE.replace("port: 5003, targetPort: 5003", ports)
    found = failed(scenario(traffic="own", **terms), STABLE + CANARY_DEPLOYMENT + own).get("canary-service")

    assert (found and found[1]) == finding


def test_the_own_port_of_a_headless_service_does_not_matter() -> None:
    """Clients of a headless Service connect to the pods themselves."""
    own = CANARY_SERVICE.replace("port: 5003, targetPort: 5003", "port: 80, targetPort: 5003")
    headless = own.replace("spec:\n", "spec:\n  clusterIP: None\n")
    asked = scenario(traffic="own", container_port=5003)

    assert "canary-service" not in failed(asked, STABLE + CANARY_DEPLOYMENT + headless)


def test_a_canary_in_place_is_no_touched_stable() -> None:
    """The workload that is the canary may change in every way; the others and their Services may not."""
    asked = scenario()
    other = deployment("other", image="b", port=1)

    assert "stable-untouched" not in failed(asked, IN_PLACE.replace("containerPort: 5000", "containerPort: 6000"))
    moved = IN_PLACE.replace("targetPort: 5000", "targetPort: 6000")
    assert failed(asked, moved)["stable-untouched"][0] == "stable-changed"
    added = STABLE + CANARY_DEPLOYMENT + other.replace("image: b", "image: c")
    assert failed(asked, added, STABLE + other)["stable-untouched"][0] == "stable-changed"


GREEN = {"app": "green"}


def test_a_release_may_change_several_workloads_in_place() -> None:
    """In a team's own chart, the workload that is named is the canary, and the others may change along with it."""
    other = deployment("other", image="b:1", port=1)
    before, after = STABLE + other, IN_PLACE + other.replace("b:1", "b:2")
    named = scenario(workload=WorkloadName("Deployment", "other"))

    def touched(asked: Scenario, chart: str = after) -> bool:
        return "stable-untouched" in failed(asked, chart, before)

    assert not touched(named)
    assert touched(replace(named, submits_charts=True))
    assert touched(named, after.replace("replicas: 1", "replicas: 0", 1))
    assert not touched(scenario())
    assert "canary-present" in failed(scenario(), after, before)


SWITCHED = STABLE.replace(SELECTOR, "selector: {app: green}") + deployment(
    "green", image="a:2", port=5000, labels=GREEN
)
"""An upgrade that adds the canary, and switches the stable Service over to it."""


def test_a_service_that_is_switched_over_belongs_to_the_canary() -> None:
    """Blue/green: in a team's own chart, the switched Service leads to the canary only, and is no touched stable."""
    asked = scenario(traffic="own", container_port=5000)

    assert not failed(asked, SWITCHED).keys() & {"canary-service", "stable-untouched"}
    assert failed(scenario(traffic="none"), SWITCHED).keys() == {"canary-service"}
    nowhere = SWITCHED.replace("selector: {app: green}", "selector: {app: red}")
    assert failed(asked, nowhere).keys() >= {"canary-service", "stable-untouched"}


def test_a_service_that_waits_for_the_canary_is_its_own() -> None:
    """A team's own chart may have the Service of the canary all the time; before the upgrade, it selects no pod."""
    asked = scenario(traffic="own", container_port=5003)
    before = STABLE + CANARY_SERVICE

    assert "canary-service" not in failed(asked, before + CANARY_DEPLOYMENT, before)
    shared = STABLE.replace(SELECTOR, "selector: {tier: all}").replace("labels: {", "labels: {tier: all, ")
    both = shared + CANARY_DEPLOYMENT.replace("labels: {", "labels: {tier: all, ")
    assert failed(asked, both, shared)["canary-service"][0] == "stable-service-selects-canary"


def test_a_submission_may_not_switch_the_stable_service_over() -> None:
    """The stable chart of a submission is not the submission's own to change."""
    asked = replace(scenario(traffic="own", container_port=5000), submits_charts=True)

    assert failed(asked, SWITCHED).keys() >= {"canary-service", "stable-untouched"}


def test_a_release_that_changes_more_than_the_canary_is_told_how_to_allow_it() -> None:
    """A team's own chart may change stable on purpose; a submission may not."""
    asked, chart = scenario(), IN_PLACE + CANARY_DEPLOYMENT

    assert failed(asked, chart)["stable-untouched"][1] == "stable-changes-too"
    assert failed(replace(asked, submits_charts=True), chart)["stable-untouched"][1] == "restore-templates"


def test_a_switched_service_that_is_silent_is_told_with_the_switch() -> None:
    """The stable Service leads to pods that are not Ready: the hint names the switch."""
    silent = [Probe(2 + number / 7, 0.1, "connection refused", service="upcommerce-service") for number in range(20)]
    rows = judge(evidence(scenario(), SWITCHED, probes=tuple(silent)), scenario()).ended("failed")

    hints = {row.check.id: row.judgement.hint_id for row in rows}
    assert hints["stable-serves-during-canary"] == "service-switched"


def test_a_healthy_canary_has_no_restart() -> None:
    """A canary that became Ready only after a restart is not the healthy one that the scenario expects."""
    asked = scenario("healthy")
    healthy, restarted = (Decision("healthy", replace(because("ok"), count=count)) for count in (0, 2))

    assert judge(evidence(asked, BESIDE, decision=healthy), asked).verdict == "accepted"
    (row,) = judge(evidence(asked, BESIDE, decision=restarted), asked).ended("failed")
    assert row.judgement.message.endswith("it has had 2 restarts")


def test_titles_have_the_values_of_the_scenario() -> None:
    """The titles of the course have its values; those of another scenario have others, or none."""
    course = {each.id: in_scenario(each, COURSE).title for each in CHECKS}
    team = scenario("healthy", replicas=3, traffic="shared")

    assert course["canary-replicas"] == "The canary asks for one replica"
    assert course["canary-service"] == "A Service on port 5003 leads to 5003 of the canary's pods, and of no other pods"
    assert course["canary-outcome"] == "The canary crash-loops"
    assert in_scenario(BY_ID["canary-replicas"], team).title == "The canary asks for 3 replicas"
    assert in_scenario(BY_ID["canary-outcome"], team).title == "The canary's outcome is healthy"
    assert in_scenario(BY_ID["canary-port"], team).title == BY_ID["canary-port"].title
    assert in_scenario(BY_ID["upgrade-applied"], replace(team, stable=team.stable * 3)).title.endswith("revision 4")


def test_a_service_that_was_there_does_not_count_as_own() -> None:
    """Of a submission, own traffic needs a Service that the submission adds."""
    moved = STABLE_SERVICE.replace(SELECTOR, "selector: {app: upcommerce-canary-app}")
    chart = STABLE.replace(STABLE_SERVICE, "") + moved + CANARY_DEPLOYMENT + service("x", {"a": "b"}, port=1)

    asked = replace(scenario(traffic="own"), submits_charts=True)
    assert failed(asked, chart)["canary-service"][0] == "service-selects-nothing"
