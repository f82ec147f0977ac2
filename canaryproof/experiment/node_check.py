"""Confirms on the machine what the messages of a kubelet claim about it.

A message can contain text of the submission: a command, the name of a file, the output of a hook.  A message is
therefore only the reason to look at the machine.
"""

from __future__ import annotations

from canaryproof.analysis.infrastructure import shortage, shortage_claims
from canaryproof.kube.running_cluster import MeasureNodes, unmeasured
from canaryproof.model.causes import Cause
from canaryproof.model.timeline import Timeline


class NodeCheck:
    """Measures the exhausted resources of the nodes, each time a message claims that a node ran out of something."""

    def __init__(self, measure: MeasureNodes = unmeasured) -> None:
        """Confirm claims by *measure*."""
        self._measure = measure
        self._claims = 0
        self._found: tuple[str, ...] | None = None

    def look(self, timeline: Timeline) -> None:
        """Measure if there are more claims than at the last look.  An exhausted resource stays recorded."""
        claims = len(shortage_claims(timeline))
        if claims > self._claims and not self._found:
            self._found = self._measure()
        self._claims = claims

    def shortage(self, timeline: Timeline) -> Cause | None:
        """Return the confirmed shortage of a node, or None."""
        self.look(timeline)
        return shortage(timeline, self._found)
