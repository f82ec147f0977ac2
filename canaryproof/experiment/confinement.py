"""Reads what Helm says when it acts as a user with few rights; pure."""

from __future__ import annotations

from collections.abc import Iterable

from canaryproof.model.causes import Cause
from canaryproof.model.objects import Manifest

ASKS_FOR_KINDS = "failed to list CRDs"
"""How Helm 3 says that it wanted to know all kinds of the cluster, which are none of that user's business."""


def hidden_cause(error: str, unknown: Iterable[Manifest]) -> Cause | None:
    """Return what *error* of Helm hides; None where it hides nothing.

    Helm 3 lists the kinds of the cluster where it meets one that it does not know. That the account may not list them
    is its error then. *unknown* are the objects of kinds that the cluster does not have.
    """
    causes = (Cause(code="kind-unknown", object=str(each.key), detail=each.api_version) for each in unknown)
    return next(causes, None) if ASKS_FOR_KINDS in error else None
