"""Foresees which charts may have to be watched for long, so that a class does not end with waiting for the last; pure.

It decides who goes first, and nothing else: a chart that is taken for the wrong kind costs time.
"""

from __future__ import annotations

from collections.abc import Collection

from canaryproof.model.evidence import Rendering
from canaryproof.model.objects import Manifest, added, mapping_at, maps_at

OF_A_POD = frozenset({"containers", "imagePullSecrets", "restartPolicy", "securityContext", "serviceAccountName"})
OF_A_CONTAINER = frozenset({"env", "image", "imagePullPolicy", "name", "ports", "resources", "securityContext"})
"""What most canaries of the assignment have: probes, volumes, init containers and other commands may take time."""


def may_take_long(chart: Rendering, baseline: Rendering) -> bool:
    """Report whether something of *chart* may end late or never: a hook, or a pod unlike one that just crashes."""
    images = {container.image for each in baseline.manifests for container in each.containers}
    new = set(added(baseline.manifests, chart.manifests))
    return any(each.is_hook or (each.key in new and _is_unusual(each, images)) for each in chart.manifests)


def _is_unusual(workload: Manifest, images: Collection[str]) -> bool:
    pod = mapping_at(workload.pod_template, "spec")
    containers = maps_at(pod, "containers")
    return (
        not OF_A_POD.issuperset(pod)
        or any(not OF_A_CONTAINER.issuperset(each) for each in containers)
        or any("valueFrom" in variable for each in containers for variable in maps_at(each, "env"))
        or any(container.image in images for container in workload.containers)
    )
