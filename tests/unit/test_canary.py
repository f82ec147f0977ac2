"""The canary is the Deployment that the submission adds, whatever its name is."""

from __future__ import annotations

import pytest

from canaryproof.analysis.canary import CanaryFinding, find_canary
from canaryproof.model.evidence import Canary, Decision
from tests.unit.stories import (
    CANARY_DEPLOYMENT,
    CANARY_SERVICE,
    COURSE,
    STABLE,
    STABLE_DEPLOYMENT,
    STABLE_SERVICE,
    deployment,
    rendering,
    service,
)

CANARY_IMAGE = "uonyeka/canary:linux-amd64"


def find(chart: str) -> CanaryFinding:
    """Compare *chart* with the course's chart."""
    return find_canary(rendering(STABLE), rendering(chart), COURSE)


def canary_of(chart: str) -> Canary:
    """Return the canary, which must exist."""
    found = find(chart).canary
    assert found
    return found


def refusal_of(chart: str) -> Decision:
    """Return the reason why there is no canary."""
    finding = find(chart)
    assert finding.canary is None
    assert finding.decision
    return finding.decision


def test_reference_chart_has_its_canary() -> None:
    """The canary of the reference chart is described with the Service that leads to it."""
    finding = find(STABLE + CANARY_DEPLOYMENT + CANARY_SERVICE)

    canary = finding.canary
    assert canary
    assert (canary.name, canary.replicas, canary.ports) == ("upcommerce-canary-app", 1, (5003,))
    assert canary.images == (CANARY_IMAGE,)
    assert [(route.name, route.ports, route.also_selects) for route in canary.services] == [
        ("upcommerce-canary-service", ((5003, 5003),), ())
    ]
    assert [str(key) for key in finding.added] == [
        "Deployment/upcommerce-canary-app",
        "Service/upcommerce-canary-service",
    ]


@pytest.mark.parametrize(
    ("name", "label"),
    [("upcommerce-app-canary", "name"), ("upcommerce-0-1-0-canary", "app.kubernetes.io/name"), ("blue", "track")],
)
def test_names_and_labels_may_vary(name: str, label: str) -> None:
    """The canary may have any name and label keys."""
    labels = {label: name}
    text = deployment(name, image=CANARY_IMAGE, port=5003, labels=labels) + service("any", labels, port=5003)

    canary = canary_of(STABLE + text)

    assert canary.name == name
    assert canary.services[0].ports == ((5003, 5003),)


def test_named_target_ports_are_resolved() -> None:
    """A Service that names its target port leads to the number that the container declares."""
    text = service("s", {"app": "upcommerce-canary-app"}, port=5003, target="http")

    assert canary_of(STABLE + CANARY_DEPLOYMENT + text).services[0].ports == ((5003, 5003),)


def test_service_that_picks_nothing_is_no_route() -> None:
    """A Service whose selector does not match the canary's labels does not lead to it."""
    text = service("s", {"app": "upcommerce--canary-app"}, port=5003)

    assert canary_of(STABLE + CANARY_DEPLOYMENT + text).services == ()


def test_stable_service_that_picks_the_canary_is_a_route() -> None:
    """The stable Service leads to a canary that has the stable labels."""
    text = deployment("c", image=CANARY_IMAGE, port=5003, labels={"track": "canary", "app": "upcommerce-app"})

    (route,) = canary_of(STABLE + text).services

    assert (route.name, route.also_selects) == ("upcommerce-service", ("Deployment/upcommerce-app",))


def test_service_that_picks_other_pods_too_says_so() -> None:
    """The canary lists other workloads whose pods its Service selects."""
    text = deployment("c", image=CANARY_IMAGE, port=5003, labels={"app": "upcommerce-app"})
    text += service("s", {"app": "upcommerce-app"}, port=5003)

    routes = {route.name: route for route in canary_of(STABLE + text).services}

    assert routes["s"].also_selects == ("Deployment/upcommerce-app",)


def test_renamed_stable_is_no_canary() -> None:
    """A renamed stable Deployment is not taken for the canary beside it."""
    renamed = STABLE_DEPLOYMENT.replace("name: upcommerce-app", "name: upcommerce-stable")

    assert canary_of(renamed + STABLE_SERVICE + CANARY_DEPLOYMENT).name == "upcommerce-canary-app"
    assert "adds no Deployment" in refusal_of(renamed + STABLE_SERVICE).reason


def test_stable_renamed_with_its_labels_is_no_canary() -> None:
    """A Deployment with the stable image is the renamed stable one if the stable Deployment is missing."""
    renamed = STABLE_DEPLOYMENT.replace("upcommerce-app", "upcommerce-stable")

    assert canary_of(renamed + STABLE_SERVICE + CANARY_DEPLOYMENT).name == "upcommerce-canary-app"


def test_stable_renamed_by_selector_is_told_before_one_with_its_image() -> None:
    """The renamed stable Deployment is found by its selector before its image.

    A canary that runs the stable image by mistake is therefore not taken for it.
    """
    renamed = STABLE_DEPLOYMENT.replace("name: upcommerce-app", "name: upcommerce-stable")
    mistaken = CANARY_DEPLOYMENT.replace(CANARY_IMAGE, "uonyeka/upcommerce:v3")

    assert canary_of(mistaken + renamed).name == "upcommerce-canary-app"


