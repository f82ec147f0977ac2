"""What must hold before and after: whether stable is ready, and what is left of an upgrade; pure."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace

from canaryproof.model.evidence import Holder, Leftover
from canaryproof.model.objects import HOOK, Body, Manifest, ObjectKey, service_ports
from canaryproof.model.timeline import Timeline

KEEP = "helm.sh/resource-policy"
SERVICE_NAME = "kubernetes.io/service-name"

ASSIGNED = re.compile(r"clusterIPs?\b|nodePort$|healthCheckNodePort$|annotations\.deployment\.kubernetes\.io/revision")
"""Paths of what the cluster gives an object anew when it is made or rolled out again."""

Live = Mapping[ObjectKey, Body]
"""The objects of one namespace at one moment; their keys do not repeat the namespace."""


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


def key_in(namespace: str, manifest: Manifest) -> ObjectKey:
    """Return the key of an object as seen from *namespace*: its own is empty where it lies there, or says nothing."""
    return replace(manifest.key, namespace="") if manifest.namespace == namespace else manifest.key


def live(timeline: Timeline) -> dict[ObjectKey, Body]:
    """Return the objects that are there at the end of *timeline*."""
    objects: dict[ObjectKey, Body] = {}
    for observation in timeline.observations:
        body = observation.object.body
        key = ObjectKey(body["kind"], body["metadata"]["name"])
        if observation.change == "DELETED":
            objects.pop(key, None)
        else:
            objects[key] = body
    return objects


def unready(objects: Live, stable: Stable, generations: Mapping[str, int]) -> str:
    """Return why *stable* is not ready; empty when it is.

    A Deployment's status counts only once its controller has seen the spec (``observedGeneration``), and only from the
    generation in *generations* on: what was seen before the latest Helm operation says nothing about it.
    """
    for name in stable.deployments:
        if reason := _unready_deployment(objects.get(ObjectKey("Deployment", name)), generations.get(name, 0)):
            return f"Deployment/{name} {reason}"
    for name, _ in stable.services:
        if not any(_leads_to_ready(body, name) for body in objects.values() if body["kind"] == "EndpointSlice"):
            return f"Service/{name} has no ready endpoint"
    return ""


def _unready_deployment(body: Body | None, generation: int) -> str:
    if body is None:
        return "does not exist"
    status = body.get("status", {})
    wanted = body["spec"].get("replicas", 1)
    if status.get("observedGeneration", 0) < max(generation, body["metadata"].get("generation", 0)):
        return "was not looked at by its controller yet"
    counts = {name: status.get(name, 0) for name in ("replicas", "updatedReplicas", "availableReplicas")}
    if set(counts.values()) == {wanted}:
        return ""
    return f"wants {wanted} pods and has " + ", ".join(
        f"{count} {name.removesuffix('Replicas').replace('replicas', 'in all')}" for name, count in counts.items()
    )


def _leads_to_ready(slice_: Body, service: str) -> bool:
    if slice_["metadata"].get("labels", {}).get(SERVICE_NAME) != service:
        return False
    return any(endpoint.get("conditions", {}).get("ready", True) for endpoint in slice_.get("endpoints") or ())


def changed(timeline: Timeline, baseline: Iterable[Manifest], upgraded_at: float) -> str:
    """Return what of the course's objects is not again as it was before the upgrade; empty where all of it is.

    Spec, labels and annotations count, but not what the cluster assigns by itself.
    """
    before, after = live(timeline.until(upgraded_at)), live(timeline)
    for manifest in baseline:
        key = ObjectKey(manifest.kind, manifest.name)
        if key in before and key in after:
            was, now = (_as_written(objects[key]) for objects in (before, after))
            if paths := sorted(path for path in was.keys() | now.keys() if was.get(path) != now.get(path)):
                path = paths[0]
                return f"{key} differs in {path}: {now.get(path, 'nothing')} instead of {was.get(path, 'nothing')}"
    return ""


def _as_written(body: Body) -> dict[str, str]:
    """Return the values of an object by their paths, without what the cluster assigns."""
    metadata = body["metadata"]
    parts = {"labels": metadata.get("labels"), "annotations": metadata.get("annotations"), "spec": body.get("spec")}
    return {path: value for path, value in _leaves(parts, "") if not ASSIGNED.search(path)}


def _leaves(value: object, path: str) -> Iterator[tuple[str, str]]:
    if isinstance(value, dict):
        for key, each in value.items():
            yield from _leaves(each, f"{path}.{key}" if path else str(key))
    elif isinstance(value, list):
        for number, each in enumerate(value):
            yield from _leaves(each, f"{path}[{number}]")
    elif value is not None:
        yield path, repr(value)


def descendants(timeline: Timeline, roots: Iterable[ObjectKey]) -> frozenset[ObjectKey]:
    """Return *roots* and all that was ever seen to be owned by them, through any number of owners."""
    owners: dict[ObjectKey, set[ObjectKey]] = {}
    for observation in timeline.observations:
        body = observation.object.body
        for owner in body["metadata"].get("ownerReferences", ()):
            owned = owners.setdefault(ObjectKey(owner["kind"], owner["name"]), set())
            owned.add(ObjectKey(body["kind"], body["metadata"]["name"]))
    family: set[ObjectKey] = set()
    found = set(roots)
    while found:
        family |= found
        found = {child for parent in found for child in owners.get(parent, ())} - family
    return frozenset(family)


def last_deletion(timeline: Timeline, family: frozenset[ObjectKey]) -> float:
    """Return when the last object of *family* was deleted; 0 when none was."""
    return max(
        (
            observation.at
            for observation in timeline.observations
            if observation.change == "DELETED"
            and ObjectKey(observation.object.body["kind"], observation.object.body["metadata"]["name"]) in family
        ),
        default=0.0,
    )


def is_going(body: Body) -> bool:
    """Report whether an object is being deleted, by anyone."""
    return "deletionTimestamp" in body["metadata"]


def leftover(key: ObjectKey, body: Body, left: frozenset[ObjectKey]) -> Leftover:
    """Say what holds an object that outlived the rollback; *left* is all that did."""
    metadata = body["metadata"]
    annotations = metadata.get("annotations", {})
    owners = [ObjectKey(owner["kind"], owner["name"]) for owner in metadata.get("ownerReferences", ())]
    holder: Holder | None
    if alive := [owner for owner in owners if owner in left]:  # first: a ReplicaSet copies its owner's annotations
        holder = Holder("owner", str(alive[0]))
    elif policy := annotations.get(KEEP):
        holder = Holder("resource-policy", str(policy))
    elif hook := annotations.get(HOOK):
        holder = Holder("hook", str(hook))
    elif finalizers := metadata.get("finalizers"):
        holder = Holder("finalizers", ", ".join(finalizers))
    else:
        holder = Holder("deletion") if is_going(body) else None
    return Leftover(key, holder)
