"""Chooses the Services of the stable revision that must keep answering.  This module is pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from canaryproof.errors import ScenarioError
from canaryproof.model.objects import POD_PARENTS, Body, Manifest, is_number, maps_at, picks
from canaryproof.scenario.terms import Availability

SHORT_LIVED = frozenset({"Job", "CronJob"})
"""Kinds whose pods end by themselves. A Service that selects no others does not have to answer."""


@dataclass(frozen=True)
class WatchedService:
    """A Service that gets requests during the whole experiment."""

    name: str
    port: int
    """The number of the Service's port."""
    path: str | None = None
    """The path of the HTTP request whose response must be successful, or None if any answer counts."""
    label: str = ""
    """The name in reports: the name of the Service, with the port and the path if it is watched in several ways."""


def watched_services(stable: Iterable[Manifest], named: Sequence[Availability] = ()) -> tuple[WatchedService, ...]:
    """Return the Services among the objects of the *stable* revision that the scenario has *named*.

    Without any, return those that select pods of its workloads, each with its first TCP port.

    Raises ScenarioError when the stable revision has no such Service, or the Service has no such port.
    """
    manifests = tuple(each for each in stable if not each.is_hook)
    services = {each.name: each for each in manifests if each.kind == "Service"}
    if named:
        return tuple(_named(each, services, each.label(named)) for each in named)
    return tuple(_leading_to_workloads(services.values(), manifests))


def _leading_to_workloads(services: Iterable[Manifest], manifests: Sequence[Manifest]) -> Iterator[WatchedService]:
    kinds = POD_PARENTS.keys() - SHORT_LIVED
    workloads = [each for each in manifests if each.kind in kinds and each.replicas]
    for service in services:
        ports = _ports(service)
        if ports and any(picks(service.selector, each.pod_labels) for each in workloads):
            yield WatchedService(service.name, ports[0][1], label=service.name)


def _named(term: Availability, services: dict[str, Manifest], label: str) -> WatchedService:
    service = services.get(term.service)
    if service is None:
        known = ", ".join(services) or "none"
        raise ScenarioError(
            f"availability names the Service {term.service}, and the stable revision has no such Service;"
            f" its Services are: {known}"
        )
    ports = _ports(service)
    found = [number for name, number in ports if term.port in {None, number, name}]
    if not found:
        known = ", ".join(f"{number} ({name})" if name else str(number) for name, number in ports) or "none"
        raise ScenarioError(
            f"availability names port {term.port or 'of TCP'} of Service {term.service}; its TCP ports are: {known}"
        )
    return WatchedService(term.service, found[0], term.path, label)


def _ports(service: Manifest) -> tuple[tuple[str, int], ...]:
    """Return the names and numbers of the TCP ports of a Service."""
    bodies = (each for each in maps_at(service.body, "spec", "ports") if _is_tcp(each))
    return tuple((str(each.get("name") or ""), int(each["port"])) for each in bodies)


def _is_tcp(port: Body) -> bool:
    return port.get("protocol", "TCP") == "TCP" and is_number(port.get("port"))
