"""Recognises workloads that create pod after pod, because each of them fails at once.  This module is pure.

A ReplicaSet replaces a pod in the phase ``Failed`` or ``Succeeded`` without a pause (``pkg/controller/replicaset``).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from canaryproof.analysis.container_runs import ENOUGH
from canaryproof.analysis.node_rules import can_pass
from canaryproof.model.objects import Manifest, text_at
from canaryproof.model.timeline import Observation, PodHistory, failure

MANY = 10
"""The number of ended pods of one ReplicaSet that are a storm, whatever ended them."""


class Storms:
    """Counts the ended pods of each ReplicaSet, as changes arrive."""

    def __init__(self) -> None:
        """Start without a change."""
        self._deployments: dict[str, str] = {}
        self._ended: dict[str, set[str]] = {}
        self._hopeless: dict[str, set[str]] = {}

    def add(self, changes: Iterable[Observation]) -> None:
        """Count the pods in *changes* that ended by themselves or were rejected."""
        for change in changes:
            manifest = change.object
            if manifest.kind == "ReplicaSet":
                owners = (each.key.name for each in manifest.owners if each.key.kind == "Deployment")
                self._deployments.update((manifest.uid, name) for name in owners)
            elif manifest.kind == "Pod" and _has_ended(manifest):
                reason = failure(manifest)
                hopeless = reason and not can_pass(reason, PodHistory(manifest.uid, (change,)))
                for owner in manifest.owners:
                    self._ended.setdefault(owner.uid, set()).add(manifest.uid)
                    if hopeless:
                        self._hopeless.setdefault(owner.uid, set()).add(manifest.uid)

    @property
    def deployments(self) -> Sequence[str]:
        """Return the Deployments whose pods fail one after the other."""
        storming = [uid for uid, pods in self._ended.items() if len(pods) >= MANY]
        storming += [uid for uid, pods in self._hopeless.items() if len(pods) >= ENOUGH]
        return tuple(dict.fromkeys(self._deployments[uid] for uid in storming if uid in self._deployments))


def _has_ended(pod: Manifest) -> bool:
    return text_at(pod.body, "status", "phase") in {"Failed", "Succeeded"} and not pod.is_going
