"""A finding holds its cause, its hint, the line in the chart, and the check that has already reported its cause."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from canaryproof.checks import judging
from canaryproof.checks.judging import Finding, Judge
from canaryproof.model.causes import Cause, to_fields
from canaryproof.model.evidence import (
    ChartFile,
    Decision,
    Evidence,
    Holder,
    Leftover,
    Probe,
    Rendering,
    Step,
    Violation,
)
from canaryproof.model.objects import ObjectKey
from tests.unit.stories import (
    CANARY_DEPLOYMENT,
    CANARY_SERVICE,
    COURSE,
    STABLE,
    STABLE_DEPLOYMENT,
    STABLE_SERVICE,
    Story,
    because,
)
from tests.unit.test_judging import REFERENCE, answers, evidence, finding_of, stable_story

NAME = "upcommerce-canary-app"
SERVICE = "upcommerce-canary-service"


def written(*texts: str, upgrade: str = "", values: str = "") -> Evidence:
    """Return evidence of a chart with these templates and files. *upgrade* is the error of Helm's upgrade, if any."""
    files = tuple(
        ChartFile(text.partition("# Source: upcommerce/")[2].partition("\n")[0], text.partition("# Source: ")[2])
        for text in texts
    )
    given = evidence("".join(texts), files=(*files, *([ChartFile("values.yaml", values)] if values else [])))
    return replace(given, upgrade=Step("helm upgrade", 1.5, 2, upgrade)) if upgrade else given


def line_at(given: Evidence, found: Finding) -> str:
    """Return the line that a finding refers to, or the path of the file if there is no line number."""
    path, _, number = found.where.partition(":")
    text = next((file.text for file in given.files if file.path == path), "")
    return text.splitlines()[int(number) - 1].strip() if number else path


def changed(text: str, old: str, new: str) -> str:
    """Return the template with *old* replaced. *old* must occur in it."""
    assert old in text
    return text.replace(old, new)


REFUSED = 'Deployment.apps "x" is invalid: {}: Invalid value'
SCALER = f"""
---
# Source: upcommerce/templates/scaler.yaml
apiVersion: autoscaling/v2
kind: HorizontalPodAutoscaler
metadata:
  name: scaler
spec:
  scaleTargetRef: {{kind: Deployment, name: {NAME}}}
  minReplicas: 2
"""
EXTERNAL = changed(CANARY_SERVICE, "spec:\n", "spec:\n  type: ExternalName\n")
GREEDY = changed(CANARY_SERVICE, f"app: {NAME}", "part: shop")
PARTS = (
    changed(STABLE_DEPLOYMENT, "labels: {app: upcommerce-app}", "labels: {app: upcommerce-app, part: shop}"),
    changed(CANARY_DEPLOYMENT, f"labels: {{app: {NAME}}}", f"labels: {{app: {NAME}, part: shop}}"),
)
LEAKING = changed(CANARY_DEPLOYMENT, f"{{app: {NAME}}}", "{app: upcommerce-app}")
TWO = changed(CANARY_DEPLOYMENT, "replicas: 1", "replicas: 2")
OTHER_PORT = changed(CANARY_DEPLOYMENT, "containerPort: 5003", "containerPort: 5004")


