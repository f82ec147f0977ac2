"""Decides whether an object of a scenario's setup is ready.  This module is pure.

The rules are those of ``kubectl rollout status`` and ``kubectl wait --for=condition=complete``.
"""

from __future__ import annotations

from collections.abc import Mapping

from canaryproof.model.causes import Cause
from canaryproof.model.objects import Manifest, integer_at, maps_at, value_at

COUNTS: Mapping[str, tuple[str, str, str]] = {
    "Deployment": ("replicas", "updatedReplicas", "availableReplicas"),
    "StatefulSet": ("replicas", "updatedReplicas", "availableReplicas"),
    "DaemonSet": ("currentNumberScheduled", "updatedNumberScheduled", "numberAvailable"),
}
"""The counts in a workload's status that must equal the requested number of pods: all, updated and available pods."""
AWAITED = frozenset({*COUNTS, "Job", "Pod"})
"""The kinds whose objects have to become ready. All others are ready as soon as the API server has them."""


def unready_object(live: Manifest) -> Cause | None:
    """Return why an object is not ready yet, or None if it is."""
    if live.kind in COUNTS:
        return _unready_workload(live)
    kind = {"Job": "Complete", "Pod": "Ready"}.get(live.kind)
    if kind is None or _has_condition(live, kind):
        return None
    return Cause(code="condition-missing", object=str(live.key), field=kind)


def _unready_workload(live: Manifest) -> Cause | None:
    if integer_at(live.body, "status", "observedGeneration") < integer_at(live.body, "metadata", "generation"):
        return Cause(code="deployment-not-observed", object=str(live.key))
    is_daemon_set = live.kind == "DaemonSet"
    wanted = integer_at(live.body, "status", "desiredNumberScheduled") if is_daemon_set else live.replicas
    counts = tuple(integer_at(live.body, "status", name) for name in COUNTS[live.kind])
    if set(counts) == {wanted}:
        return None
    return Cause(code="deployment-not-available", object=str(live.key), count=wanted, replicas=counts)


def _has_condition(live: Manifest, kind: str) -> bool:
    conditions = maps_at(live.body, "status", "conditions")
    return any(value_at(each, "type") == kind and value_at(each, "status") == "True" for each in conditions)
