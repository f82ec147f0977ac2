"""Tells refusals by a cluster's own policies from those that a chart brings on itself.  This module is pure."""

from __future__ import annotations

from collections.abc import Iterable

from canaryproof.model.causes import Cause
from canaryproof.model.kubernetes_text import is_limit_range_refusal, policy_refusal, refusing_quotas
from canaryproof.model.objects import Manifest


def refused_by_environment(messages: Iterable[str], chart: Iterable[Manifest], own: Iterable[str]) -> Cause | None:
    """Return the first refusal that neither *chart* nor a quota of *own* caused, or None without such a refusal.

    A chart cannot contain admission policies, webhooks or labels of its namespace, since these are cluster-scoped. It
    may contain quotas and limit ranges. *own* are the names of canaryproof's quotas.
    """
    objects = tuple(chart)
    quotas = {each.name for each in objects if each.kind == "ResourceQuota"} | set(own)
    has_range = any(each.kind == "LimitRange" for each in objects)
    for message in messages:
        foreign = [name for name in refusing_quotas(message) if name not in quotas]
        if policy := policy_refusal(message):
            return Cause(code="refused-by-policy", object=policy, detail=message)
        if foreign:
            return Cause(code="refused-by-policy", object=f"ResourceQuota/{foreign[0]}", detail=message)
        if is_limit_range_refusal(message) and not has_range:
            return Cause(code="refused-by-policy", object="LimitRange", detail=message)
    return None
