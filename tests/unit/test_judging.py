"""Each check finds its own mistake, and one mistake fails only one check."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import fields, is_dataclass, replace
from typing import Any, get_args

import pytest

from canaryproof.analysis.canary import find_canary
from canaryproof.checks import judging
from canaryproof.checks.judging import JUDGES, Finding, Judge
from canaryproof.model.causes import Cause
from canaryproof.model.evidence import (
    Decision,
    Evidence,
    Holder,
    Leftover,
    OutcomeName,
    Probe,
    Rendering,
    Revision,
    Setting,
    Step,
    Violation,
)
from canaryproof.model.evidence_redaction import without_secrets
from canaryproof.model.hints import Hint
from canaryproof.model.objects import Body, Manifest, ObjectKey
from canaryproof.redaction import Redactor, object_values
from canaryproof.timeouts import TimeLimits
from tests.unit.stories import (
    CANARY_DEPLOYMENT,
    CANARY_SERVICE,
    COURSE,
    STABLE,
    STABLE_DEPLOYMENT,
    STABLE_SERVICE,
    Story,
    because,
    rendering,
    service,
)

REFERENCE = STABLE + CANARY_DEPLOYMENT + CANARY_SERVICE
HISTORY = (
    Revision(1, "superseded", "Install complete"),
    Revision(2, "superseded", "Upgrade complete"),
    Revision(3, "deployed", "Rollback to 1"),
)


def stable_story() -> Story:
    """Record a stable app that is present all the time."""
    return Story("upcommerce-app", image="uonyeka/upcommerce:v3").at(0.5).pod().running()


def answers(*failing: int, until: int = 60) -> tuple[Probe, ...]:
    """Return one request per tenth of a second. The numbers are those of the failed ones."""
    return tuple(Probe(1 + number / 10, 0.01, "refused" if number in failing else "") for number in range(until))


def evidence(chart: str = REFERENCE, **changes: Any) -> Evidence:
    """Return the evidence of an experiment with *chart* that ends in a crash loop."""
    baseline, rendered = rendering(STABLE), rendering(chart)
    finding = find_canary(baseline, rendered, COURSE)
    accepted = Evidence(
        "alice",
        "alice/",
        baseline=baseline,
        chart=rendered,
        added=finding.added,
        canary=finding.canary,
        decision=finding.decision or Decision("crash-loop", because("it crashes")),
        install=Step("helm install", 0.1, 0.5),
        upgrade=Step("helm upgrade upcommerce ./alice", 1.5, 2),
        rollback=Step("helm rollback upcommerce 1", 5, 5.5),
        history=HISTORY,
        timeline=stable_story().timeline,
        settled_at=1,
        restored_at=5.5,
        gone_at=5.9,
        ended_at=7,
        probes=answers(),
    )
    return replace(accepted, **changes)


def failing(given: Evidence) -> list[str]:
    """Return the names of the failed checks. Without a canary, those that need one are left out."""
    without = (judging.chart_renders, judging.canary_present, judging.stable_untouched, judging.upgrade_applied)
    checks = tuple(JUDGES.values()) if given.canary else (*without, judging.rollback_recorded, judging.stable_healthy)
    return [check.__name__ for check in checks if check(given, COURSE)]


def finding_of(check: Judge, given: Evidence) -> Finding:
    """Return the finding of a check that must fail."""
    found = check(given, COURSE)
    assert found
    return found


def test_finding_reads_from_cause_to_cure() -> None:
    """A finding shows message, place and hint on separate lines, without empty lines."""
    cause, hint = Cause(code="told", detail="wrong"), Hint(id="as-told", detail="look")

    assert str(Finding(cause, hint, "templates/x.yaml")) == "wrong\ntemplates/x.yaml\ntry: look"
    assert str(Finding(cause)) == "wrong"


def _texts(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for key, each in value.items():
            yield from (str(key), *_texts(each))
    elif isinstance(value, (list, tuple)):
        for each in value:
            yield from _texts(each)
    elif isinstance(value, Manifest):
        yield from _texts(value.body)
    elif is_dataclass(value):
        for field in fields(value):
            yield from _texts(getattr(value, field.name))


def test_no_value_of_a_secret_changes_what_is_judged() -> None:
    """The redacted evidence is judged like the original, whatever value a chart chooses for a Secret."""
    given = evidence()
    values = [text for text in dict.fromkeys(_texts(given)) if object_values([_secret(text)])]

    assert "Rollback to 1" in values
    assert [value for value in values if failing(without_secrets(given, Redactor([value])))] == []


def _secret(value: str) -> Body:
    return {"kind": "Secret", "stringData": {"word": value}}


def test_reference_chart_is_accepted() -> None:
    """The reference chart passes every check."""
    assert failing(evidence()) == []


@pytest.mark.parametrize(
    ("chart", "check"),
    [
        pytest.param(REFERENCE.replace("replicas: 1", "replicas: 2"), "canary_replicas", id="two-replicas"),
        pytest.param(REFERENCE.replace("containerPort: 5003", "containerPort: 5000"), "canary_port", id="port"),
        pytest.param(
            REFERENCE.replace("containerPort: 5003", "containerPort: 5000").replace(
                "targetPort: 5003", "targetPort: http"
            ),
            "canary_port",
            id="port-by-name",
        ),
        pytest.param(STABLE + CANARY_DEPLOYMENT, "canary_service", id="no-service"),
        pytest.param(
            REFERENCE.replace("{app: upcommerce-canary-app}\n  ports", "{app: x}\n  ports"),
            "canary_service",
            id="selects-nothing",
        ),
        pytest.param(REFERENCE.replace("targetPort: 5003", "targetPort: 5000"), "canary_service", id="target-port"),
        pytest.param(REFERENCE.replace("port: 5003, ", "port: 80, "), "canary_service", id="service-port"),
        pytest.param(STABLE, "canary_present", id="no-canary"),
        pytest.param(REFERENCE.replace("upcommerce:v3", "upcommerce:v4"), "stable_untouched", id="stable-image"),
        pytest.param(REFERENCE.replace("targetPort: 5000", "targetPort: 5001"), "stable_untouched", id="stable-port"),
        pytest.param(REFERENCE.replace(STABLE_SERVICE, ""), "stable_untouched", id="no-stable-service"),
        pytest.param(
            REFERENCE.replace("name: upcommerce-app", "name: upcommerce-stable", 1),
            "stable_untouched",
            id="renamed-stable",
        ),
    ],
)
def test_one_mistake_in_a_chart_fails_one_check(chart: str, check: str) -> None:
    """One mistake in a chart fails only the check that covers it."""
    assert failing(evidence(chart)) == [check]


@pytest.mark.parametrize(
    ("changes", "check"),
    [
        ({"decision": Decision("healthy", because("it runs"))}, "canary_outcome"),
        ({"decision": Decision("image-pull", because("no such tag"))}, "canary_outcome"),
        ({"upgrade": Step("helm upgrade", 1.5, 2, "refused")}, "upgrade_applied"),
        ({"rollback": Step("helm rollback", 5, 5.5, "stuck")}, "rollback_recorded"),
        ({"history": (*HISTORY[:2], Revision(3, "deployed", "Upgrade complete"))}, "rollback_recorded"),
        ({"history": (*HISTORY[:2], Revision(3, "failed", "Rollback to 1"))}, "rollback_recorded"),
        ({"history": (*HISTORY, Revision(4, "deployed", "Rollback to 1"))}, "rollback_recorded"),
        ({"leftovers": (Leftover(ObjectKey("Service", "s")),)}, "canary_gone"),
        ({"gone_at": None}, "canary_gone"),
        ({"restored_at": None}, "stable_healthy"),
        ({"restored_at": 6.5}, "stable_healthy"),
        ({"timeline": stable_story().at(6).ended(1).running().timeline}, "stable_healthy"),
        ({"timeline": stable_story().at(6).ready(ready=False).timeline}, "stable_healthy"),
        ({"timeline": Story("upcommerce-app", image="other").pod().running().timeline}, "stable_healthy"),
        ({"timeline": stable_story().gone().timeline}, "stable_healthy"),
        ({"probes": answers(*range(38, 60))}, "stable_never_down"),
    ],
)
def test_one_fault_in_the_experiment_fails_one_check(changes: dict[str, Any], check: str) -> None:
    """One fault in the cluster fails only the check that covers it."""
    assert failing(evidence(**changes)) == [check]


def test_limits_replicas_and_added_labels_of_stable_may_differ() -> None:
    """The stable app may have lower limits and more labels, as in the reference, and another number of replicas."""
    chart = REFERENCE.replace("labels: {app: upcommerce-app}", "labels: {app: upcommerce-app, tier: web}")
    chart = chart.replace(
        "          image: uonyeka/upcommerce:v3",
        "          image: uonyeka/upcommerce:v3\n          resources: {limits: {cpu: 1}}",
    )
    stable = STABLE_DEPLOYMENT.replace("replicas: 1", "replicas: 3")

    assert "tier: web" in chart
    assert judging.stable_untouched(evidence(chart), COURSE) is None
    assert judging.stable_untouched(evidence(REFERENCE.replace(STABLE_DEPLOYMENT, stable)), COURSE) is None


def test_changes_of_stable_are_told() -> None:
    """A finding about a changed stable app names the object, both values and the template."""
    chart = REFERENCE.replace("{app: upcommerce-app}\n  ports", "{app: x}\n  ports").replace("port: 5000,", "port: 80,")

    found = finding_of(judging.stable_untouched, evidence(chart))

    assert found.message == (
        "the stable Service/upcommerce-service selects app=x instead of app=upcommerce-app "
        "and leads from 80 to 5000 instead of from 5000 to 5000"
    )
    assert found.where == "templates/upcommerce-service.yaml"


def test_unrendered_chart_is_told_in_helm_s_words() -> None:
    """A chart that does not render is rejected with Helm's message."""
    broken = evidence()
    broken = replace(broken, chart=replace(broken.chart, error="nil pointer evaluating .Values.canary"))

    assert "nil pointer evaluating .Values.canary" in finding_of(judging.chart_renders, broken).message


