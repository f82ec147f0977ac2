"""Decides whether the stable app is ready, and whether it is as it was before the upgrade.  This module is pure."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from canaryproof.model.causes import Cause
from canaryproof.model.objects import (
    WORKLOADS,
    Manifest,
    ObjectKey,
    integer_at,
    mapping_at,
    maps_at,
    service_ports,
    value_at,
)
from canaryproof.model.timeline import Timeline

SERVICE_NAME = "kubernetes.io/service-name"
"""The label of an EndpointSlice that names its Service."""
UPDATED, AVAILABLE = "updatedReplicas", "availableReplicas"
COUNTS: Mapping[str, tuple[str, ...]] = {
    "Deployment": ("replicas", UPDATED, AVAILABLE),
    "StatefulSet": ("replicas", UPDATED, AVAILABLE),
    "DaemonSet": ("currentNumberScheduled", "updatedNumberScheduled", "numberAvailable"),
}
"""The counts in a workload's status that must equal the requested number of pods: all, updated and available pods."""
ASSIGNED = re.compile(
    r"clusterIPs?\b|nodePort$|healthCheckNodePort$|annotations\.deployment\.kubernetes\.io/revision"
    r"|annotations\.deprecated\.daemonset\.template\.generation"
)
"""Paths of the values that the cluster assigns anew when an object is made or rolled out again."""


@dataclass(frozen=True)
class Stable:
    """The part of the stable chart that must keep running."""

    workloads: tuple[ObjectKey, ...]
    services: tuple[tuple[str, int], ...]
    """Names and first ports."""


def stable_of(baseline: Iterable[Manifest]) -> Stable:
    """Return the workloads and Services of the stable chart. Hooks run before or after it, and are no part of it."""
    manifests = tuple(each for each in baseline if not each.is_hook)
    services = (each for each in manifests if each.kind == "Service" and each.selector)
    return Stable(
        workloads=tuple(each.key.local for each in manifests if each.kind in WORKLOADS),
        services=tuple((each.name, port) for each in services for port, _ in service_ports(each, ())[:1]),
    )


def unready(timeline: Timeline, stable: Stable, generations: Mapping[ObjectKey, int]) -> Cause | None:
    """Return why *stable* is not ready at the end of *timeline*, or None if it is ready.

    A workload's status counts only once its controller has seen the spec (``observedGeneration``), and only from the
    generation in *generations* on: a status from before the latest Helm operation does not count.
    """
    objects = timeline.objects
    for key in stable.workloads:
        if cause := _unready_workload(key, objects.get(key), generations.get(key, 0)):
            return cause
    for name, _ in stable.services:
        if not any(_leads_to_ready(each, name) for key, each in objects.items() if key.kind == "EndpointSlice"):
            return Cause(code="service-without-endpoints", object=str(ObjectKey("Service", name)))
    return None


def _unready_workload(key: ObjectKey, workload: Manifest | None, generation: int) -> Cause | None:
    if workload is None:
        return Cause(code="deployment-missing", object=str(key))
    if not is_observed(workload, generation):
        return Cause(code="deployment-not-observed", object=str(key))
    wanted, counts = requested_pods(workload), pod_counts(workload)
    total, updated, available = counts
    if total == available == wanted and updated >= wanted - untouched_pods(workload):
        return None
    return Cause(code="deployment-not-available", object=str(key), count=wanted, replicas=counts)


def is_observed(workload: Manifest, generation: int = 0) -> bool:
    """Report whether the status of a live workload is about its spec, and about *generation* or a later one."""
    generation = max(generation, integer_at(workload.body, "metadata", "generation"))
    return integer_at(workload.body, "status", "observedGeneration") >= generation


def requested_pods(workload: Manifest) -> int:
    """Return the number of pods that a live workload asks for. Its controller counts the nodes for a DaemonSet."""
    if workload.kind == "DaemonSet":
        return integer_at(workload.body, "status", "desiredNumberScheduled")
    return workload.replicas


def pod_counts(workload: Manifest) -> tuple[int, int, int]:
    """Return the numbers of pods in the status of a live workload: all, updated and available pods."""
    total, updated, available = (integer_at(workload.body, "status", name) for name in COUNTS[workload.kind])
    return total, updated, available


def untouched_pods(workload: Manifest) -> int:
    """Return the number of pods that a workload leaves as they are when its pod template changes.

    These are all of them with the update strategy ``OnDelete``, and the pods below the ``partition`` of a StatefulSet.
    """
    strategy = mapping_at(workload.body, "spec", "updateStrategy")
    if strategy.get("type") == "OnDelete":
        return requested_pods(workload)
    if workload.kind != "StatefulSet":
        return 0
    return min(integer_at(strategy, "rollingUpdate", "partition"), workload.replicas)


def _leads_to_ready(endpoints: Manifest, service: str) -> bool:
    if endpoints.labels.get(SERVICE_NAME) != service:
        return False
    return any(value_at(each, "conditions", "ready") is not False for each in maps_at(endpoints.body, "endpoints"))


def difference(timeline: Timeline, baseline: Iterable[Manifest], upgraded_at: float) -> Cause | None:
    """Return the first difference of the stable chart's objects from their state before the upgrade, or None.

    Spec, labels and annotations count, but not the values that the cluster assigns, nor a number of replicas that the
    chart leaves to an autoscaler. A value that is as *baseline* has it is no difference: a policy of the cluster
    changed it before.
    """
    before, after = timeline.until(upgraded_at).objects, timeline.objects
    for manifest in baseline:
        key = manifest.key.local
        if key in before and key in after:
            was, now, own = (dict(_values(each)) for each in (before[key], after[key], manifest))
            scaled = {"spec.replicas"} if value_at(manifest.body, "spec", "replicas") is None else set()
            paths = (was.keys() | now.keys()) - scaled
            if fields := sorted(path for path in paths if now.get(path) not in {was.get(path), own.get(path)}):
                found, expected = (values.get(fields[0], "") for values in (now, was))
                return Cause(code="field-differs", object=str(key), field=fields[0], found=found, expected=expected)
    return None


def _values(manifest: Manifest) -> Iterator[tuple[str, str]]:
    """Yield the values of an object by their paths, without those that the cluster assigns."""
    parts = {"labels": manifest.labels, "annotations": manifest.annotations, "spec": manifest.body.get("spec")}
    return (each for each in leaves(parts) if not ASSIGNED.search(each[0]))


def leaves(value: object, path: str = "") -> Iterator[tuple[str, str]]:
    """Yield the paths and values of the scalars in *value*, which lies at *path*."""
    if isinstance(value, dict):
        for key, each in value.items():
            yield from leaves(each, f"{path}.{key}" if path else str(key))
    elif isinstance(value, list):
        for number, each in enumerate(value):
            yield from leaves(each, f"{path}[{number}]")
    elif value is not None:
        yield path, repr(value)
