"""Ends storms of pods: a Deployment of a submission whose pods fail at once, one after the other.

Each of these pods takes as much time of the cluster as a healthy pod, and so slows down the other experiments.
"""

from __future__ import annotations

import threading
from collections.abc import Collection, Iterator
from contextlib import contextmanager, suppress

from canaryproof.analysis.storms import Storms
from canaryproof.errors import InfrastructureError
from canaryproof.kube.client import KubeClient
from canaryproof.kube.recorder import Recording
from canaryproof.kube.resources import DEPLOYMENTS
from canaryproof.system.background import in_background
from canaryproof.system.logs import logger_of
from canaryproof.system.wait import Signal

_LOG = logger_of(__name__)
_ONCE_MORE = 1.0
"""Seconds after which the guard looks whether its block has ended, if nothing changes."""


@contextmanager
def storms_ended(client: KubeClient, recording: Recording, namespace: str, spared: Collection[str]) -> Iterator[None]:
    """Scale Deployments in *namespace* to zero during the block as soon as their pods fail one after the other.

    The Deployments *spared* are those that a rollback changes: it would conflict with another owner of their replicas.
    """
    signal = Signal()
    recording.listen(signal.announce)
    guard = _Guard(client, recording, namespace, spared)
    with in_background("storms", lambda over: guard.run(over, signal), signal.announce):
        yield


class _Guard:
    """Looks at the changes in one namespace."""

    def __init__(self, client: KubeClient, recording: Recording, namespace: str, spared: Collection[str]) -> None:
        self._client = client
        self._recording = recording
        self._namespace = namespace
        self._known = set(spared)
        self._storms = Storms()
        self._seen = 0

    def run(self, over: threading.Event, changes: Signal) -> None:
        """Look at each change until *over* is set."""
        while not over.is_set():
            self._look()
            changes.wait(_ONCE_MORE)

    def _look(self) -> None:
        observations = self._recording.timeline.observations
        self._storms.add(observations[self._seen :])
        self._seen = len(observations)
        for name in self._storms.deployments:
            if name not in self._known:
                self._known.add(name)
                _LOG.info(
                    "scaling Deployment/%s in %s to zero: its pods fail one after the other", name, self._namespace
                )
                with suppress(InfrastructureError):  # the storm then lasts until the rollback
                    self._client.patch(DEPLOYMENTS, name, self._namespace, {"spec": {"replicas": 0}})