@pytest.mark.parametrize(
    ("outcome", "message"),
    [
        ("unsafe-chart", "canaryproof refused the chart, and applied nothing of it: a is a link"),
        ("broken-chart", "there is no chart to render: a is a link"),
    ],
)
def test_who_refuses_says_what_to_do(outcome: OutcomeName, message: str) -> None:
    """The hint of a refused chart is the advice of the refusal."""
    chart = Rendering(error="a is a link", hint="put the file in its place")
    refused = replace(evidence(), chart=chart, files=(), decision=Decision(outcome, because("no chart")))

    finding = finding_of(judging.chart_renders, refused)

    assert (finding.message, finding.advice) == (message, "put the file in its place")


def test_a_release_that_was_ended_after_its_upgrade_says_why() -> None:
    """A release that violates the rules after its upgrade is rejected with what it did in the cluster, and a hint."""
    ended = replace(evidence(), violation=Violation("unknown-record", "Secret/later"))

    finding = finding_of(judging.chart_renders, ended)

    assert "after the upgrade: Secret/later has the labels of Helm's records" in finding.message
    assert finding.hint == Hint(id="unknown-record")


def test_two_canaries_have_their_own_hint() -> None:
    """A chart with two canary candidates has its own hint."""
    second = CANARY_DEPLOYMENT.replace("upcommerce-canary-app", "second")

    assert finding_of(judging.canary_present, evidence(REFERENCE + second)).hint == Hint(id="ambiguous")
    assert finding_of(judging.canary_present, evidence(STABLE)).hint == Hint(id="no-canary")


