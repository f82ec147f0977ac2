"""Waits for what happens in the namespace of one experiment."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from contextlib import suppress
from typing import TypeVar

from canaryproof.analysis.environment import refused_by_environment
from canaryproof.errors import InfrastructureError, WaitError
from canaryproof.experiment.node_check import NodeCheck
from canaryproof.experiment.slots import Slot
from canaryproof.experiment.tenancy import QUOTAS
from canaryproof.kube.recorder import Recording
from canaryproof.kube.running_cluster import MeasureNodes, unmeasured
from canaryproof.model.causes import Cause
from canaryproof.model.faults import cause_of
from canaryproof.model.objects import Manifest
from canaryproof.model.wording.cause_sentences import describe
from canaryproof.system.wait import Heartbeat, Ticks, wait_for
from canaryproof.timeouts import TimeLimits

Found = TypeVar("Found")

SILENCES = 3
"""A namespace counts as quiet after this multiple of the stable app's start time without a change."""


class Watcher:
    """Looks again at every change, and lends the experiment's slot to another one while nothing changes."""

    def __init__(
        self,
        recording: Recording,
        slot: Slot,
        time_limits: TimeLimits,
        doomed: Callable[[], str | None],
        exhausted: MeasureNodes = unmeasured,
    ) -> None:
        """Watch what *recording* sees; every wait ends as soon as *doomed* gives a reason.

        *exhausted* measures the exhausted resources of the machine.
        """
        self.recording = recording
        self.time_limits = time_limits
        self.doomed = doomed
        self._slot = slot
        self._node_check = NodeCheck(exhausted)
        self._changes = Heartbeat(recording.changes, time_limits.look_again)
        self._quiet_after = math.inf

    def require_healthy_nodes(self) -> None:
        """Raise InfrastructureError when a node ran short of something that no chart can ask for too much of."""
        if lack := self._node_check.shortage(self.recording.timeline):
            raise InfrastructureError(describe(lack))

    def require_admission(self, manifests: Iterable[Manifest], messages: Iterable[str]) -> None:
        """Raise InfrastructureError when one of *messages* is a refusal by the cluster's own policies.

        *manifests* are the objects of the release, which may contain quotas of their own.
        """
        if cause := refused_by_environment(messages, manifests, QUOTAS):
            raise InfrastructureError(describe(cause), cause=cause)

    def lend_slot(self, stable_took: float) -> None:
        """Allow lending the slot from now on; the stable app took *stable_took* seconds to start.

        A busy cluster is silent for longer, and has no room for more pods.
        """
        self._quiet_after = max(self.time_limits.quiet, SILENCES * stable_took)

    def wait(
        self,
        what: str,
        look: Callable[[], Found | None],
        *,
        within: float,
        seen: Callable[[], str] = lambda: "nothing",
    ) -> Found:
        """Return what *look* finds, as `canaryproof.system.wait.wait_for` does, and hold the slot then.

        Raises WaitError when it finds nothing within so many seconds, or the run ends.
        """

        def look_or_lend() -> Found | None:
            self._node_check.look(self.recording.timeline)
            found = look()
            if found is None and self.recording.quiet >= self._quiet_after:
                self._slot.release()
            return found

        found = wait_for(what, look_or_lend, within=within, changes=self._changes, doomed=self.doomed, seen=seen)
        self._slot.take()
        return found


def reason_of(error: Exception, doomed: Callable[[], str | None], time_limits: TimeLimits) -> Cause:
    """Return why an experiment could not go on: a connection breaks a moment before it is known what ended."""
    if isinstance(error, InfrastructureError):
        with suppress(WaitError):
            doom = wait_for("fault of the cluster", doomed, within=time_limits.last_words, changes=Ticks())
            return Cause(code="cluster-fault", detail=doom)
    return cause_of(error)
