"""Decides whether the stable app is ready, and whether it is as it was before the upgrade.  This module is pure."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from canaryproof.model.causes import Cause
from canaryproof.model.objects import Manifest, ObjectKey, integer_at, maps_at, service_ports, value_at
from canaryproof.model.timeline import Timeline

SERVICE_NAME = "kubernetes.io/service-name"
"""The label of an EndpointSlice that names its Service."""
COUNTS = ("replicas", "updatedReplicas", "availableReplicas")
"""The counts in a Deployment's status that must equal its requested replicas."""
ASSIGNED = re.compile(r"clusterIPs?\b|nodePort$|healthCheckNodePort$|annotations\.deployment\.kubernetes\.io/revision")
"""Paths of the values that the cluster assigns anew when an object is made or rolled out again."""


@dataclass(frozen=True)
class Stable:
    """The part of the course's chart that must keep running."""

    deployments: tuple[str, ...]
    services: tuple[tuple[str, int], ...]
    """Names and first ports."""


def stable_of(baseline: Iterable[Manifest]) -> Stable:
    """Return the Deployments and Services of the course's chart."""
    manifests = tuple(baseline)
    services = (manifest for manifest in manifests if manifest.kind == "Service")
    return Stable(
        deployments=tuple(manifest.name for manifest in manifests if manifest.kind == "Deployment"),
        services=tuple((each.name, port) for each in services for port, _ in service_ports(each, ())[:1]),
    )


def unready(timeline: Timeline, stable: Stable, generations: Mapping[str, int]) -> Cause | None:
    """Return why *stable* is not ready at the end of *timeline*, or None if it is ready.

    A Deployment's status counts only once its controller has seen the spec (``observedGeneration``), and only from the
    generation in *generations* on: what was seen before the latest Helm operation says nothing about it.
    """
    objects = timeline.objects
    for name in stable.deployments:
        key = ObjectKey("Deployment", name)
        if cause := _unready_deployment(key, objects.get(key), generations.get(name, 0)):
            return cause
    for name, _ in stable.services:
        if not any(_leads_to_ready(each, name) for key, each in objects.items() if key.kind == "EndpointSlice"):
            return Cause(code="service-without-endpoints", object=str(ObjectKey("Service", name)))
    return None


def _unready_deployment(key: ObjectKey, deployment: Manifest | None, generation: int) -> Cause | None:
    if deployment is None:
        return Cause(code="deployment-missing", object=str(key))
    body = deployment.body
    generation = max(generation, integer_at(body, "metadata", "generation"))
    if integer_at(body, "status", "observedGeneration") < generation:
        return Cause(code="deployment-not-observed", object=str(key))
    counts = tuple(integer_at(body, "status", name) for name in COUNTS)
    if set(counts) == {deployment.replicas}:
        return None
    return Cause(code="deployment-not-available", object=str(key), count=deployment.replicas, replicas=counts)


def _leads_to_ready(endpoints: Manifest, service: str) -> bool:
    if endpoints.labels.get(SERVICE_NAME) != service:
        return False
    return any(value_at(each, "conditions", "ready") is not False for each in maps_at(endpoints.body, "endpoints"))


def difference(timeline: Timeline, baseline: Iterable[Manifest], upgraded_at: float) -> Cause | None:
    """Return the first difference of the course's objects from their state before the upgrade, or None.

    Spec, labels and annotations count, but not the values that the cluster assigns.
    """
    before, after = timeline.until(upgraded_at).objects, timeline.objects
    for manifest in baseline:
        key = manifest.key.local
        if key in before and key in after:
            was, now = dict(_values(before[key])), dict(_values(after[key]))
            if fields := sorted(path for path in was.keys() | now.keys() if was.get(path) != now.get(path)):
                found, expected = (values.get(fields[0], "") for values in (now, was))
                return Cause(code="field-differs", object=str(key), field=fields[0], found=found, expected=expected)
    return None


def _values(manifest: Manifest) -> Iterator[tuple[str, str]]:
    """Yield the values of an object by their paths, without those that the cluster assigns."""
    parts = {"labels": manifest.labels, "annotations": manifest.annotations, "spec": manifest.body.get("spec")}
    return (each for each in _leaves(parts, "") if not ASSIGNED.search(each[0]))


def _leaves(value: object, path: str) -> Iterator[tuple[str, str]]:
    if isinstance(value, dict):
        for key, each in value.items():
            yield from _leaves(each, f"{path}.{key}" if path else str(key))
    elif isinstance(value, list):
        for number, each in enumerate(value):
            yield from _leaves(each, f"{path}[{number}]")
    elif value is not None:
        yield path, repr(value)
