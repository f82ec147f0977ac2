"""Reads what Helm says when it acts as a user with few rights; pure."""

from __future__ import annotations

from collections.abc import Iterable

from canaryproof.model.objects import Manifest

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
