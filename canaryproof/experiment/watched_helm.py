"""Watches the hooks of a chart while Helm runs them: their logs, and the hook that makes an operation fail."""

from __future__ import annotations

from collections.abc import Callable, Collection
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

from canaryproof.analysis.hook_failure import UPGRADE_EVENTS, hook_failure
from canaryproof.experiment.container_logs import last_lines
from canaryproof.experiment.steps import Release
from canaryproof.experiment.watching import Watcher
from canaryproof.model.evidence import ContainerLog, Step
from canaryproof.model.helm_text import is_wait_over
from canaryproof.model.objects import Manifest, integer_at, mapping_at, maps_at, text_at

STATUSES = ("initContainerStatuses", "containerStatuses")


class WatchedHelm:
    """Runs the Helm operations of an experiment, and explains their failures.

    Operations that run hooks or wait are watched: the logs of hooks are read as soon as their containers end, because
    Helm can delete a hook that failed (``helm.sh/hook-delete-policy``), and its log with it.
    """

    def __init__(self, release: Release, watcher: Watcher, *, background: bool, waits: bool) -> None:
        """Run the operations of *release*, in the *background* if they run hooks or wait.

        *waits* says whether an upgrade waits until the objects are ready (``--wait``).
        """
        self._release = release
        self._watcher = watcher
        self._background = background
        self._waits = waits
        self._logs: dict[str, ContainerLog] = {}

    @property
    def logs(self) -> tuple[ContainerLog, ...]:
        """Return the logs of the hooks' containers that failed, in the order of their ends."""
        return tuple(self._logs.values())

    def run(
        self,
        operation: Callable[[], Step],
        events: Collection[str],
        revision: int,
        meanwhile: Callable[[], object] = lambda: None,
    ) -> Step:
        """Run *operation* to its end, which makes *revision* and runs the hooks of *events*.

        Calls *meanwhile* at every change in the namespace. A failed step says which hook failed, or that Helm gave up
        waiting.

        Raises WaitError when the run ends first, and what *operation* raises.
        """
        step = self._watched(operation, meanwhile) if self._background else operation()
        record = self._release.record(revision) if step.error else None
        if record is None:
            return step
        timeline = self._watcher.recording.timeline
        if cause := hook_failure(record.hooks, events, timeline, step.began, error=step.error, logs=self.logs):
            return replace(step, cause=cause)
        waits = self._waits and events == UPGRADE_EVENTS
        return replace(step, gave_up=waits and is_wait_over(step.error))

    def _watched(self, operation: Callable[[], Step], meanwhile: Callable[[], object]) -> Step:
        time_limits, recording = self._watcher.time_limits, self._watcher.recording
        with ThreadPoolExecutor(1, "helm") as pool:
            future = pool.submit(operation)
            future.add_done_callback(lambda _: recording.announce())

            def look() -> bool | None:
                self._read_logs()
                meanwhile()
                return future.done() or None

            within = time_limits.helm + time_limits.command + time_limits.request
            self._watcher.wait("end of Helm's operation", look, within=within)
            return future.result()

    def _read_logs(self) -> None:
        """Read the log of each container of a hook that has failed since the last call.

        The pods of hooks belong to Jobs or to nobody. All other pods belong to workloads.
        """
        for pod in self._watcher.recording.timeline.live("Pod"):
            if all(owner.key.kind == "Job" for owner in pod.owners):
                for status in (each for name in STATUSES for each in maps_at(pod.body, "status", name)):
                    self._read_log(pod, text_at(status, "name"), mapping_at(status, "state", "terminated"))

    def _read_log(self, pod: Manifest, container: str, ended: dict[str, object]) -> None:
        run = f"{pod.uid}/{container}/{text_at(ended, 'containerID')}"
        if not integer_at(ended, "exitCode") or run in self._logs:
            return
        client, namespace = self._release.client, self._release.namespace
        self._logs[run] = last_lines(client, namespace, pod.name, container, previous=False)
