"""The words for what holds an object that outlived the rollback; pure."""

from __future__ import annotations

from collections.abc import Mapping

from canaryproof.model.evidence import Holder, HolderKind

HOLDERS: Mapping[HolderKind, str] = {
    "owner": "its owner {0}",
    "resource-policy": "the annotation helm.sh/resource-policy: {0}",
    "hook": "the annotation helm.sh/hook: {0}, Helm does not take back hooks",
    "finalizers": "finalizers: {0}",
    "deletion": "still terminating",
}


def describe_holder(holder: Holder) -> str:
    """Return what follows "held by"."""
    return HOLDERS[holder.kind].format(holder.value)
