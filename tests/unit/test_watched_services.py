"""The Services that must keep answering are those that lead to stable workloads, or those that the scenario names."""

from __future__ import annotations

from typing import Any

import pytest

from canaryproof.analysis.availability import outage_limit
from canaryproof.analysis.watched_services import WatchedService, watched_services
from canaryproof.errors import ScenarioError
from canaryproof.model.objects import Manifest
from canaryproof.scenario.terms import Availability
from canaryproof.timeouts import TimeLimits

LABELS = {"app": "shop"}


def service(name: str, *ports: dict[str, Any], selector: dict[str, str] | None = None, **spec: Any) -> Manifest:
    """Return a Service, which selects the shop unless told otherwise."""
    body = {"ports": list(ports), "selector": LABELS if selector is None else selector, **spec}
    return Manifest({"apiVersion": "v1", "kind": "Service", "metadata": {"name": name}, "spec": body})


def workload(kind: str = "Deployment", **spec: Any) -> Manifest:
    """Return a workload whose pods are the shop."""
    template = {"metadata": {"labels": LABELS}}
    return Manifest({"kind": kind, "metadata": {"name": "shop"}, "spec": {"template": template, **spec}})


WEB, METRICS = {"name": "web", "port": 80}, {"name": "metrics", "port": 9090}
SHOP = service("shop", WEB, METRICS)


@pytest.mark.parametrize("kind", ["Deployment", "StatefulSet", "DaemonSet"])
def test_services_of_stable_workloads_are_watched_at_their_first_port(kind: str) -> None:
    """Every Service with a TCP port that selects pods of a workload is watched, a headless one too."""
    headless = service("headless", {"port": 53, "protocol": "UDP"}, {"port": 8080}, clusterIP="None")

    found = watched_services([SHOP, headless, workload(kind)])

    assert found == (WatchedService("shop", 80, label="shop"), WatchedService("headless", 8080, label="headless"))


@pytest.mark.parametrize(
    "manifests",
    [
        [service("shop", WEB, selector={"app": "other"}), workload()],
        [service("shop", WEB, selector={}), workload()],
        [service("shop", {"port": 53, "protocol": "UDP"}), workload()],
        [service("shop", WEB, type="ExternalName"), workload()],
        [SHOP, workload(replicas=0)],
        [SHOP, workload("Job")],
    ],
    ids=["other", "no-selector", "udp", "external", "no-replicas", "job"],
)
def test_services_that_lead_to_nothing_lasting_are_not_watched(manifests: list[Manifest]) -> None:
    """A Service that leads to no pods, to pods that end, or over UDP only, does not have to answer."""
    assert watched_services(manifests) == ()


@pytest.mark.parametrize(("port", "number"), [(None, 80), (9090, 9090), ("metrics", 9090)])
def test_a_named_service_is_watched_at_its_named_port(port: int | str | None, number: int) -> None:
    """The scenario chooses the Service, its port by number or name, and the path."""
    named = [Availability("shop", port, "/healthz")]

    found = watched_services([SHOP, service("other", WEB)], named)

    assert found == (WatchedService("shop", number, "/healthz", "shop"),)


def test_a_service_that_is_watched_in_several_ways_has_a_label_for_each() -> None:
    """Each way has requests and limits of its own."""
    named = [
        Availability("shop", "metrics", "/healthz", max_outage=5),
        Availability("shop", max_outage=1),
        Availability("a", max_outage=3),
    ]
    found = watched_services([SHOP, service("a", WEB)], named)
    labels = [each.label for each in found]

    assert labels == ["shop:metrics/healthz", "shop:first port", "a"]
    assert [outage_limit(each, named, TimeLimits()) for each in labels] == [5, 1, 3]


@pytest.mark.parametrize(
    ("named", "error"),
    [
        (Availability("shpo"), "no such Service; its Services are: shop"),
        (Availability("shop", "http"), r"port http of Service shop; its TCP ports are: 80 \(web\), 9090 \(metrics\)"),
        (Availability("shop", 81), "port 81 of Service shop"),
    ],
)
def test_a_service_that_is_not_there_is_a_fault_of_the_scenario(named: Availability, error: str) -> None:
    """The error lists the Services and ports that exist."""
    with pytest.raises(ScenarioError, match=error):
        watched_services([SHOP, workload()], [named])
