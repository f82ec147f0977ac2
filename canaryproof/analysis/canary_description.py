"""Describes the canary as it is rendered: its pods, its images, and the Services that select it.  Pure module."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import cast

from canaryproof.analysis.stable_state import untouched_pods
from canaryproof.model.evidence import Canary, ServiceRoute
from canaryproof.model.objects import (
    POD_PARENTS,
    Manifest,
    ObjectKey,
    WorkloadKind,
    is_number,
    picks,
    service_ports,
    text_at,
    value_at,
)


def describe_canary(
    workload: Manifest, chart: tuple[Manifest, ...], baseline: Iterable[Manifest], *, in_place: bool
) -> Canary:
    """Describe *workload* as the canary. *chart* has the objects of its revision, *baseline* those of stable."""
    pulled = {container.image for each in baseline for container in each.containers}
    never = (container.image for container in workload.containers if container.never_pulled)
    return Canary(
        name=workload.name,
        source=workload.source,
        replicas=requested_replicas(workload, chart) - (untouched_pods(workload) if in_place else 0),
        ports=tuple(port.number for container in workload.containers if not container.init for port in container.ports),
        images=tuple(container.image for container in workload.containers),
        services=tuple(_routes(workload, chart)),
        unpulled=tuple(image for image in never if image not in pulled),
        kind=cast("WorkloadKind", workload.kind),
        in_place=in_place,
    )


def requested_replicas(workload: Manifest, chart: Iterable[Manifest]) -> int:
    """Return the number of pods that a rendered workload asks for. It is 1 for a DaemonSet, which has one per node.

    A workload that leaves the number to an autoscaler starts with 1 pod, and has the autoscaler's minimum then.
    """
    if workload.kind == "DaemonSet":
        return 1
    if value_at(workload.body, "spec", "replicas") is not None:
        return workload.replicas
    return max((least_replicas(each) for each in chart if scales(each, workload.key)), default=1)


def scales(manifest: Manifest, workload: ObjectKey) -> bool:
    """Report whether *manifest* is an autoscaler of *workload* (HorizontalPodAutoscaler API)."""
    target = (text_at(manifest.body, "spec", "scaleTargetRef", part) for part in ("kind", "name"))
    return manifest.kind == "HorizontalPodAutoscaler" and tuple(target) == (workload.kind, workload.name)


def least_replicas(autoscaler: Manifest) -> int:
    """Return the minimum of an autoscaler. The default is 1 (HorizontalPodAutoscaler API)."""
    least = value_at(autoscaler.body, "spec", "minReplicas")
    return int(least) if is_number(least) else 1


def _routes(canary: Manifest, chart: tuple[Manifest, ...]) -> Iterator[ServiceRoute]:
    """Yield the Services that select the canary's pods, including those of stable."""
    for service in chart:
        if service.kind == "Service" and picks(service.selector, canary.pod_labels):
            yield ServiceRoute(
                name=service.name,
                source=service.source,
                ports=service_ports(service, canary.containers),
                also_selects=tuple(
                    str(other.key)
                    for other in chart
                    if other is not canary and other.kind in POD_PARENTS and picks(service.selector, other.pod_labels)
                ),
            )
