"""Defines additional rules for clusters that belong to others (provider ``existing``).  This module is pure.

The rules keep a submission from resources that the owner of the cluster has set up for other purposes: external
addresses and host names, reserved nodes, priorities, existing storage, and controllers that act on annotations.
"""

from __future__ import annotations

from collections.abc import Iterator

from canaryproof.model.objects import Body, Manifest, mapping_at, maps_at, text_at
from canaryproof.model.refusals import Refusal

DEFAULT_SCHEDULER = "default-scheduler"
TOLERATIONS = frozenset({"node.kubernetes.io/not-ready", "node.kubernetes.io/unreachable"})
"""Taints that every pod tolerates for a time (Kubernetes, admission plugin DefaultTolerationSeconds)."""

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
"""Prefixes of annotations and labels that make controllers act for an object with the controllers' own rights.

These controllers publish DNS names and routes, attach networks and devices, issue certificates, secrets and cloud
identities, or copy objects between namespaces.
"""


def check_shared_object(manifest: Manifest) -> Iterator[Refusal]:
    """Yield the refusals of an object on a cluster that belongs to others, except those that concern its pods."""
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
    """Yield a refusal for each annotation and label of an object, or of its pods, on which other controllers act."""
    for field in ("annotations", "labels"):
        for key in mapping_at(metadata, field):
            if str(key).startswith(CONTROLLER_PREFIXES):
                yield Refusal("annotation", field=field, value=str(key))


def check_shared_claim(spec: Body) -> Iterator[Refusal]:
    """Yield a refusal for each field of a PersistentVolumeClaim's spec that selects existing storage.

    A clone of another claim in the same namespace is allowed.
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
    """Yield the refusals of a pod's spec on a cluster that belongs to others."""
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
    """Yield a refusal for each extended resource of a container, such as a GPU or another device of a node.

    The names of extended resources contain a domain (Kubernetes, "Extended Resources").
    """
    asked = {**mapping_at(container, "resources", "requests"), **mapping_at(container, "resources", "limits")}
    for name in asked:
        if "/" in str(name):
            yield Refusal("extended-resource", value=str(name))
