"""Finds the objects that a rollback leaves in the cluster. Live objects count, not Helm's release records."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass
from typing import Protocol

from canaryproof.analysis.leftovers import descendants, every_pod, key_in, last_deletion, leftover, new_pods, stuck_pods
from canaryproof.errors import InfrastructureError, WaitError
from canaryproof.experiment.watching import Watcher
from canaryproof.kube.recorder import WATCHED, Recording
from canaryproof.kube.resources import Resource
from canaryproof.model.evidence import Canary, Leftover
from canaryproof.model.objects import Body, Manifest, ObjectKey

RELEASE_NAMESPACE = "meta.helm.sh/release-namespace"


class Objects(Protocol):
    """Reads live objects by name; `canaryproof.kube.client.KubeClient` implements it."""

    def resource(self, api_version: str, kind: str) -> Resource | None:
        """Return the API resource of *kind*, or None if the cluster has no such kind."""
        ...

    def get(self, resource: Resource, name: str, namespace: str = "") -> Body | None:
        """Return the current state of an object, or None if it does not exist."""
        ...

    def drop_finalizers(self, resource: Resource, name: str, namespace: str) -> None:
        """Remove the finalizers of an object, so that its deletion can complete."""
        ...


@dataclass(frozen=True)
class Cleanup:
    """The result of a rollback. Times are in seconds from the start of the recording."""

    restored_at: float | None
    """The time at which the stable app was ready again, or None if it is not."""
    last_deletion: float | None
    """The time at which the last object of the canary was deleted, or None if none was."""
    leftovers: tuple[Leftover, ...]


class CleanupCheck:
    """Tracks the leftovers of the rollback, and since when the stable app is ready."""

    def __init__(
        self,
        client: Objects,
        recording: Recording,
        namespace: str,
        *,
        added: Iterable[Manifest],
        canary: Canary | None,
        unready: Callable[[Collection[ObjectKey]], str],
    ) -> None:
        """Look in *namespace* for the *added* objects, which the rollback deletes, and for the pods of *canary*.

        *unready* returns why the stable app is not ready, apart from the workloads that it is given.
        """
        self._canary = canary
        self._client = client
        self._recording = recording
        self._namespace = namespace
        self._added = {key_in(namespace, each): each for each in added}
        self._unready = unready
        self._began = recording.now
        self._others_since: float | None = None
        """The time since which the stable app is ready, apart from workloads that are stuck."""
        self._stuck: Collection[ObjectKey] = ()
        """The pods for which a StatefulSet waits in vain."""
        self._restored_at: float | None = None
        """The time since which the stable app is ready, or None while it is not."""
        self._family = frozenset(self._added)
        """The objects that the upgrade added, and every object that they ever owned."""
        self._left: dict[ObjectKey, Manifest] = {}
        """The objects of the family that still exist."""

    def observe(self, watcher: Watcher) -> Cleanup:
        """Watch until no leftover can still go away and the stable app has been ready for the hold time, or time is up.

        Then remove the finalizers of the leftovers, because they would block the deletion of the namespace.

        Raises InfrastructureError when the run ends first.
        """
        try:
            watcher.wait(
                "end of the canary and healthy stable app",
                lambda: self.look(watcher.time_limits.hold, watcher.time_limits.persistence) or None,
                within=watcher.time_limits.gone,
                seen=self.seen,
            )
        except WaitError:
            if reason := watcher.doomed():
                raise InfrastructureError(reason) from None
        self.let_go()
        return self.result()

    def result(self) -> Cleanup:
        """Return the result of the rollback, as of the last look."""
        names, timeline = frozenset(self._left), self._recording.timeline
        return Cleanup(
            restored_at=self._restored_at,
            last_deletion=last_deletion(timeline, self._family | every_pod(timeline, self._canary)),
            leftovers=tuple(leftover(key, each, names, timeline) for key, each in self._left.items()),
        )

    def look(self, hold: float, persistence: float) -> bool:
        """Look once; report whether there is nothing more to wait for.

        A StatefulSet that waits in vain for *persistence* seconds is not waited for: it is stuck.
        """
        now = self._recording.now
        stuck = stuck_pods(self._recording.timeline, self._canary) if now - self._began >= persistence else {}
        self._stuck = stuck.keys()
        self._restored_at = self._ready_since(self._restored_at, ())
        self._others_since = self._ready_since(self._others_since, frozenset(stuck.values())) if stuck else None
        self._look_for_leftovers()
        since = self._others_since if stuck else self._restored_at
        return since is not None and now - since >= hold and all(self._stays(key) for key in self._left)

    def _ready_since(self, since: float | None, apart: Collection[ObjectKey]) -> float | None:
        if self._unready(apart):
            return None
        return self._recording.now if since is None else since

    def seen(self) -> str:
        """Describe the state that still keeps the wait from ending."""
        return ", ".join(map(str, self._left)) or self._unready(()) or "stable, ready for too short a time"

    def let_go(self) -> None:
        """Remove the finalizers of the leftovers in the namespace that are being deleted."""
        for key, manifest in self._left.items():
            resource = self._client.resource(manifest.api_version, key.kind)
            held = manifest.is_going and manifest.finalizers
            if held and resource and resource.namespaced and not key.namespace:
                self._client.drop_finalizers(resource, key.name, self._namespace)

    def _look_for_leftovers(self) -> None:
        self._family = descendants(self._recording.timeline, self._added)
        timeline = self._recording.timeline
        replaced = new_pods(timeline, self._canary)
        self._left = {key: each for key, each in timeline.objects.items() if key in self._family} | replaced
        for key, manifest in self._added.items():
            if not _is_watched(manifest, key) and (found := self._get(key, manifest)) is not None:
                self._left[key] = found

    def _stays(self, key: ObjectKey) -> bool:
        """Report whether an object stays for good.

        Helm requests every deletion before it returns, so no later deletion follows.
        """
        manifest = self._left[key]
        if manifest.is_going:
            return False
        if key in self._stuck:
            return True
        if manifest.owners:
            return any(owner.key in self._left and self._stays(owner.key) for owner in manifest.owners)
        found = self._get(key, manifest)
        return found is not None and not found.is_going

    def _get(self, key: ObjectKey, manifest: Manifest) -> Manifest | None:
        """Return the current state of an object.

        An object outside the namespace counts only if Helm's annotation on it names this release's namespace.
        """
        resource = self._client.resource(manifest.api_version, key.kind)
        body = self._client.get(resource, key.name, key.namespace or self._namespace) if resource else None
        if body is None or resource is None:
            return None
        found = Manifest(body)
        is_own = resource.namespaced and not key.namespace
        return found if is_own or found.annotations.get(RELEASE_NAMESPACE) == self._namespace else None


def _is_watched(manifest: Manifest, key: ObjectKey) -> bool:
    api = f"/{'apis' if '/' in manifest.api_version else 'api'}/{manifest.api_version}"
    return not key.namespace and (key.kind, api) in {(each.kind, each.api) for each in WATCHED}
