"""Further rules for clusters that belong to others (provider ``existing``); pure.

They keep a submission from what a cluster's owner set up for somebody else: addresses and host names of the outside,
nodes that are set apart, priorities, storage that exists already, and controllers that act on annotations.
"""

from __future__ import annotations

from collections.abc import Iterator

from canaryproof.model.objects import Body, Manifest, mapping_at, maps_at, text_at
from canaryproof.model.refusals import Refusal

DEFAULT_SCHEDULER = "default-scheduler"
TOLERATIONS = frozenset({"node.kubernetes.io/not-ready", "node.kubernetes.io/unreachable"})
"""Taints that any pod tolerates for a while (Kubernetes, admission plugin DefaultTolerationSeconds)."""

CONTROLLER_PREFIXES = (
    "acme.cert-manager.io/",
    "azure.workload.identity/",
    "cert-manager.io/",
    "cloud.google.com/neg",
    "cni.projectcalico.org/",
    "consul.hashicorp.com/",
    "devices.nri.io/",
    "eks.amazonaws.com/",
    "external-dns.alpha.kubernetes.io/",
    "external-dns.kubernetes.io/",
    "getambassador.io/",
    "iam.amazonaws.com/",
    "iam.gke.io/",
    "io.kubernetes.cri-o.",
    "k8s.v1.cni.cncf.io/",
    "kueue.x-k8s.io/",
    "reflector.v1.k8s.emberstack.com/",
    "replicator.v1.mittwald.de/",
    "tailscale.com/",
    "v1.multus-cni.io/",
    "vault.hashicorp.com/",
)
"""Prefixes of annotations and labels on which controllers act for an object with rights of their own.

They publish DNS names and routes, attach networks and devices, hand out certificates, secrets and identities of the
cloud, or copy between namespaces.
"""


def check_shared_object(manifest: Manifest) -> Iterator[Refusal]:
    """Yield what an object may not have on a cluster of others, apart from its pods."""
    spec = mapping_at(manifest.body, "spec")
    if manifest.kind == "Ingress":
        yield Refusal("ingress")
    if manifest.kind == "Service":
        if spec.get("type") == "LoadBalancer":
            yield Refusal("load-balancer", field="type: LoadBalancer")
        for field in ("loadBalancerClass", "loadBalancerIP"):
            if spec.get(field):
                yield Refusal("load-balancer", field=field)


def check_shared_metadata(metadata: Body) -> Iterator[Refusal]:
    """Yield annotations and labels of an object, or of its pods, on which other controllers act."""
    for field in ("annotations", "labels"):
        for key in mapping_at(metadata, field):
            if str(key).startswith(CONTROLLER_PREFIXES):
                yield Refusal("annotation", field=field, value=str(key))


def check_shared_claim(spec: Body) -> Iterator[Refusal]:
    """Yield what the spec of a PersistentVolumeClaim may not have: what picks storage that exists already.

    A copy of another claim of the same namespace is allowed.
    """
    for field in ("volumeName", "selector"):
        if spec.get(field):
            yield Refusal("claim-source", field=field)
    for field in ("dataSource", "dataSourceRef"):
        source = spec.get(field)
        own = text_at(source, "kind") == "PersistentVolumeClaim" and not mapping_at(spec, field).get("namespace")
        if source and not own:
            yield Refusal("claim-source", field=field)


def check_shared_pod(spec: Body) -> Iterator[Refusal]:
    """Yield what the spec of a pod may not have on a cluster of others."""
    if spec.get("nodeName"):
        yield Refusal("node-name", value=str(spec["nodeName"]))
    if spec.get("priorityClassName"):
        yield Refusal("priority-class", value=str(spec["priorityClassName"]))
    if spec.get("runtimeClassName"):
        yield Refusal("runtime-class", value=str(spec["runtimeClassName"]))
    if str(spec.get("schedulerName") or DEFAULT_SCHEDULER) != DEFAULT_SCHEDULER:
        yield Refusal("scheduler", value=str(spec["schedulerName"]))
    for toleration in maps_at(spec, "tolerations"):
        if (key := str(toleration.get("key") or "")) not in TOLERATIONS:
            yield Refusal("toleration", value=key)


def check_shared_container(container: Body) -> Iterator[Refusal]:
    """Yield resources that a container may not ask for on a cluster of others: GPUs and other devices of nodes.

    Their names have a domain (Kubernetes, "Extended Resources").
    """
    asked = {**mapping_at(container, "resources", "requests"), **mapping_at(container, "resources", "limits")}
    for name in asked:
        if "/" in str(name):
            yield Refusal("extended-resource", value=str(name))
