"""Keeps a chart in its namespace even where it renders to something else in the cluster than it was vetted for; pure.

Templates can look into the cluster (``lookup``) and decide by what they see.  So Helm upgrades, and rolls back, as a
user that has the rights of a release in that one namespace (:mod:`canaryproof.experiment.tenancy`), and no rights
elsewhere.  Where the cluster's account must not give such rights, templates do not get to see the cluster
(:mod:`canaryproof.submissions.static_chart`).
"""

from __future__ import annotations

from collections.abc import Iterable

from canaryproof.experiment.tenancy import RBAC
from canaryproof.model.objects import Manifest

LABELS = {"pod-security.kubernetes.io/enforce": "baseline"}
"""What lets a namespace refuse pods that reach for their node (Kubernetes, "Pod Security Admission")."""

RIGHTS = (
    ("impersonate", "", "users"),
    ("create", RBAC, "roles"),
    ("escalate", RBAC, "roles"),
    ("create", RBAC, "rolebindings"),
    ("bind", RBAC, "roles"),
)
"""What it takes to act as another user, and to give that user rights: verb, API group and plural of each.

``escalate`` and ``bind`` let an account give rights that it does not have (Kubernetes, "Using RBAC Authorization").
"""


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
