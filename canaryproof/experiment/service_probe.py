"""Sends requests to one Service of the stable app: first until it answers, and then during the experiment."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace

from canaryproof.analysis.availability import is_certain
from canaryproof.analysis.watched_services import WatchedService
from canaryproof.errors import InfrastructureError
from canaryproof.experiment.prober import Prober
from canaryproof.experiment.watching import Watcher
from canaryproof.kube.client import KubeClient
from canaryproof.kube.running_cluster import Dial
from canaryproof.kube.service_visit import visit_address
from canaryproof.model.evidence import Probe, Unanswered, Way
from canaryproof.model.objects import text_at


class ServiceProbe:
    """Asks *service* in a namespace.

    A server that speaks no HTTP may accept a connection and close it without an answer.  If it does so when the stable
    app is ready, this counts as its answer from then on.
    """

    def __init__(
        self,
        service: WatchedService,
        namespace: str,
        client: KubeClient,
        watcher: Watcher,
        limit: float,
        *,
        dial: Dial | None = None,
    ) -> None:
        """Ask at the address of the Service, or through *client* if it has none or there is no *dial*.

        *limit* is the longest permitted outage in seconds.
        """
        self._dial = dial
        self.service = service
        self._namespace = namespace
        self._client = client
        self._watcher = watcher
        self._limit = limit
        self._closes = False
        self._prober: Prober | None = None

    @property
    def way(self) -> Way:
        """Return how requests reach the Service: at its address, unless it never had one, or the cluster lacks them."""
        return "service-address" if self._dial and any(self._addresses()) else "api-server"

    @property
    def probes(self) -> tuple[Probe, ...]:
        """Return the requests so far."""
        found = self._prober.probes if self._prober else ()
        return tuple(replace(each, service=self.service.label) for each in found)

    def await_first_answer(self) -> None:
        """Wait until the Service answers.

        Raises WaitError when that does not come in time.
        """
        self._watcher.wait(
            f"answer of the stable Service {self.service.name}",
            self._answers,
            within=self._watcher.time_limits.settle,
            seen=lambda: str(self._ask() or "an answer"),
        )

    @contextmanager
    def asking(self) -> Iterator[None]:
        """Ask for the length of the block.

        Raises InfrastructureError at the end when the last request did not reach the cluster.
        """
        recording, every = self._watcher.recording, self._watcher.time_limits.probe_every
        self._prober = Prober(self._ask, now=lambda: recording.now, every=every)
        with self._prober:
            yield
        if self._prober.fault:
            raise InfrastructureError(
                f"canaryproof could not send requests to the stable Service: {self._prober.fault}"
            )

    def await_answer(self, since: float) -> None:
        """Ask until it is certain whether the Service answers after *since*. One failed request does not prove it.

        Raises WaitError when that does not come in time.
        """
        prober, time_limits = self._prober, replace(self._watcher.time_limits, outage=self._limit)
        if prober is None:
            return
        prober.ask()
        self._watcher.wait(
            f"certain answer or outage of the stable Service {self.service.name}",
            lambda: is_certain(prober.probes, since, time_limits) or None,
            within=time_limits.settle + self._limit,
            seen=lambda: prober.fault or f"{len(prober.probes)} requests",
        )

    def _answers(self) -> bool | None:
        failure = self._ask()
        self._closes = failure is not None and failure.closed
        return True if failure is None or failure.closed else None

    def _ask(self) -> Unanswered | None:
        """Request the Service once; return why there was no answer, None when there was one."""
        failure = self._visit()
        return None if failure and failure.closed and self._closes else failure

    def _visit(self) -> Unanswered | None:
        service = self.service
        *_, address = ("", *self._addresses())
        if self._dial is None or not address:
            return self._client.visit(self._namespace, service.name, service.port, service.path)
        within, host = self._watcher.time_limits.probe_timeout, f"{service.name}.{self._namespace}"
        return visit_address(self._dial, address, service.port, host, service.path, within=within)

    def _addresses(self) -> list[str]:
        """Return the cluster IP in each version of the Service, latest last. Empty if it was deleted or is headless."""
        versions = self._watcher.recording.timeline.versions("Service", self.service.name)
        found = [text_at(it.object.body, "spec", "clusterIP") if it.change != "DELETED" else "" for it in versions]
        return [each.replace("None", "") for each in found]