def test_service_that_misses_the_labels_shows_both_sides() -> None:
    """A finding about a Service that misses the pods' labels shows selector and labels."""
    chart = STABLE + CANARY_DEPLOYMENT + service("canary", {"app": "upcommerce--canary-app"}, port=5003)

    found = finding_of(judging.canary_service, evidence(chart))

    assert (
        found.message == "Service/canary selects app=upcommerce--canary-app, but the pods of upcommerce-canary-app have"
        " the labels app=upcommerce-canary-app"
    )
    assert found.where == "templates/canary.yaml"


def test_service_that_picks_stable_pods_too_is_found() -> None:
    """The canary's Service must not select the stable pods, and the stable Service must not select the canary's."""
    shared = REFERENCE.replace("labels: {app: upcommerce-app}", "labels: {app: upcommerce-app, part: shop}")
    shared = shared.replace("labels: {app: upcommerce-canary-app}", "labels: {app: upcommerce-canary-app, part: shop}")
    greedy = shared.replace("{app: upcommerce-canary-app}\n  ports", "{part: shop}\n  ports")
    leaking = REFERENCE.replace("upcommerce-canary-app}", "upcommerce-app}")

    assert failing(evidence(greedy)) == ["canary_service"]
    assert (
        "also leads to pods of Deployment/upcommerce-app"
        in finding_of(judging.canary_service, evidence(greedy)).message
    )
    assert "the stable Service/upcommerce-service" in finding_of(judging.canary_service, evidence(leaking)).message


@pytest.mark.parametrize("outcome", [outcome for outcome in get_args(OutcomeName) if outcome != "crash-loop"])
def test_every_other_fate_has_a_hint(outcome: OutcomeName) -> None:
    """Every outcome has a hint, and its finding names the outcome."""
    found = finding_of(judging.canary_outcome, evidence(decision=Decision(outcome, because("so it went"))))

    assert found.hint
    assert f"{outcome}, expected crash-loop: so it went" in found.message


def test_course_may_expect_another_fate() -> None:
    """The course determines the expected outcome."""
    scenario = replace(COURSE, expect=replace(COURSE.expect, outcomes=("healthy",), replicas=2, container_port=80))

    assert judging.canary_outcome(evidence(decision=Decision("healthy", because("it runs"))), scenario) is None
    assert judging.canary_outcome(evidence(), scenario)
    assert "must have 2" in str(judging.canary_replicas(evidence(), scenario))
    assert "containerPort 80; the containers declare 5003" in str(judging.canary_port(evidence(), scenario))


