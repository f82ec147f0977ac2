"""Lets many pods share a small node: a rule of the cluster lowers what pods request, Deployments stay as written.

A container without requests requests its limits (Kubernetes, "Resource Management for Pods and Containers"), so two
pods of the course's chart would fill a node of two cores: the second would stay Pending through no fault of its author.
A pod that asks for more than a whole node is left alone: it must stay unschedulable, as it would be anywhere.
"""

from __future__ import annotations

from canaryproof.cluster.admission import rule
from canaryproof.model.objects import Body

NAME = "canaryproof-share-node"

LOWERED = {"cpu": "10m", "memory": "8Mi"}


def policy(cores: float, memory: int, *, label: str = "") -> Body:
    """Return the MutatingAdmissionPolicy for nodes of *cores* and *memory* (bytes).

    It holds in all namespaces, or in those that have the *label*.
    """
    return rule(
        NAME,
        "pods",
        when={
            "a-node-could-hold-its-cpu": f"{_total('cpu')} <= {float(cores)}",
            "a-node-could-hold-its-memory": f"{_total('memory')} <= {float(memory)}",
        },
        mutations=[
            {"patchType": "JSONPatch", "jsonPatch": {"expression": _patches(field, resource, lowered)}}
            for field in ("containers", "initContainers")
            for resource, lowered in LOWERED.items()
        ],
        namespaces={"matchExpressions": [{"key": label, "operator": "Exists"}]} if label else None,
    )


def _requests(resource: str) -> str:
    """Return the CEL condition that container ``c`` requests *resource*."""
    return f"has(c.resources) && has(c.resources.requests) && '{resource}' in c.resources.requests"


def _total(resource: str) -> str:
    """Return the CEL expression of what the pod's containers request together, as a number."""
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
