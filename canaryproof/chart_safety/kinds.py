"""The kinds of objects that a submission may have; pure."""

from __future__ import annotations

from dataclasses import dataclass


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


def group_of(api_version: str) -> str:
    """Return the API group of an ``apiVersion``: ``apps`` of ``apps/v1``, and ``""`` of ``v1``."""
    group, slash, _ = api_version.partition("/")
    return group if slash else ""


def is_allowed(group: str, kind: str) -> bool:
    """Report whether a submission may have objects of this kind."""
    return any((each.group, each.kind) == (group, kind) for each in ALLOWED_KINDS)
