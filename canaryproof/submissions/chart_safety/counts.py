"""Limits the number and size of the objects and resources that a submission requests.  This module is pure.

A number counts as the highest value that the cluster could read in it. A value that the API server refuses may count as
0, but never as a negative number, so that one object cannot compensate for another.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Iterator
from decimal import Decimal

from canaryproof.model.objects import Body, Manifest, mapping_at, maps_at, text_at, value_at
from canaryproof.model.quantities import LARGEST, parse_quantity
from canaryproof.model.refusals import Code, Policy, Refusal
from canaryproof.submissions.chart_safety.fields import claims_of, size_of
from canaryproof.submissions.chart_safety.pods import pod_template

MOST_PODS = 20
"""The maximum number of pods of a chart.

The course requires two. A node runs 110 pods of all submissions together (kubelet's maxPods).
"""
MOST_OBJECTS = 100
MOST_SERVICES = 20
MOST_NODE_PORTS = 20
"""The maximum number of node ports of a chart. A cluster has 2768 (kube-apiserver, ``--service-node-port-range``)."""
MOST_STORAGE = 50 * 2**30
"""The maximum storage of all PersistentVolumeClaims together, in bytes."""
MOST_BYTES_IN_ALL = 2 * 2**20
"""The maximum size of all objects together as JSON. etcd stores the objects of all submissions."""
MOST_CPU, MOST_MEMORY = 40, 160 * 2**30
"""The maximum CPU cores and bytes of memory that all pods may request on a cluster that belongs to others.

They are twice the amount that `MOST_PODS` pods need in the UpCommerce course. There is no limit on other clusters,
where a request takes no resources from others and an unschedulable pod is an outcome.
"""
MOST = 2**31 - 1
"""The largest number that these API fields can hold."""

_REPLICATED = frozenset({"Deployment", "ReplicaSet", "StatefulSet", "ReplicationController"})
_JOBS = {"Job": ("spec",), "CronJob": ("spec", "jobTemplate", "spec")}
_INTEGER = re.compile(r"[-+]?0[xob][0-9a-f]+", re.IGNORECASE)
_DECIMAL = re.compile(r"[-+]?(\d+\.?\d*|\.\d+)(e[-+]?\d+)?", re.ASCII | re.IGNORECASE)


def check_counts(manifests: tuple[Manifest, ...], policy: Policy) -> Iterator[Refusal]:
    """Yield a refusal for each limit that a chart exceeds."""
    services = [each for each in manifests if each.kind == "Service"]
    if len(manifests) > MOST_OBJECTS:
        yield Refusal("too-many-objects", count=len(manifests), limit=MOST_OBJECTS)
    if (pods := pods_of(manifests, policy)) > MOST_PODS:
        yield Refusal("too-many-pods", count=pods, limit=MOST_PODS)
    if len(services) > MOST_SERVICES:
        yield Refusal("too-many-services", count=len(services), limit=MOST_SERVICES)
    if (ports := sum(map(_ports_of_nodes, services))) > MOST_NODE_PORTS:
        yield Refusal("too-many-node-ports", count=ports, limit=MOST_NODE_PORTS)
    if (storage := sum(_storage(each, policy) for each in manifests)) > MOST_STORAGE:
        yield Refusal("too-much-storage", count=storage, limit=MOST_STORAGE)
    if (size := sum(map(size_of, manifests))) > MOST_BYTES_IN_ALL:
        yield Refusal("too-many-bytes", count=size, limit=MOST_BYTES_IN_ALL)
    if policy.shared_cluster:
        yield from _check_requests(manifests, policy)


def _check_requests(manifests: tuple[Manifest, ...], policy: Policy) -> Iterator[Refusal]:
    limits: tuple[tuple[Code, str, int], ...] = (
        ("too-much-cpu", "cpu", MOST_CPU),
        ("too-much-memory", "memory", MOST_MEMORY),
    )
    for code, name, limit in limits:
        asked = sum(pods_of_one(each, policy) * _request(pod_template(each), name) for each in manifests)
        if asked > limit:
            yield Refusal(code, count=math.ceil(min(asked, LARGEST)), limit=limit)


def _request(template: Body, name: str) -> Decimal:
    """Return the amount of a resource that a pod requests (Kubernetes, "Resource sharing within containers").

    A limit counts as the request if the container has no request. Init containers run before the other containers, and
    sidecars run concurrently with them.
    """
    spec = mapping_at(template, "spec")
    init = maps_at(spec, "initContainers")
    sidecars = [each for each in init if each.get("restartPolicy") == "Always"]
    beside = sum((_own_request(each, name) for each in (*maps_at(spec, "containers"), *sidecars)), Decimal(0))
    return max([_own_request(spec, name), beside, *(_own_request(each, name) for each in init)])


def _own_request(body: Body, name: str) -> Decimal:
    resources = mapping_at(body, "resources")
    written = value_at(resources, "requests", name)
    return quantity(value_at(resources, "limits", name) if written is None else written)


def pods_of(manifests: Iterable[Manifest], policy: Policy) -> int:
    """Return the number of pods that *manifests* request.

    An autoscaler counts with the number of pods that it can add to its workload, up to ``minReplicas``. On clusters
    that belong to others, it counts up to ``maxReplicas``, because metrics may be available there.
    """
    manifests = tuple(manifests)
    own = {(each.kind, each.name): pods_of_one(each, policy) for each in manifests}
    raised: dict[tuple[str, str], int] = {}
    for each in manifests:
        if each.kind == "HorizontalPodAutoscaler":
            spec = mapping_at(each.body, "spec")
            target = text_at(spec, "scaleTargetRef", "kind"), text_at(spec, "scaleTargetRef", "name")
            bounds = ["minReplicas", *(["maxReplicas"] if policy.shared_cluster else [])]
            most = max(whole(spec.get(bound)) for bound in bounds)
            raised[target] = max(raised.get(target, 0), most - own.get(target, 0))
    return sum(pods_of_one(each, policy) for each in manifests) + sum(raised.values())


def pods_of_one(manifest: Manifest, policy: Policy) -> int:
    """Return the number of pods that an object requests by itself.

    A Job counts with the total number of its pods, even if they run one after another. A CronJob counts as one Job,
    because it starts at most one per minute, and an experiment does not last longer.
    """
    if manifest.kind in _REPLICATED:
        replicas = value_at(manifest.body, "spec", "replicas")
        return 1 if replicas is None else whole(replicas)
    if manifest.kind in _JOBS:
        spec = mapping_at(manifest.body, *_JOBS[manifest.kind])
        return max(1, whole(spec.get("parallelism")), whole(spec.get("completions")))
    return {"Pod": 1, "DaemonSet": max(1, policy.nodes)}.get(manifest.kind, 0)


def whole(value: object) -> int:
    """Return the number that the API could read from *value*, rounded up and limited to the range from 0 to `MOST`.

    Strings are converted too, because YAML readers disagree about ``1e3``, and Helm's reads it as a number.
    """
    if isinstance(value, str):
        value = _number_in(value)
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not value > 0:  # NaN is not greater than 0
        return 0
    return MOST if value >= MOST else math.ceil(value)


def _number_in(text: str) -> float:
    text = text.replace("_", "")
    if _DECIMAL.fullmatch(text):
        return float(text)
    try:
        return int(text, 0) if _INTEGER.fullmatch(text) else 0
    except ValueError:  # a digit that is invalid in its base
        return 0


def _ports_of_nodes(service: Manifest) -> int:
    exposed = value_at(service.body, "spec", "type") in ("NodePort", "LoadBalancer")
    return len(maps_at(service.body, "spec", "ports")) if exposed else 0


def _storage(manifest: Manifest, policy: Policy) -> int:
    """Return the bytes of storage that an object claims. Each pod of a workload has its own claims."""
    times = 1 if manifest.kind == "PersistentVolumeClaim" else max(1, pods_of_one(manifest, policy))
    asked = (value_at(claim, "spec", "resources", "requests", "storage") for claim in claims_of(manifest))
    return times * sum(math.ceil(quantity(each)) for each in asked)


def quantity(written: object) -> Decimal:
    """Return a Kubernetes quantity as a number, or 0 if it is invalid or negative."""
    return max(Decimal(0), parse_quantity(str(written).strip()) or Decimal(0))


def node_ports(manifests: Iterable[Manifest]) -> frozenset[int]:
    """Return the node ports that Services request by number. No other Service in the cluster can have them."""
    services = [each for each in manifests if each.kind == "Service"]
    numbers = [port.get("nodePort") for each in services for port in maps_at(each.body, "spec", "ports")]
    numbers += [value_at(each.body, "spec", "healthCheckNodePort") for each in services]
    return frozenset(number for number in map(whole, numbers) if number)
