"""Decides whether an object of a scenario's setup is ready.  This module is pure.

The rules are those of ``kubectl rollout status`` and ``kubectl wait --for=condition=complete``.
"""

from __future__ import annotations

from canaryproof.analysis.stable_state import is_observed, pod_counts, requested_pods
from canaryproof.model.causes import Cause
from canaryproof.model.objects import WORKLOADS, Manifest, maps_at, value_at

AWAITED = frozenset({*WORKLOADS, "Job", "Pod"})
"""The kinds whose objects have to become ready. All others are ready as soon as the API server has them."""


def unready_object(live: Manifest) -> Cause | None:
    """Return why an object is not ready yet, or None if it is."""
    if live.kind in WORKLOADS:
        return _unready_workload(live)
    kind = {"Job": "Complete", "Pod": "Ready"}.get(live.kind)
    if kind is None or _has_condition(live, kind):
        return None
    return Cause(code="condition-missing", object=str(live.key), field=kind)


def _unready_workload(live: Manifest) -> Cause | None:
    if not is_observed(live):
        return Cause(code="deployment-not-observed", object=str(live.key))
    wanted, counts = requested_pods(live), pod_counts(live)
    if set(counts) == {wanted}:
        return None
    return Cause(code="deployment-not-available", object=str(live.key), count=wanted, replicas=counts)


def _has_condition(live: Manifest, kind: str) -> bool:
    conditions = maps_at(live.body, "status", "conditions")
    return any(value_at(each, "type") == kind and value_at(each, "status") == "True" for each in conditions)
