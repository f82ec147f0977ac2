"""The kinds of objects that a submission may have; pure."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from canaryproof.model.objects import Manifest
from canaryproof.model.refusals import Policy, Refusal


@dataclass(frozen=True)
class AllowedKind:
    """A kind of the Kubernetes API; ConfigMap is of the group ``""``, as in RBAC rules."""

    group: str
    kind: str
    plural: str
    """The name of the resource, as RBAC rules and URLs have it."""


ALLOWED_KINDS = (
    AllowedKind("", "ConfigMap", "configmaps"),
    AllowedKind("", "LimitRange", "limitranges"),
    AllowedKind("", "PersistentVolumeClaim", "persistentvolumeclaims"),
    AllowedKind("", "Pod", "pods"),
    AllowedKind("", "PodTemplate", "podtemplates"),
    AllowedKind("", "ReplicationController", "replicationcontrollers"),
    AllowedKind("", "ResourceQuota", "resourcequotas"),
    AllowedKind("", "Secret", "secrets"),
    AllowedKind("", "Service", "services"),
    AllowedKind("", "ServiceAccount", "serviceaccounts"),
    AllowedKind("apps", "DaemonSet", "daemonsets"),
    AllowedKind("apps", "Deployment", "deployments"),
    AllowedKind("apps", "ReplicaSet", "replicasets"),
    AllowedKind("apps", "StatefulSet", "statefulsets"),
    AllowedKind("autoscaling", "HorizontalPodAutoscaler", "horizontalpodautoscalers"),
    AllowedKind("batch", "CronJob", "cronjobs"),
    AllowedKind("batch", "Job", "jobs"),
    AllowedKind("coordination.k8s.io", "Lease", "leases"),
    AllowedKind("networking.k8s.io", "Ingress", "ingresses"),
    AllowedKind("networking.k8s.io", "NetworkPolicy", "networkpolicies"),
    AllowedKind("policy", "PodDisruptionBudget", "poddisruptionbudgets"),
    AllowedKind("rbac.authorization.k8s.io", "Role", "roles"),
    AllowedKind("rbac.authorization.k8s.io", "RoleBinding", "rolebindings"),
)
"""All kinds that a submission may have, by group and kind.

Their controllers act with rights inside the object's namespace, or on nothing but the object. Left out on purpose:
custom resources (their controllers often act with the rights of the whole cluster), Endpoints and EndpointSlices (they
lead the API server's Service proxy to addresses outside of the namespace), ControllerRevisions, Events and Bindings
(their controllers write them).
"""

CLUSTER_SCOPED = frozenset(
    {
        "APIService",
        "CSIDriver",
        "CSINode",
        "CertificateSigningRequest",
        "ClusterRole",
        "ClusterRoleBinding",
        "ClusterTrustBundle",
        "CustomResourceDefinition",
        "DeviceClass",
        "FlowSchema",
        "IPAddress",
        "IngressClass",
        "MutatingAdmissionPolicy",
        "MutatingAdmissionPolicyBinding",
        "MutatingWebhookConfiguration",
        "Namespace",
        "Node",
        "PersistentVolume",
        "PodSecurityPolicy",
        "PriorityClass",
        "PriorityLevelConfiguration",
        "ResourceSlice",
        "RuntimeClass",
        "ServiceCIDR",
        "StorageClass",
        "ValidatingAdmissionPolicy",
        "ValidatingAdmissionPolicyBinding",
        "ValidatingWebhookConfiguration",
        "VolumeAttachment",
        "VolumeAttributesClass",
    }
)
"""Kinds of the whole cluster, whether or not the cluster at hand has them (Kubernetes API 1.37)."""


def group_of(api_version: str) -> str:
    """Return the API group of an ``apiVersion``: ``apps`` of ``apps/v1``, and ``""`` of ``v1``."""
    group, slash, _ = api_version.partition("/")
    return group if slash else ""


def is_allowed(group: str, kind: str) -> bool:
    """Report whether a submission may have objects of this kind."""
    return any((each.group, each.kind) == (group, kind) for each in ALLOWED_KINDS)


def check_kind(manifest: Manifest, policy: Policy) -> Iterator[Refusal]:
    """Yield why an object may not be there at all: for its kind, its scope or its namespace.

    A kind that the cluster does not know is left to Helm, which refuses it with words of its own.
    """
    own = policy.namespaces[-1]
    group, kind = group_of(manifest.api_version), manifest.kind
    if (group, kind, manifest.name) == ("", "Namespace", own) and not manifest.is_hook:
        return  # the course's namespace: it exists, and Helm refuses to adopt it
    namespaced = policy.namespaced(manifest)
    if kind in CLUSTER_SCOPED or namespaced is False:
        yield Refusal("cluster-scoped")
    elif manifest.namespace and manifest.namespace not in policy.namespaces:
        yield Refusal("foreign-namespace", value=manifest.namespace)
    elif namespaced and not is_allowed(group, kind):
        yield Refusal("kind", field=kind, value=group)
