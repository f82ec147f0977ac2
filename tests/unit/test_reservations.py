"""A reservation belongs to one experiment at a time, and a waiting experiment knows what it waits for."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from canaryproof.errors import WaitError
from canaryproof.experiment.reservations import PortTakenError, Reservations, taken_by_chance
from canaryproof.kube.client import KubeClient
from canaryproof.model.objects import Body, Manifest
from canaryproof.timeouts import TimeLimits
from tests.unit.fake_api import FakeApi

ALLOCATED = 'Service "a" is invalid: spec.ports[0].nodePort: Invalid value: 30503: provided port is already allocated'


@pytest.fixture
def api(tmp_path: Path) -> Iterator[FakeApi]:
    """Serve a fake API without objects."""
    with FakeApi().serve(tmp_path) as api:
        yield api


@pytest.fixture
def reservations(api: FakeApi) -> Iterator[Reservations]:
    """Reservations with a short time limit."""
    time_limits = TimeLimits(look_again=0.01, turn=0.1, gone=0.1)
    client = KubeClient(api.kubeconfig, "lab", time_limits)
    yield Reservations(client, time_limits, lambda: None)
    client.close()


def service(name: str, *ports: int, namespace: str = "") -> Body:
    """Return a Service with these node ports, assigned or requested."""
    listed = [{"port": number, "nodePort": port} for number, port in enumerate(ports, 1)]
    return {"kind": "Service", "metadata": {"name": name, "namespace": namespace}, "spec": {"ports": listed}}


def chart(*services: Body) -> tuple[Manifest, ...]:
    """Return the rendering of a submission."""
    return tuple(map(Manifest, services))


def test_a_port_is_had_by_one_at_a_time(reservations: Reservations) -> None:
    """A chart waits for a node port that another has reserved. A chart with another port, or none, does not wait."""
    with reservations.ports(chart(service("a", 30503, 30504))):
        with reservations.ports(chart(service("b", 30505), service("c"))):
            pass
        with (
            pytest.raises(WaitError, match=r"turn at port 30504 of the nodes within .*another submission that has it"),
            reservations.ports(chart(service("d", 30502, 30504))),
        ):
            pytest.fail("two have it")
    with reservations.ports(chart(service("e", 30502, 30504))):
        pass


def test_nobody_waits_for_ever(reservations: Reservations) -> None:
    """All experiments get their turn when several want several reservations in different orders."""
    done = []

    def go(*ports: int) -> None:
        with reservations.ports(chart(service("a", *ports))):
            done.append(ports)

    threads = [threading.Thread(target=go, args=ports) for ports in ((30001, 30002), (30002, 30001))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert len(done) == 2


def test_a_port_is_waited_for_until_the_cluster_has_it_back(reservations: Reservations, api: FakeApi) -> None:
    """An experiment waits for a port that a Service in any namespace still holds, even one in deletion."""
    api.answers["GET", "/api/v1/services"] = (200, {"metadata": {}, "items": [service("b", 30503, namespace="sre-2")]})
    asking = chart(service("a", 30503))

    with pytest.raises(WaitError, match=r"free port 30503 of the nodes.*Service sre-2/b has it"):
        reservations.await_ports(asking, "sre-1")
    api.answers["GET", "/api/v1/services"] = (200, {"metadata": {}, "items": [service("b", 30504, namespace="sre-2")]})
    reservations.await_ports(asking, "sre-1")


def test_a_port_that_the_course_got_by_chance_is_told_apart(reservations: Reservations, api: FakeApi) -> None:
    """An experiment reports a port that the cluster has assigned to its own stable Service by chance."""
    items = [service("upcommerce-service", 30503, namespace="sre-1")]
    api.answers["GET", "/api/v1/services"] = (200, {"metadata": {}, "items": items})

    with pytest.raises(PortTakenError):
        reservations.await_ports(chart(service("canary", 30503), service("upcommerce-service")), "sre-1")
    reservations.await_ports(chart(service("upcommerce-service", 30503)), "sre-1")


def test_a_chart_without_ports_asks_nobody(reservations: Reservations, api: FakeApi) -> None:
    """An experiment without node ports makes no request."""
    reservations.await_ports(chart(service("a"), service("b", 0)), "sre-1")

    assert api.asked == []


def test_a_chart_that_asks_twice_is_at_fault_itself() -> None:
    """A chart that uses a node port in two Services is at fault itself."""
    assert taken_by_chance(ALLOCATED, chart(service("a", 30503)))
    assert not taken_by_chance(ALLOCATED, chart(service("a", 30503), service("b", 30503)))
    assert not taken_by_chance(ALLOCATED, chart(service("a")))
    assert not taken_by_chance("", chart(service("a", 30503)))