IMAGE_LINE = "          image:"
ROUTE = {"code": "leads-to-number", "field": "5000", "found": "5000"}
CANARY_CASES = [
    (
        "replicas",
        "canary_replicas",
        (STABLE, TWO, CANARY_SERVICE),
        "replicas-source",
        "replicas: 2",
        {"code": "replicas-differ", "count": 2, "limit": 1},
    ),
    (
        "autoscaler",
        "canary_replicas",
        (STABLE, CANARY_DEPLOYMENT, CANARY_SERVICE, SCALER),
        "autoscaler",
        "minReplicas: 2",
        {"code": "autoscaler-overrules", "count": 2, "limit": 1, "object": "HorizontalPodAutoscaler/scaler"},
    ),
    (
        "port",
        "canary_port",
        (STABLE, OTHER_PORT, CANARY_SERVICE),
        "container-port",
        "ports:",
        {"code": "port-missing", "limit": 5003, "ports": (5004,)},
    ),
    (
        "shared-labels",
        "canary_service",
        (STABLE, LEAKING, CANARY_SERVICE),
        "labels-of-its-own",
        "labels: {app: upcommerce-app}",
        {"code": "stable-service-selects-canary", "object": "Service/upcommerce-service"},
    ),
    ("no-service", "canary_service", (STABLE, CANARY_DEPLOYMENT), "service-missing", "", {"code": "service-missing"}),
    (
        "external-name",
        "canary_service",
        (STABLE, CANARY_DEPLOYMENT, EXTERNAL),
        "service-type",
        "type: ExternalName",
        {"code": "service-external", "object": f"Service/{SERVICE}"},
    ),
    (
        "selects-nothing",
        "canary_service",
        (STABLE, CANARY_DEPLOYMENT, changed(CANARY_SERVICE, f"app: {NAME}", "app: x")),
        "selector-and-labels",
        "selector: {app: x}",
        {
            "code": "service-selects-nothing",
            "object": f"Service/{SERVICE}",
            "expected": f"app={NAME}",
            "found": "app=x",
        },
    ),
    (
        "selects-others",
        "canary_service",
        (*PARTS, STABLE_SERVICE, GREEDY),
        "select-canary-alone",
        "selector: {part: shop}",
        {"code": "service-selects-others", "object": f"Service/{SERVICE}", "names": ("Deployment/upcommerce-app",)},
    ),
    (
        "target-port",
        "canary_service",
        (STABLE, CANARY_DEPLOYMENT, changed(CANARY_SERVICE, "targetPort: 5003", "targetPort: 80")),
        "service-ports",
        "ports:",
        {
            "code": "service-port-differs",
            "limit": 5003,
            "ports": (5003,),
            "object": f"Service/{SERVICE}",
            "parts": [{"code": "leads-to-number", "field": "80", "found": "5003"}],
        },
    ),
    (
        "protocol",
        "canary_service",
        (STABLE, CANARY_DEPLOYMENT, changed(CANARY_SERVICE, "targetPort: 5003", "targetPort: 5003, protocol: UDP")),
        "port-protocol",
        "ports:",
        {
            "code": "service-port-differs",
            "limit": 5003,
            "ports": (5003,),
            "object": f"Service/{SERVICE}",
            "parts": [{"code": "leads-to-number", "field": "5003", "found": "5003", "protocol": "UDP"}],
        },
    ),
    (
        "service-port",
        "canary_service",
        (
            STABLE,
            CANARY_DEPLOYMENT,
            changed(CANARY_SERVICE, "port: 5003, targetPort: 5003", "port: 80, targetPort: http"),
        ),
        "service-ports",
        "ports:",
        {
            "code": "service-port-differs",
            "limit": 5003,
            "ports": (5003,),
            "object": f"Service/{SERVICE}",
            "parts": [{"code": "leads-to-name", "ports": (5003,), "field": "http", "found": "80"}],
        },
    ),
]


@pytest.mark.parametrize(
    ("judge", "chart", "hint", "line", "facts"),
    [case[1:] for case in CANARY_CASES],
    ids=[case[0] for case in CANARY_CASES],
)
def test_a_finding_about_the_canary_points_at_the_line_that_decides(
    judge: str, chart: tuple[str, ...], hint: str, line: str, facts: dict[str, Any]
) -> None:
    """A finding about the canary names the Deployment and the facts in its cause, and refers to the decisive line.

    Its hint fits the cause.
    """
    given = written(*chart)

    found = finding_of(getattr(judging, judge), given)

    assert to_fields(found.cause) == {"deployment": NAME, **facts}
    assert found.hint
    assert (found.hint.id, line_at(given, found), found.follows) == (hint, line, "")


