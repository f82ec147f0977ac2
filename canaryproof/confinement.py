"""Keeps a chart in its namespace even where it renders to something else in the cluster than it was vetted for; pure.

Templates can look into the cluster (``lookup``) and decide by what they see.  So Helm upgrades, and rolls back, as
somebody who may do everything in that one namespace, and has no rights elsewhere.  Where the cluster's account must not
give such rights, templates do not get to see the cluster at all (`canaryproof.freezing`).
"""

from __future__ import annotations

from canaryproof.manifests import Body

LABELS = {"pod-security.kubernetes.io/enforce": "baseline"}
"""What lets a namespace refuse pods that reach for their node (Kubernetes, "Pod Security Admission")."""

RBAC = "rbac.authorization.k8s.io"
RIGHTS = (("impersonate", "", "users"), ("create", RBAC, "rolebindings"), ("bind", RBAC, "clusterroles"))
"""What it takes to act as somebody else, and to give them rights: verb, API group and plural of each."""


def user_of(namespace: str) -> str:
    """Return who upgrades in *namespace*."""
    return f"canaryproof:{namespace}"


def role_binding(namespace: str) -> Body:
    """Return what lets that user do everything in *namespace*."""
    return {
        "apiVersion": f"{RBAC}/v1",
        "kind": "RoleBinding",
        "metadata": {"name": "canaryproof"},
        "roleRef": {"apiGroup": RBAC, "kind": "ClusterRole", "name": "cluster-admin"},
        "subjects": [{"apiGroup": RBAC, "kind": "User", "name": user_of(namespace)}],
    }
