"""Whether a node ran short of something that no chart can ask for too much of: disk, open files; pure."""

from __future__ import annotations

from canaryproof.model.kubernetes_text import is_node_exhausted
from canaryproof.model.objects import text_at
from canaryproof.model.timeline import Timeline

KUBELET = "kubelet"
REASONS = frozenset({"Failed", "FailedCreatePodContainer", "FailedCreatePodSandBox", "FailedMount", "FailedSync"})
"""Events of a kubelet that could not do its own work; what a container says stands in its log, and nowhere here."""
LONGEST = 300


def shortage(timeline: Timeline) -> str:
    """Return what a node said that it lacked; empty where none did."""
    for observation in timeline.observations:
        body = observation.object.body
        if body.get("kind") != "Event" or body.get("reason") not in REASONS:
            continue
        said_by = text_at(body, "source", "component") or text_at(body, "reportingComponent")
        message = text_at(body, "message")
        if said_by == KUBELET and is_node_exhausted(message):
            return message if len(message) <= LONGEST else f"{message[:LONGEST]}..."
    return ""