RELEASE_CASES = [
    (
        "violation",
        judging.chart_renders,
        replace(evidence(), violation=Violation("unknown-record", "Secret/later")),
        "unknown-record",
        {"code": "release-violation", "known": {"code": "unknown-record", "object": "Secret/later"}},
    ),
    (
        "unsafe",
        judging.chart_renders,
        replace(evidence(), chart=Rendering(error="a is a link"), decision=Decision("unsafe-chart", because("a link"))),
        "unsafe-chart",
        {"code": "chart-refused", "detail": "a is a link"},
    ),
    (
        "upgrade-failed",
        judging.upgrade_applied,
        written(STABLE, CANARY_DEPLOYMENT, CANARY_SERVICE, upgrade="timed out"),
        "upgrade-by-hand",
        {"code": "upgrade-failed", "detail": "timed out"},
    ),
    ("not-restored", judging.stable_healthy, evidence(restored_at=None), "stable-changes", {"code": "not-restored"}),
    (
        "not-held",
        judging.stable_healthy,
        evidence(restored_at=6.5),
        "hold-on",
        {"code": "not-held", "limit": 1, "seconds": 0.5},
    ),
    (
        "no-pod",
        judging.stable_healthy,
        evidence(timeline=stable_story().gone().timeline),
        "stable-changes",
        {"code": "no-live-pod", "object": "Deployment/upcommerce-app"},
    ),
    (
        "not-ready",
        judging.stable_healthy,
        evidence(timeline=stable_story().at(6).ready(ready=False).timeline),
        "stable-changes",
        {"code": "pod-not-ready", "object": "Deployment/upcommerce-app", "pod": "one"},
    ),
    (
        "other-image",
        judging.stable_healthy,
        evidence(timeline=Story("upcommerce-app", image="other").pod().running().timeline),
        "stable-changes",
        {
            "code": "pod-image-differs",
            "object": "Deployment/upcommerce-app",
            "expected": "uonyeka/upcommerce:v3",
            "found": "other",
            "pod": "one",
        },
    ),
    (
        "restarts",
        judging.stable_healthy,
        evidence(
            timeline=stable_story()
            .at(3)
            .ended(1)
            .running()
            .at(6)
            .ended(1)
            .running()
            .at(6.5)
            .ended(1)
            .running()
            .timeline
        ),
        "stable-changes",
        {"code": "pod-restarted", "count": 2, "object": "Deployment/upcommerce-app", "pod": "one"},
    ),
    ("not-asked", judging.stable_never_down, evidence(probes=()), "", {"code": "not-asked", "during": "run"}),
    (
        "not-asked-meanwhile",
        judging.stable_serves_during_canary,
        evidence(probes=()),
        "",
        {"code": "not-asked", "during": "canary"},
    ),
    ("not-gone", judging.canary_gone, evidence(gone_at=None), "", {"code": "not-seen-gone"}),
]


@pytest.mark.parametrize(
    ("judge", "given", "hint", "facts"), [case[1:] for case in RELEASE_CASES], ids=[case[0] for case in RELEASE_CASES]
)
def test_a_finding_about_the_release_has_the_facts(
    judge: Judge, given: Evidence, hint: str, facts: dict[str, Any]
) -> None:
    """A finding about the release has all facts in its cause. Restarts before the rollback do not count."""
    found = finding_of(judge, given)

    assert to_fields(found.cause) == facts
    assert (found.hint.id if found.hint else "", found.where, found.follows) == (hint, "", "")


@pytest.mark.parametrize(
    ("old", "new", "facts"),
    [
        (
            ":v3",
            ":v4",
            {"code": "container-image-changed", "expected": "uonyeka/upcommerce:v3", "found": "uonyeka/upcommerce:v4"},
        ),
        ("replicas: 1", "replicas: 0", {"code": "replicas-zero"}),
        ("containerPort: 5000", "containerPort: 80", {"code": "ports-changed", "expected": "5000", "found": "80"}),
        (IMAGE_LINE, f"          command: [sleep, '1']\n{IMAGE_LINE}", {"code": "command-changed", "found": "sleep 1"}),
        (
            IMAGE_LINE,
            f"          livenessProbe: {{httpGet: {{port: 81}}}}\n{IMAGE_LINE}",
            {"code": "probe-port-unknown", "field": "livenessProbe", "found": "81"},
        ),
        (
            "      containers:",
            "      containers:\n        - {name: a, image: a}",
            {"code": "container-more", "container": "a"},
        ),
    ],
)
def test_each_difference_of_the_stable_deployment_is_a_fact(old: str, new: str, facts: dict[str, Any]) -> None:
    """A finding names each change of the stable Deployment with the former and the current value."""
    found = finding_of(judging.stable_untouched, written(changed(STABLE_DEPLOYMENT, old, new), STABLE_SERVICE))

    differs = {"code": "stable-changed", "object": "Deployment/upcommerce-app", "parts": [facts]}
    assert to_fields(found.cause) == {"code": "stable-changed", "parts": [differs]}
    assert found.where == "templates/upcommerce-app.yaml"
    assert found.hint
    assert (found.hint.id, found.hint.files) == ("restore-templates", ("templates/upcommerce-app.yaml",))


