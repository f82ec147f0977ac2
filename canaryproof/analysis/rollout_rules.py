"""Rules about a rollout that its controller does not begin or finish, so that the canary gets no pod.  Pure module."""

from __future__ import annotations

from collections.abc import Iterator

from canaryproof.analysis.container_runs import Scene
from canaryproof.analysis.stable_state import is_observed, pod_counts, requested_pods, untouched_pods
from canaryproof.model.causes import Cause
from canaryproof.model.evidence import Decision
from canaryproof.model.objects import Manifest, integer_at, value_at

FAILED_CREATE = "FailedCreate"
"""The reason of the event of a controller whose pod the API server refused (``pkg/controller/controller_utils.go``)."""


def untouched(scene: Scene) -> Iterator[Decision]:
    """Decide by a workload that is changed in place, and whose pods stay as they are.

    Its controller must have seen the change, and have had the time to make pods for it.
    """
    workload = _workload(scene)
    waited = scene.now - scene.upgraded_at >= scene.time_limits.persistence
    if workload is None or scene.pods or not scene.canary.in_place or not waited or not is_observed(workload):
        return
    if found := _reason(workload):
        cause, proof = found
        yield scene.decision("not-rolled-out", cause, scene.upgraded_at + scene.time_limits.persistence, proof)


def asks_for_none(scene: Scene) -> Iterator[Decision]:
    """Decide by a DaemonSet, or a workload that is changed in place, whose controller wants no pods.

    The controller of a DaemonSet wants one pod on each node that is fit for it.
    """
    workload = _workload(scene)
    waited = scene.now - scene.upgraded_at >= scene.time_limits.persistence
    if workload is None or scene.pods or not waited or not is_observed(workload) or requested_pods(workload):
        return
    proven_at = scene.upgraded_at + scene.time_limits.persistence
    if workload.kind == "DaemonSet":
        cause, proof = Cause(code="no-node-chosen"), "status.desiredNumberScheduled: 0"
        yield scene.decision("unschedulable", cause, proven_at, proof)
    elif scene.canary.in_place:
        yield scene.decision("not-ready", Cause(code="zero-replicas"), proven_at, "spec.replicas: 0")


def _workload(scene: Scene) -> Manifest | None:
    return scene.timeline.objects.get(scene.canary.key)


def _reason(workload: Manifest) -> tuple[Cause, str] | None:
    """Return why a workload without new pods gets none, with the field that proves it; None if it may still get one."""
    strategy = value_at(workload.body, "spec", "updateStrategy", "type")
    if value_at(workload.body, "spec", "paused") is True:
        return Cause(code="rollout-paused"), "spec.paused: true"
    if strategy == "OnDelete":
        return Cause(code="update-on-delete", object=str(workload.key.local)), "spec.updateStrategy.type: OnDelete"
    wanted = requested_pods(workload)
    if workload.kind == "StatefulSet" and wanted and untouched_pods(workload) >= wanted:
        partition = integer_at(workload.body, "spec", "updateStrategy", "rollingUpdate", "partition")
        cause = Cause(code="update-partitioned", limit=partition, count=wanted)
        return cause, f"spec.updateStrategy.rollingUpdate.partition: {partition}"
    _, updated, _ = pod_counts(workload)
    if updated == wanted > 0:
        return Cause(code="template-unchanged"), f"{updated} of {wanted} pods are of the latest pod template"
    return None


def refused(scene: Scene) -> Iterator[Decision]:
    """Decide by the pods of a StatefulSet or a DaemonSet that the API server refuses.

    Only events tell of them; a Deployment also has a condition, by which `pod_rules.refused` decides.
    """
    if scene.canary.kind == "Deployment" or scene.live:
        return
    for event in scene.timeline.events:
        is_about_it = event.object == scene.canary.key and event.reason == FAILED_CREATE
        # The controller may have begun before Helm returned. A refusal of stable's pods has ended before.
        since = max(event.at, scene.upgraded_at)
        if is_about_it and event.last >= scene.upgraded_at and scene.now - since >= scene.time_limits.persistence:
            cause = Cause(code="pods-refused", detail=event.message)
            proof = f"{event.reason} at {event.at:.1f} s: {event.message}"
            yield scene.decision("refused", cause, since + scene.time_limits.persistence, proof)
