"""Defines the kinds of objects that a submission may contain.  This module is pure."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from canaryproof.model.objects import Manifest
from canaryproof.model.refusals import Policy, Refusal


@dataclass(frozen=True)
class AllowedKind:
    """A kind of the Kubernetes API. The core group is ``""``, as in RBAC rules."""

    group: str
    kind: str
    plural: str
    """The name of the resource in RBAC rules and URLs."""


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
"""All kinds that a submission may contain, by group and kind.

Their controllers act only inside the object's namespace, or only on the object itself. The following kinds are excluded
on purpose:

* custom resources, because their controllers often act with rights for the whole cluster;
* Endpoints and EndpointSlices, because they can direct the API server's Service proxy to addresses outside the
  namespace;
* ControllerRevisions, Events and Bindings, because their controllers write them.
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
"""Cluster-scoped kinds, whether or not the current cluster has them (Kubernetes API 1.37)."""


def group_of(api_version: str) -> str:
    """Return the API group of an ``apiVersion``: ``apps`` for ``apps/v1``, and ``""`` for ``v1``."""
    group, slash, _ = api_version.partition("/")
    return group if slash else ""


def is_allowed(group: str, kind: str) -> bool:
    """Report whether a submission may contain objects of this kind."""
    return any((each.group, each.kind) == (group, kind) for each in ALLOWED_KINDS)


def check_kind(manifest: Manifest, policy: Policy) -> Iterator[Refusal]:
    """Yield a refusal if the kind, the scope or the namespace of an object is not allowed.

    A kind that the cluster does not know is not refused here. Helm refuses it with its own message.
    """
    own = policy.namespaces[-1]
    group, kind = group_of(manifest.api_version), manifest.kind
    if (group, kind, manifest.name) == ("", "Namespace", own) and not manifest.is_hook:
        return  # the scenario's namespace: it exists, and Helm refuses to adopt it
    namespaced = policy.namespaced(manifest)
    if kind in CLUSTER_SCOPED or namespaced is False:
        yield Refusal("cluster-scoped")
    elif manifest.namespace and manifest.namespace not in policy.namespaces:
        yield Refusal("foreign-namespace", value=manifest.namespace)
    elif namespaced and not is_allowed(group, kind):
        yield Refusal("kind", field=kind, value=group)
