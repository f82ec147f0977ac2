"""One mistake counts once: a check that fails because of another finding names that check."""

from __future__ import annotations

from dataclasses import replace

import pytest

from canaryproof.checks import judging
from canaryproof.model.causes import Cause
from canaryproof.model.evidence import Decision, Step
from canaryproof.model.hints import Hint
from tests.unit.stories import CANARY_DEPLOYMENT, CANARY_SERVICE, COURSE, STABLE, because
from tests.unit.test_judging import REFERENCE, evidence, finding_of


def refused(error: str) -> Step:
    """Return an upgrade that Helm refused."""
    return Step("helm upgrade upcommerce ./alice", 1.5, 2, error)


@pytest.mark.parametrize(
    ("kind", "error"),
    [
        ("Deploymnet", 'no matches for kind "Deploymnet" in version "apps/v1" ensure CRDs are installed first'),
        ("Rollout", 'no matches for kind "Rollout" in version "apps/v1"'),
        ("deployment", "failed to create resource: invalid object type: apps/v1, Kind=deployment: invalid object type"),
    ],
)
def test_a_kind_that_nobody_knows_is_no_canary_and_nothing_else(kind: str, error: str) -> None:
    """The missing canary reports an unknown kind, and the refused upgrade follows from it."""
    chart = REFERENCE.replace(
        "kind: Deployment\nmetadata:\n  name: upcommerce-canary", f"kind: {kind}\nmetadata:\n  name: c"
    )
    misspelt = evidence(chart, upgrade=refused(error))

    missed = finding_of(judging.canary_present, misspelt)

    assert f"it adds {kind}/c-app" in missed.message
    assert f"this cluster knows no kind {kind}" in missed.message
    assert missed.hint == Hint(id="kind-unknown")
    assert finding_of(judging.upgrade_applied, misspelt).follows == "canary-present"


def test_a_kind_that_helm_s_error_hides_is_told_as_well() -> None:
    """An unknown kind is recognised even if the confined user's error hides it."""
    chart = REFERENCE.replace(
        "kind: Deployment\nmetadata:\n  name: upcommerce-canary", "kind: Rollout\nmetadata:\n  name: c"
    )
    hidden = Cause(code="kind-unknown", object="Rollout/c-app", detail="apps/v1")
    upgrade = replace(refused("failed to list CRDs: forbidden, replicas"), cause=hidden)

    failed = finding_of(judging.upgrade_applied, evidence(chart, upgrade=upgrade))

    assert finding_of(judging.canary_present, evidence(chart, upgrade=upgrade)).hint == Hint(id="kind-unknown")
    assert failed.message == "the upgrade failed: this cluster knows no kind Rollout"
    assert failed.follows == "canary-present"


def test_another_object_of_an_unknown_kind_is_a_mistake_of_its_own() -> None:
    """A refused upgrade is a finding of its own if the canary is present and another object has the unknown kind."""
    chart = REFERENCE + "---\napiVersion: x/v1\nkind: Monitor\nmetadata: {name: m}\n"
    unknown = evidence(chart, upgrade=refused('no matches for kind "Monitor" in version "x/v1"'))

    assert judging.canary_present(unknown, COURSE) is None
    assert finding_of(judging.upgrade_applied, unknown).follows == ""


def test_a_stable_object_that_kubernetes_refuses_is_told_once() -> None:
    """A refused upgrade follows from the touched stable app if its changed selector is immutable."""
    chart = REFERENCE.replace("matchLabels: {app: upcommerce-app}", "matchLabels: {name: upcommerce}")
    error = 'Deployment.apps "upcommerce-app" is invalid: spec.selector: Invalid value: {}: field is immutable'
    touched = evidence(chart, upgrade=refused(error))

    assert "selects name=upcommerce instead of app=upcommerce-app" in str(judging.stable_untouched(touched, COURSE))
    assert finding_of(judging.upgrade_applied, touched).follows == "stable-untouched"


def test_a_refused_canary_does_not_follow_from_a_touched_stable_app() -> None:
    """A refused canary and a changed stable app are two findings."""
    chart = REFERENCE.replace("upcommerce:v3", "upcommerce:v4")
    error = 'Deployment.apps "upcommerce-canary-app" is invalid: spec.selector: Required value'

    assert finding_of(judging.upgrade_applied, evidence(chart, upgrade=refused(error))).follows == ""


def test_a_canary_that_asks_for_no_replica_cannot_crash() -> None:
    """The missing crash follows from a canary with zero replicas."""
    none_asked = evidence(
        STABLE + CANARY_DEPLOYMENT.replace("replicas: 1", "replicas: 0") + CANARY_SERVICE,
        decision=Decision("not-ready", because("it asks for 0 replicas")),
    )

    assert "asks for 0 replicas" in finding_of(judging.canary_replicas, none_asked).message
    assert finding_of(judging.canary_outcome, none_asked).follows == "canary-replicas"