def test_leftovers_are_named_with_what_holds_them() -> None:
    """A finding about leftovers names their holders, and an annotation as the holder has its own hint."""
    kept = Leftover(ObjectKey("Service", "canary"), Holder("resource-policy", "keep"))

    found = finding_of(judging.canary_gone, evidence(leftovers=(kept,)))

    assert "Service/canary (held by the annotation helm.sh/resource-policy: keep)" in found.message
    assert found.hint == Hint(id="left-by-policy")


def test_what_a_leftover_owns_is_counted_and_not_listed() -> None:
    """A finding names a kept object and only counts the objects that it owns."""
    kept = Leftover(ObjectKey("Deployment", "canary"), Holder("resource-policy", "keep"))
    owned = tuple(
        Leftover(ObjectKey(kind, "canary-1"), Holder("owner", "Deployment/canary")) for kind in ("ReplicaSet", "Pod")
    )

    found = finding_of(judging.canary_gone, evidence(leftovers=(kept, *owned)))

    assert found.message.endswith("keep), and 2 objects that it owns")
    assert "canary-1" not in found.message


def test_restarts_before_the_rollback_do_not_count() -> None:
    """Restarts of the stable app before the rollback do not count for its health after it."""
    story = stable_story().at(3).ended(1).running().at(6).again()

    assert judging.stable_healthy(evidence(timeline=story.timeline), COURSE) is None


def test_replaced_stable_pods_are_healthy() -> None:
    """Stable pods that lower limits have replaced are healthy."""
    story = stable_story().at(5.2).pod("two").running("two").deleting("one").at(5.4).gone("one")

    assert judging.stable_healthy(evidence(timeline=story.timeline), COURSE) is None


def test_short_outages_are_allowed() -> None:
    """Short outages are allowed: the limit applies to the longest outage, not to the number of failed requests."""
    many_short = answers(*(number for number in range(60) if number % 10 < 9 and number > 0))

    assert judging.stable_never_down(evidence(probes=many_short), COURSE) is None


def test_outage_at_the_limit_is_allowed() -> None:
    """An outage that lasts exactly as long as the limit is allowed."""
    limit = int(TimeLimits().outage * 10)

    assert judging.stable_never_down(evidence(probes=answers(*range(30, 30 + limit))), COURSE) is None
    longer = judging.stable_never_down(evidence(probes=answers(*range(30, 32 + limit))), COURSE)
    assert "no answer for 2.1 s" in str(longer)


def test_a_slow_machine_stretches_the_limit() -> None:
    """The limit of an outage grows with the patience with which the evidence was recorded."""
    slow = Setting("embedded", "1.37.2", 1, "4.3.1", "stand-in", patience=2)
    silent = answers(*range(10, 50), until=80)

    assert judging.stable_never_down(evidence(probes=silent), COURSE)
    assert judging.stable_never_down(evidence(probes=silent, setting=slow), COURSE) is None


@pytest.mark.parametrize("probes", [(), answers(*range(60))])
def test_service_that_never_answered_is_down(probes: tuple[Probe, ...]) -> None:
    """A stable Service without any answer fails the check, and so does one without any request."""
    assert judging.stable_never_down(evidence(probes=probes), COURSE)
    assert judging.stable_serves_during_canary(evidence(probes=probes), COURSE)


def test_outage_while_the_canary_was_there_is_its_own() -> None:
    """The check of the stable Service during the canary only covers requests from the upgrade's end to the rollback."""
    during = answers(*range(12, 36))

    assert judging.stable_serves_during_canary(evidence(probes=during), COURSE)
    assert judging.stable_serves_during_canary(evidence(probes=answers(*range(10), *range(40, 60))), COURSE) is None


def test_a_stable_service_that_goes_by_a_new_name_is_told_why_it_led_nowhere() -> None:
    """The finding explains that the stable Service leads to a port name that the pods of revision 1 do not have."""
    named = REFERENCE.replace("targetPort: 5000", "targetPort: web").replace("name: http", "name: web", 1)
    found = evidence(named, probes=answers(*range(12, 36)))

    assert judging.stable_untouched(found, COURSE) is None
    assert "by number" in finding_of(judging.stable_serves_during_canary, found).advice
    assert "by number" not in str(judging.stable_serves_during_canary(evidence(probes=found.probes), COURSE))


@pytest.mark.parametrize("check", [judging.canary_replicas, judging.canary_port, judging.canary_service])
def test_without_a_canary_everything_about_it_follows(check: Judge) -> None:
    """Checks that need the canary follow from its absence, even if its own check was not selected."""
    found = check(evidence(STABLE), COURSE)

    assert found
    assert found.follows == "canary-present"
