"""The stable app in the namespace of one experiment: whether it is ready, and whether it answers."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from types import MappingProxyType

from canaryproof.analysis.availability import is_certain
from canaryproof.analysis.stable_state import stable_of, unready
from canaryproof.errors import InfrastructureError
from canaryproof.experiment.prober import Prober
from canaryproof.experiment.watching import Watcher
from canaryproof.kube.client import KubeClient
from canaryproof.kube.recorder import WATCHED
from canaryproof.kube.running_cluster import Dial
from canaryproof.kube.service_visit import visit_address
from canaryproof.model.evidence import Probe, Unanswered, Way
from canaryproof.model.objects import Manifest, ObjectKey, integer_at, text_at
from canaryproof.model.wording.cause_sentences import describe

RESOURCES = {each.kind: each for each in WATCHED}


class StableApp:
    """Waits for the stable app, and probes its first Service."""

    def __init__(
        self,
        baseline: Iterable[Manifest],
        namespace: str,
        client: KubeClient,
        watcher: Watcher,
        dial: Dial | None = None,
    ) -> None:
        """Look at the workloads and Services of *baseline*, the rendering of the stable chart, in *namespace*.

        *dial* connects to the address of a Service. Without it, requests go through the API server.
        """
        self._dial = dial
        self._stable = stable_of(baseline)
        self._namespace = namespace
        self._client = client
        self._watcher = watcher
        self._prober: Prober | None = None

    @property
    def probes(self) -> tuple[Probe, ...]:
        """Return the requests to its Service so far."""
        return self._prober.probes if self._prober else ()

    @property
    def way(self) -> Way:
        """Return how requests reach its Service: at its address, unless it has none, or the cluster allows no such."""
        has_address = any(address for name, _ in self._stable.services[:1] for address in self._addresses(name))
        return "service-address" if self._dial and has_address else "api-server"

    def unready(self, generations: Mapping[ObjectKey, int] = MappingProxyType({})) -> str:
        """Return why it is not ready; empty when it is.

        The status of a workload counts from its generation in *generations* on.
        """
        cause = unready(self._watcher.recording.timeline, self._stable, generations)
        return describe(cause) if cause else ""

    def generations(self) -> dict[ObjectKey, int]:
        """Return the generation that each of its workloads has now, as the API server says."""
        get, namespace = self._client.get, self._namespace
        found = {key: get(RESOURCES[key.kind], key.name, namespace) for key in self._stable.workloads}
        return {key: integer_at(body, "metadata", "generation") for key, body in found.items()}

    def await_ready(self) -> None:
        """Wait until it is ready and its Service answers.

        Raises WaitError when that does not come in time, and InfrastructureError when a policy of the cluster refuses
        its pods.
        """
        within = self._watcher.time_limits.settle
        self._watcher.wait("ready stable app", self._is_ready, within=within, seen=self.unready)
        self._watcher.wait(
            "answer of the stable Service",
            lambda: None if self._ask() else True,
            within=within,
            seen=lambda: str(self._ask() or "an answer"),
        )

    def _is_ready(self) -> bool | None:
        if not self.unready():
            return True
        self._watcher.require_admission((), self._watcher.recording.timeline.messages)
        return None

    @contextmanager
    def probed(self) -> Iterator[None]:
        """Probe its Service for the length of the block.

        Raises InfrastructureError at the end when the last request did not reach the cluster.
        """
        if not self._stable.services:
            yield
            return
        recording, every = self._watcher.recording, self._watcher.time_limits.probe_every
        self._prober = Prober(self._ask, now=lambda: recording.now, every=every)
        with self._prober:
            yield
        if self._prober.fault:
            raise InfrastructureError(f"the stable Service could not be asked: {self._prober.fault}")

    def await_answer(self, since: float) -> None:
        """Probe until it is certain whether the Service answers after *since*. One failed request does not prove it.

        Raises WaitError when that does not come in time.
        """
        prober, time_limits = self._prober, self._watcher.time_limits
        if prober is None:
            return
        prober.ask()
        self._watcher.wait(
            "answer of the stable Service, or its lasting silence",
            lambda: is_certain(prober.probes, since, time_limits) or None,
            within=time_limits.settle,
            seen=lambda: prober.fault or f"{len(prober.probes)} requests",
        )

    def _ask(self) -> Unanswered | None:
        """Request its Service once; return why there was no answer, None when there was one or it has no Service."""
        for service, port in self._stable.services[:1]:
            *_, address = ("", *self._addresses(service))
            if self._dial is None or not address:
                return self._client.visit(self._namespace, service, port)
            within = self._watcher.time_limits.probe_timeout
            return visit_address(self._dial, address, port, f"{service}.{self._namespace}", within=within)
        return None

    def _addresses(self, service: str) -> list[str]:
        """Return the cluster IP in each version of a Service, latest last. Empty if it was deleted or is headless."""
        versions = self._watcher.recording.timeline.versions("Service", service)
        found = [text_at(it.object.body, "spec", "clusterIP") if it.change != "DELETED" else "" for it in versions]
        return [each.replace("None", "") for each in found]
