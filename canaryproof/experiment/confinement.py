"""Interprets the errors of Helm when it acts as a user with few rights.  This module is pure."""

from __future__ import annotations

from collections.abc import Iterable

from canaryproof.model import helm_text
from canaryproof.model.causes import Cause
from canaryproof.model.objects import Manifest


def hidden_cause(error: str, unknown: Iterable[Manifest]) -> Cause | None:
    """Return the cause that Helm's *error* hides, or None if it hides nothing.

    *unknown* holds the objects whose kinds the cluster does not have.
    """
    if not helm_text.is_refused_list_of_kinds(error):
        return None
    causes = (Cause(code="kind-unknown", object=str(each.key), detail=each.api_version) for each in unknown)
    return next(causes, None)