@pytest.mark.parametrize(
    ("old", "new", "facts"),
    [
        (
            "{app: upcommerce-app}",
            "{app: x}",
            {"code": "selector-changed", "expected": "app=upcommerce-app", "found": "app=x"},
        ),
        (
            "port: 5000, targetPort: 5000",
            "port: 80, targetPort: nope",
            {
                "code": "routes-changed",
                "parts": [
                    {
                        "code": "routes",
                        "parts": [
                            {"code": "leads-to-unknown-name", "field": "nope", "found": "80", "names": ("http",)}
                        ],
                    },
                    {"code": "routes", "parts": [ROUTE]},
                ],
            },
        ),
        (
            "targetPort: 5000",
            "targetPort: 5000, protocol: UDP",
            {
                "code": "routes-changed",
                "parts": [
                    {"code": "routes", "parts": [{**ROUTE, "protocol": "UDP"}]},
                    {"code": "routes", "parts": [ROUTE]},
                ],
            },
        ),
        (
            "  ports:\n    - {port: 5000, targetPort: 5000}\n",
            "",
            {"code": "routes-changed", "parts": [{"code": "routes"}, {"code": "routes", "parts": [ROUTE]}]},
        ),
    ],
)
def test_each_difference_of_the_stable_service_is_a_fact(old: str, new: str, facts: dict[str, Any]) -> None:
    """A finding names each change of the selector and the port routes of the stable Service."""
    found = finding_of(judging.stable_untouched, written(STABLE_DEPLOYMENT, changed(STABLE_SERVICE, old, new)))

    differs = {"code": "stable-changed", "object": "Service/upcommerce-service", "parts": [facts]}
    assert to_fields(found.cause) == {"code": "stable-changed", "parts": [differs]}
    assert found.where == "templates/upcommerce-service.yaml"


def test_a_stable_app_that_is_missing_or_has_another_container_is_told() -> None:
    """The check reports a missing stable Deployment.

    It reports a replaced container as one container more and one left out.
    """
    missing = finding_of(judging.stable_untouched, written(CANARY_DEPLOYMENT, STABLE_SERVICE))
    other = changed(
        STABLE_DEPLOYMENT, "- name: main\n          image: uonyeka/upcommerce:v3", "- name: x\n          image: x"
    )
    replaced = finding_of(judging.stable_untouched, written(other, STABLE_SERVICE))

    assert [part.code for part in missing.cause.parts[0].parts] == ["object-missing"]
    assert [(part.code, part.container) for part in replaced.cause.parts[0].parts] == [
        ("container-more", "x"),
        ("container-left-out", "main"),
    ]


def test_silence_is_told_in_figures() -> None:
    """A finding about an outage states its duration, the limit, and the counts of requests.

    It also states the number of consecutive failures and the last error.
    """
    failing = (Probe(2 + number / 10, 0.01, f"error {number}") for number in range(30))

    found = finding_of(judging.stable_never_down, evidence(probes=(*answers(until=10), *failing, Probe(6, 0.01))))

    assert to_fields(found.cause) == {
        "code": "unanswered",
        "during": "run",
        "seconds": 2.89,
        "limit": 2,
        "requests": 41,
        "answered": 11,
        "count": 30,
        "detail": "error 29",
    }


@pytest.mark.parametrize(
    ("judge", "given", "follows"),
    [
        (
            judging.canary_replicas,
            written(STABLE, TWO, upgrade=REFUSED.format("spec.replicas")),
            "upgrade-applied",
        ),
        (
            judging.canary_port,
            written(
                STABLE, OTHER_PORT, upgrade=REFUSED.format("spec.template.spec.containers[0].ports[0].containerPort")
            ),
            "upgrade-applied",
        ),
        (
            judging.canary_service,
            written(
                STABLE,
                CANARY_DEPLOYMENT,
                changed(CANARY_SERVICE, "targetPort: 5003", "targetPort: 80"),
                upgrade=f'Service "{SERVICE}" is invalid: spec.ports[0].targetPort: Invalid value',
            ),
            "upgrade-applied",
        ),
        (
            judging.upgrade_applied,
            written(
                changed(STABLE_DEPLOYMENT, "matchLabels: {app: upcommerce-app}", "matchLabels: {app: x}"),
                STABLE_SERVICE,
                CANARY_DEPLOYMENT,
                upgrade='Deployment.apps "upcommerce-app" is invalid: spec.selector: field is immutable',
            ),
            "stable-untouched",
        ),
        (
            judging.stable_untouched,
            written(
                changed(
                    STABLE_DEPLOYMENT,
                    "      containers:",
                    "      containers:\n        - {name: canary, image: x, ports: [{containerPort: 5003}]}",
                ),
                STABLE_SERVICE,
            ),
            "canary-present",
        ),
        (
            judging.stable_serves_during_canary,
            replace(
                written(changed(STABLE_DEPLOYMENT, ":v3", ":v4"), STABLE_SERVICE, CANARY_DEPLOYMENT, CANARY_SERVICE),
                probes=answers(*range(12, 36)),
            ),
            "stable-untouched",
        ),
        (judging.stable_never_down, evidence(probes=answers(*range(12, 36))), "stable-serves-during-canary"),
        (
            judging.stable_never_down,
            evidence(probes=answers(*range(41, 69), until=69), restored_at=None),
            "stable-healthy",
        ),
        (judging.stable_never_down, evidence(probes=answers(*range(41, 69), until=69)), ""),
        (judging.stable_never_down, evidence(probes=answers(*range(12, 60)), rollback=None), ""),
        (judging.stable_never_down, evidence(probes=(), restored_at=None), ""),
        (
            judging.canary_gone,
            evidence(
                REFERENCE
                + changed(
                    CANARY_SERVICE, "metadata:\n  name: ", "metadata:\n  annotations: {helm.sh/hook: x}\n  name: z"
                ),
                leftovers=(Leftover(ObjectKey("Service", f"z{SERVICE}"), Holder("hook", "x")),),
                upgrade=Step("helm upgrade", 1.5, 2, f"Service z{SERVICE} is invalid"),
            ),
            "upgrade-applied",
        ),
        (
            judging.canary_gone,
            evidence(
                STABLE
                + changed(
                    CANARY_DEPLOYMENT, "metadata:\n  name", "metadata:\n  annotations: {helm.sh/hook: x}\n  name"
                ),
                leftovers=(Leftover(ObjectKey("Deployment", NAME), Holder("hook", "x")),),
            ),
            "canary-present",
        ),
        (judging.canary_gone, evidence(leftovers=(Leftover(ObjectKey("Service", SERVICE)),)), ""),
    ],
)
def test_a_finding_follows_from_the_check_that_has_told_its_cause(judge: Judge, given: Evidence, follows: str) -> None:
    """A finding follows from the check that has already reported its cause, so that one mistake counts once.

    A finding with its own cause follows from no check.
    """
    assert finding_of(judge, given).follows == follows