def test_all_that_is_touched_of_stable_is_told_at_once() -> None:
    """The finding lists the changed stable Deployment and Service, and both templates."""
    chart = REFERENCE.replace("{app: upcommerce-app}", "{name: shop}")

    found = finding_of(judging.stable_untouched, evidence(chart))

    assert "Deployment/upcommerce-app selects name=shop" in found.message
    assert "Service/upcommerce-service selects name=shop" in found.message
    assert "templates/upcommerce-app.yaml and templates/upcommerce-service.yaml" in found.advice


def test_a_stable_container_may_be_called_otherwise() -> None:
    """A changed name of a stable container is no finding, unlike its image, program or ports."""
    renamed = STABLE.replace("- name: main", "- name: app")
    other = renamed.replace("upcommerce:v3", "upcommerce:v4")
    canary = REFERENCE.removeprefix(STABLE)

    assert judging.stable_untouched(evidence(renamed + canary), COURSE) is None
    assert "has no container main any more" in finding_of(judging.stable_untouched, evidence(other + canary)).message


def test_a_stable_port_may_get_a_name() -> None:
    """A stable Service that leads to the same port by name is no finding."""
    named = REFERENCE.replace("port: 5000, targetPort: 5000", "port: 5000, targetPort: http")
    wrong = REFERENCE.replace("port: 5000, targetPort: 5000", "port: 5000, targetPort: web")

    assert judging.stable_untouched(evidence(named), COURSE) is None
    assert "leads from 5000 to 'web', a name that no port of the containers has (theirs are called http)" in (
        finding_of(judging.stable_untouched, evidence(wrong)).message
    )


def test_an_autoscaler_overrules_the_deployment() -> None:
    """An autoscaler that gives the canary more than one replica is a finding like a Deployment that does so."""
    scaler = """
---
# Source: upcommerce/templates/hpa.yaml
apiVersion: autoscaling/v2
kind: HorizontalPodAutoscaler
metadata: {name: canary}
spec:
  scaleTargetRef: {apiVersion: apps/v1, kind: Deployment, name: NAME}
  minReplicas: 2
"""
    of_canary, of_stable = (scaler.replace("NAME", f"upcommerce-{name}") for name in ("canary-app", "app"))

    found = finding_of(judging.canary_replicas, evidence(REFERENCE + of_canary))

    assert "HorizontalPodAutoscaler/canary scales upcommerce-canary-app to at least 2" in found.message
    assert found.where == "templates/hpa.yaml"
    assert judging.canary_replicas(evidence(REFERENCE + of_stable), COURSE) is None
    assert judging.canary_replicas(evidence(REFERENCE + of_canary.replace(": 2", ": 1")), COURSE) is None


@pytest.mark.parametrize(
    ("ports", "told", "hint"),
    [
        (
            "port: 5003, targetPort: htpp",
            "from 5003 to 'htpp', a name that no port of the containers has",
            "targetPort",
        ),
        ("port: 5003, targetPort: 5003, protocol: UDP", "from 5003 to 5003 by UDP, not TCP", "protocol"),
        ("port: 80, targetPort: http", "from 80 to http, which is 5003", "targetPort"),
    ],
)
def test_where_a_service_leads_is_told_by_number_name_and_protocol(ports: str, told: str, hint: str) -> None:
    """The finding states a Service's route by number, name and protocol."""
    found = finding_of(judging.canary_service, evidence(REFERENCE.replace("port: 5003, targetPort: 5003", ports)))

    assert told in found.message
    assert hint in found.advice


def test_an_external_name_leads_to_no_pods() -> None:
    """A Service of type ExternalName leads to no pods, whatever its selector is (Kubernetes)."""
    external = CANARY_SERVICE.replace("spec:\n", "spec:\n  type: ExternalName\n  externalName: canary.example.org\n")

    found = finding_of(judging.canary_service, evidence(REFERENCE.replace(CANARY_SERVICE, external)))

    assert "is of the type ExternalName" in found.message


@pytest.mark.parametrize(
    "probe", ["livenessProbe: {tcpSocket: {port: 5003}}", "readinessProbe: {httpGet: {port: web}}"]
)
def test_a_probe_that_asks_elsewhere_is_no_probe_of_stable(probe: str) -> None:
    """A stable probe of a port that the app does not serve is a finding.

    Kubernetes would restart the app, or it would never become Ready.
    """
    image = "          image: uonyeka/upcommerce:v3\n"
    probed = REFERENCE.replace(image, f"{image}          {probe}\n")
    well = probed.replace("5003}}", "5000}}").replace("web}}", "http}}")

    assert (
        f"has a {probe.partition(':')[0]} that asks port"
        in finding_of(judging.stable_untouched, evidence(probed)).message
    )
    assert judging.stable_untouched(evidence(well), COURSE) is None


def test_labels_that_are_refused_are_not_missed_again() -> None:
    """A Service that selects nothing follows from labels that Kubernetes refuses for their indentation."""
    chart = REFERENCE.replace("labels: {app: upcommerce-canary-app}", "app: upcommerce-canary-app")
    error = ".spec.template.metadata.app: field not declared in schema"

    assert finding_of(judging.canary_service, evidence(chart, upgrade=refused(error))).follows == "upgrade-applied"
