"""Lets many pods share a small node: a MutatingAdmissionPolicy lowers the requests of pods. Deployments do not change.

If a container specifies a limit but no request, the limit becomes its request (Kubernetes, "Resource Management for
Pods and Containers"). So two pods with a limit of one core each would fill a node of two cores. The second pod would
stay Pending through no fault of its author.

The policy does not change a pod that requests more than a whole node. Such a pod is unschedulable in any cluster, and
must be so here. A request for local storage counts in the same way: the embedded cluster has its files in memory, where
its node reports less of it than any node with a disk.
"""

from __future__ import annotations

from canaryproof.cluster.admission import rule
from canaryproof.model.objects import Body

NAME = "canaryproof-share-node"

LOWERED = {"cpu": "10m", "memory": "8Mi", "ephemeral-storage": "0"}
USUAL_DISK = 100 * 2**30
"""The local storage, in bytes, that a node can be expected to have."""


def policy(cores: float, memory: int, *, disk: int = USUAL_DISK, label: str = "") -> Body:
    """Return the MutatingAdmissionPolicy for nodes with *cores*, *memory* and *disk* (bytes).

    The policy applies in namespaces with the label *label*, or in all namespaces if *label* is empty.
    """
    return rule(
        NAME,
        "pods",
        when={
            "a-node-could-hold-its-cpu": f"{_total('cpu')} <= {float(cores)}",
            "a-node-could-hold-its-memory": f"{_total('memory')} <= {float(memory)}",
            "a-node-could-hold-its-files": f"{_total('ephemeral-storage')} <= {float(disk)}",
        },
        mutations=[
            {"patchType": "JSONPatch", "jsonPatch": {"expression": _patches(field, resource, lowered)}}
            for field in ("containers", "initContainers")
            for resource, lowered in LOWERED.items()
        ],
        namespaces={"matchExpressions": [{"key": label, "operator": "Exists"}]} if label else None,
    )


def _requests(resource: str) -> str:
    """Return a CEL expression that is true if container ``c`` requests *resource*."""
    return f"has(c.resources) && has(c.resources.requests) && '{resource}' in c.resources.requests"


def _total(resource: str) -> str:
    """Return a CEL expression for the sum of *resource* that the pod's containers request, as a number."""
    quantity = f"quantity(c.resources.requests['{resource}']).asApproximateFloat()"
    return f"object.spec.containers.map(c, {_requests(resource)} ? {quantity} : 0.0).sum()"


def _patches(field: str, resource: str, lowered: str) -> str:
    containers = f"(has(object.spec.{field}) ? object.spec.{field} : [])"
    index = f"string(object.spec.{field}.map(other, other.name).indexOf(c.name))"
    above = f"quantity(c.resources.requests['{resource}']).isGreaterThan(quantity('{lowered}'))"
    patch = (
        f'JSONPatch{{op: "replace", path: "/spec/{field}/" + {index} + "/resources/requests/{resource}",'
        f' value: "{lowered}"}}'
    )
    return f"{containers}.filter(c, {_requests(resource)} && {above}).map(c, {patch})"