def test_leftovers_are_facts() -> None:
    """The finding counts all leftovers. It lists those that no other leftover owns, each with its holder."""
    kept = changed(CANARY_SERVICE, "metadata:\n", "metadata:\n  annotations:\n    helm.sh/resource-policy: keep\n")
    given = replace(
        written(STABLE, CANARY_DEPLOYMENT, kept),
        leftovers=(
            Leftover(ObjectKey("Pod", "x"), Holder("owner", f"Service/{SERVICE}")),
            Leftover(ObjectKey("Service", SERVICE), Holder("resource-policy", "keep")),
            Leftover(ObjectKey("Deployment", NAME)),
        ),
    )

    found = finding_of(judging.canary_gone, given)

    assert found.cause == Cause(
        code="left-behind",
        count=3,
        parts=(
            Cause(code="left-behind", object=f"Service/{SERVICE}", held_by="resource-policy", detail="keep"),
            Cause(code="left-behind", object=f"Deployment/{NAME}"),
        ),
    )
    assert line_at(given, found) == "helm.sh/resource-policy: keep"
    assert found.hint
    assert found.hint.id == "left-by-policy"


def test_a_leftover_that_only_others_own_is_told_all_the_same() -> None:
    """The finding lists a leftover whose owner is no leftover itself."""
    owned = Leftover(ObjectKey("Pod", "x"), Holder("owner", "ReplicaSet/y"))

    found = finding_of(judging.canary_gone, evidence(leftovers=(owned,)))

    assert [part.object for part in found.cause.parts] == ["Pod/x"]
    assert found.where == ""


@pytest.mark.parametrize(
    "chart",
    [
        [changed(STABLE_DEPLOYMENT, "- name: main", "- name: shop"), STABLE_SERVICE],
        [changed(STABLE_DEPLOYMENT, "replicas: 1", "replicas: 3"), STABLE_SERVICE],
        [STABLE_DEPLOYMENT, changed(STABLE_SERVICE, "targetPort: 5000", "targetPort: http")],
        [
            changed(
                STABLE_DEPLOYMENT,
                "          image:",
                "          livenessProbe: {httpGet: {port: http}}\n          image:",
            ),
            STABLE_SERVICE,
        ],
        [
            changed(
                STABLE_DEPLOYMENT,
                "          image:",
                "          livenessProbe: {httpGet: {port: 5000}}\n          image:",
            ),
            STABLE_SERVICE,
        ],
    ],
)
def test_a_stable_app_that_does_the_same_is_untouched(chart: list[str]) -> None:
    """The check ignores changes that users of the stable app do not notice.

    These are container and port names, more replicas, and probes of the app's own port.
    """
    assert judging.stable_untouched(written(*chart), COURSE) is None
