"""Rules about pods that no scheduler assigns, no kubelet admits, or whose sandbox cannot be made.  This module is pure.

A kubelet can refuse a pod that the scheduler assigned to its node.  The pod then ends in the phase ``Failed``, with the
kubelet's reason, and its ReplicaSet creates the next one at once, without a pause (``pkg/kubelet/kubelet.go``,
``rejectPod``; ``pkg/controller/replicaset``).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from canaryproof.analysis.container_runs import ENOUGH, Scene
from canaryproof.model.causes import Cause
from canaryproof.model.evidence import Decision
from canaryproof.model.kubernetes_text import without_rejection
from canaryproof.model.objects import Body, maps_at, text_at, value_at
from canaryproof.model.quantities import parse_quantity
from canaryproof.model.timeline import Event, PodHistory, condition

EVICTED, KUBELET = "Evicted", "kubelet"
SHUTDOWN = "NodeShutdown"
"""The reason of a kubelet that admits no pods because its machine shuts down (``nodeshutdown``)."""
SHORT_OF = "OutOf"
"""The prefix of the reasons of a kubelet whose node has no room for a pod (``lifecycle/predicate.go``)."""
TRANSIENT = frozenset({"UnexpectedAdmissionError", "TopologyAffinityError"})
"""Reasons that can pass with the state of the node, such as its devices."""
DEFAULT_SCHEDULER = "default-scheduler"
LITTLE_MEMORY = 16 * 2**20
"""A memory limit, in bytes, below which a pod's sandbox may not start."""


def rejected(scene: Scene) -> Iterator[Decision]:
    """Decide by pods that the kubelet does not admit: at the second one, or later if the reason can pass."""
    found: dict[str, list[PodHistory]] = {}
    for pod in scene.pods:
        if (reason := pod.failure) and reason not in {EVICTED, SHUTDOWN} and not pod.disruption:
            found.setdefault(reason, []).append(pod)
    for reason, pods in found.items():
        since = pods[0].failed_at
        lasting = scene.now - since >= scene.time_limits.persistence
        if len(pods) >= ENOUGH and (lasting or not can_pass(reason, pods[-1])):
            message = without_rejection(text_at(pods[-1].latest.body, "status", "message"))
            cause = Cause(code="pods-rejected", states=(reason,), detail=message, count=len(pods))
            proof = (f"pod {pod.name}: {reason} at {pod.failed_at:.1f} s: {message}" for pod in pods[:ENOUGH])
            yield scene.decision("refused", cause, pods[ENOUGH - 1].failed_at, *proof)


def can_pass(reason: str, pod: PodHistory) -> bool:
    """Report whether the kubelet may admit the next pod.

    The scheduler knows the room on a node.  If it assigned the pod, the room is taken only until another pod has ended.
    """
    return reason in TRANSIENT or (reason.startswith(SHORT_OF) and not pod.names_its_node)


def evicted(scene: Scene) -> Iterator[Decision]:
    """Decide by a pod that the kubelet evicted: the pod used more storage than its own limits allow.

    A pod whose programs end with exit code 0 then has the phase ``Succeeded`` and no reason, so that the event counts.
    """
    for pod in scene.pods:
        for event in scene.timeline.events_about(pod.uid):
            if event.reason == EVICTED and event.component == KUBELET and not pod.disruption:
                message = event.message.strip()
                cause = Cause(code="pod-evicted", states=(EVICTED,), detail=message)
                yield scene.decision("not-ready", cause, event.at, f"pod {pod.name}: {EVICTED}: {message}")


def unassigned(scene: Scene) -> Iterator[Decision]:
    """Decide by a pod that has no node although no scheduler has refused it, or whose node does not take it."""
    for pod in scene.live:
        since, body = pod.versions[0].at, pod.latest.body
        if scene.now - since < scene.time_limits.unschedulable:
            continue
        if cause := _not_assigned(pod, body):
            proof = f"pod {pod.name}: without a start time since {since:.1f} s"
            yield scene.decision("unschedulable", cause, since + scene.time_limits.unschedulable, proof)


def _not_assigned(pod: PodHistory, body: Body) -> Cause | None:
    if condition(pod.latest, "PodScheduled").get("reason") == "SchedulingGated":
        gates = tuple(text_at(each, "name") for each in maps_at(body, "spec", "schedulingGates"))
        return Cause(code="scheduling-gated", names=gates)
    if pod.names_its_node and not text_at(body, "status", "startTime"):
        return Cause(code="node-silent", object=f"Node/{text_at(body, 'spec', 'nodeName')}")
    scheduler = text_at(body, "spec", "schedulerName")
    untouched = not text_at(body, "spec", "nodeName") and not condition(pod.latest, "PodScheduled")
    if untouched and scheduler not in {"", DEFAULT_SCHEDULER}:
        return Cause(code="scheduler-missing", found=scheduler)
    return None


def without_sandbox(scene: Scene) -> Iterator[Decision]:
    """Decide by a pod whose sandbox the runtime does not make, again and again."""
    for pod in scene.live:
        failed = [event for event in scene.timeline.events_about(pod.uid) if event.reason == "FailedCreatePodSandBox"]
        if not failed or pod.has_sandbox or sum(event.count for event in failed) < ENOUGH:
            continue
        if scene.now - failed[0].at >= scene.time_limits.persistence:
            yield _no_sandbox(scene, pod, failed)


def _no_sandbox(scene: Scene, pod: PodHistory, failed: Sequence[Event]) -> Decision:
    fields = sandbox_fields(pod.latest.body)
    cause = Cause(code="sandbox-not-created", detail=failed[-1].message, names=fields)
    proof = f"pod {pod.name}: {failed[-1].reason} since {failed[0].at:.1f} s: {failed[-1].message}"
    return scene.decision("start-error", cause, failed[0].at + scene.time_limits.persistence, proof)


def sandbox_fields(pod: Body) -> tuple[str, ...]:
    """Return the fields of a pod that change its sandbox, so that the runtime may be unable to make it.

    Source: ``pkg/kubelet/kuberuntime/kuberuntime_sandbox.go``, ``generatePodSandboxConfig``.
    """
    paths = (
        ("securityContext", "sysctls"),
        ("securityContext", "seccompProfile"),
        ("securityContext", "appArmorProfile"),
        ("securityContext", "seLinuxOptions"),
        ("securityContext", "supplementalGroups"),
        ("securityContext", "runAsUser"),
        ("runtimeClassName",),
        ("dnsConfig",),
        ("hostname",),
    )
    found = [".".join(path) for path in paths if value_at(pod, "spec", *path)]
    if value_at(pod, "spec", "hostUsers") is False:
        found.insert(0, "hostUsers")
    if any(_is_tight(each) for each in (value_at(pod, "spec"), *maps_at(pod, "spec", "containers"))):
        found.append("resources.limits.memory")
    return tuple(found)


def _is_tight(holder: Body) -> bool:
    limit = parse_quantity(str(value_at(holder, "resources", "limits", "memory")))
    return limit is not None and limit < LITTLE_MEMORY