def test_canary_without_stable_is_a_canary() -> None:
    """An added Deployment is the canary even if the stable one is missing, which another check reports."""
    assert canary_of(CANARY_DEPLOYMENT + STABLE_SERVICE).name == "upcommerce-canary-app"


@pytest.mark.parametrize(
    ("chart", "instead"),
    [
        pytest.param(STABLE, "it adds nothing", id="nothing"),
        pytest.param(STABLE + CANARY_SERVICE, "it adds Service/upcommerce-canary-service", id="service-only"),
        pytest.param(
            STABLE + CANARY_DEPLOYMENT.replace("kind: Deployment", "kind: StatefulSet"),
            "it adds StatefulSet/upcommerce-canary-app",
            id="stateful-set",
        ),
        pytest.param(
            STABLE
            + CANARY_DEPLOYMENT.replace("metadata:\n  name", "metadata:\n  annotations: {helm.sh/hook: x}\n  name"),
            "as a Helm hook",
            id="hook",
        ),
        pytest.param(
            STABLE.replace("      containers:", "      containers:\n        - {name: canary, image: x}"),
            "it adds the container canary to the stable Deployment/upcommerce-app",
            id="container",
        ),
        pytest.param(
            STABLE.replace("uonyeka/upcommerce:v3", CANARY_IMAGE),
            f"changes the image of the stable Deployment/upcommerce-app to {CANARY_IMAGE}",
            id="image",
        ),
    ],
)
def test_what_is_there_instead_is_named(chart: str, instead: str) -> None:
    """The reason for a missing canary names the objects that the chart adds instead."""
    decision = refusal_of(chart)

    assert decision.outcome == "no-canary"
    assert instead in decision.reason


def test_two_candidates_are_ambiguous() -> None:
    """The reason names both Deployments if the chart adds two."""
    decision = refusal_of(STABLE + CANARY_DEPLOYMENT + deployment("second", image="x", port=1))

    assert decision.outcome == "ambiguous"
    assert "upcommerce-canary-app" in decision.reason
    assert "second" in decision.reason


def test_all_containers_are_described() -> None:
    """The canary lists the ports of its containers and sidecars, but none of an init container."""
    more = "      initContainers:\n        - {name: setup, image: i, ports: [{containerPort: 1}]}\n      containers:"
    more += "\n        - {name: side, image: s, ports: [{containerPort: 2}]}"

    canary = canary_of(STABLE + CANARY_DEPLOYMENT.replace("      containers:", more))

    assert canary.images == ("i", "s", CANARY_IMAGE)
    assert canary.ports == (2, 5003)


def test_an_ambiguous_chart_lists_what_it_adds() -> None:
    """The reason for an ambiguous canary lists each added Deployment with its template.

    The added objects are known nevertheless.
    """
    finding = find(STABLE + CANARY_DEPLOYMENT + deployment("second", image="x", port=1))

    assert finding.decision
    assert finding.decision.cause.count == 2
    assert [(part.object, part.file) for part in finding.decision.cause.parts] == [
        ("Deployment/upcommerce-canary-app", "templates/upcommerce-canary-app.yaml"),
        ("Deployment/second", "templates/second.yaml"),
    ]
    assert [str(key) for key in finding.added] == ["Deployment/upcommerce-canary-app", "Deployment/second"]


def test_what_has_no_template_is_listed_without_one() -> None:
    """A Deployment without a known template is listed without one, as Helm's record may lack it."""
    bare = rendering(
        STABLE + CANARY_SERVICE.replace("# Source: upcommerce/templates/upcommerce-canary-service.yaml", "")
    )

    decision = find_canary(rendering(STABLE), bare, COURSE).decision

    assert decision
    assert [(part.object, part.file) for part in decision.cause.parts] == [("Service/upcommerce-canary-service", "")]


def test_the_canary_and_its_services_name_their_templates() -> None:
    """The canary and its Services name their templates, to which a finding refers."""
    canary = canary_of(STABLE + CANARY_DEPLOYMENT + CANARY_SERVICE)

    assert canary.source == "upcommerce/templates/upcommerce-canary-app.yaml"
    assert canary.services[0].source == "upcommerce/templates/upcommerce-canary-service.yaml"


def test_an_image_that_must_not_be_pulled_is_there_only_if_stable_runs_it() -> None:
    """An image with ``imagePullPolicy: Never`` is on the node only if the stable app of revision 1 runs it."""
    unpulled = CANARY_DEPLOYMENT.replace("          image:", "          imagePullPolicy: Never\n          image:")

    assert canary_of(STABLE + CANARY_DEPLOYMENT).unpulled == ()
    assert canary_of(STABLE + unpulled).unpulled == (CANARY_IMAGE,)
    assert canary_of(STABLE + unpulled.replace(CANARY_IMAGE, "uonyeka/upcommerce:v3")).unpulled == ()


def test_workloads_are_named_first_where_a_canary_is_missing() -> None:
    """The reason for a missing canary names workloads before other objects, because they are likelier to be meant."""
    stateful = CANARY_DEPLOYMENT.replace("kind: Deployment", "kind: StatefulSet")

    decision = refusal_of(CANARY_SERVICE + STABLE + stateful)

    assert [part.object for part in decision.cause.parts] == [
        "StatefulSet/upcommerce-canary-app",
        "Service/upcommerce-canary-service",
    ]
