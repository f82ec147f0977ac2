"""Whether a node ran short of something that no chart can ask for too much of: disk, open files; pure."""

from __future__ import annotations

from canaryproof.model.kubernetes_text import is_node_exhausted
from canaryproof.model.timeline import Timeline

KUBELET = "kubelet"
REASONS = frozenset({"Failed", "FailedCreatePodContainer", "FailedCreatePodSandBox", "FailedMount", "FailedSync"})
"""Events of a kubelet that could not do its own work; what a container says stands in its log, and nowhere here."""
LONGEST = 300


def shortage(timeline: Timeline) -> str:
    """Return what a node said that it lacked; empty where none did."""
    for event in timeline.events:
        if event.component == KUBELET and event.reason in REASONS and is_node_exhausted(event.message):
            return event.message if len(event.message) <= LONGEST else f"{event.message[:LONGEST]}..."
    return ""
