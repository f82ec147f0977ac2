"""Keeps a chart in its namespace even where it renders to something else in the cluster than it was vetted for; pure.

Templates can look into the cluster (``lookup``) and decide by what they see.  So Helm upgrades, and rolls back, as
somebody who may do everything in that one namespace, and has no rights elsewhere.  Where the cluster's account must not
give such rights, templates do not get to see the cluster at all (`canaryproof.freezing`).
"""

from __future__ import annotations

from collections.abc import Iterable

from canaryproof.manifests import Body, Manifest

LABELS = {"pod-security.kubernetes.io/enforce": "baseline"}
"""What lets a namespace refuse pods that reach for their node (Kubernetes, "Pod Security Admission")."""

RBAC = "rbac.authorization.k8s.io"
RIGHTS = (("impersonate", "", "users"), ("create", RBAC, "rolebindings"), ("bind", RBAC, "clusterroles"))
"""What it takes to act as somebody else, and to give them rights: verb, API group and plural of each."""


ASKS_FOR_KINDS = "failed to list CRDs"
"""How Helm 3 says that it wanted to know all kinds of the cluster, which are none of that user's business."""


def in_plain_words(error: str, unknown: Iterable[Manifest]) -> str:
    """Return *error* of Helm as somebody would see it who may list kinds; *unknown* are objects of kinds there are not.

    Helm 3 asks for the kinds of the cluster where it meets one that it does not know, and to be refused that hides why.
    """
    if ASKS_FOR_KINDS not in error:
        return error
    said = (f'no matches for kind "{each.kind}" in version "{each.api_version}"' for each in unknown)
    return next(said, error)


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
