"""The stable app in the namespace of one experiment: whether it is ready, and whether it answers."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from operator import attrgetter
from types import MappingProxyType

from canaryproof.analysis.availability import outage_limit
from canaryproof.analysis.stable_state import stable_of, unready
from canaryproof.analysis.watched_services import watched_services
from canaryproof.experiment.service_probe import ServiceProbe
from canaryproof.experiment.watching import Watcher
from canaryproof.kube.client import KubeClient
from canaryproof.kube.recorder import WATCHED
from canaryproof.kube.running_cluster import Dial
from canaryproof.model.evidence import Probe, Way
from canaryproof.model.objects import Manifest, ObjectKey, integer_at
from canaryproof.model.wording.cause_sentences import describe
from canaryproof.scenario.terms import Availability

RESOURCES = {each.kind: each for each in WATCHED}


class StableApp:
    """Waits for the stable app, and probes its Services."""

    def __init__(
        self,
        baseline: Iterable[Manifest],
        namespace: str,
        client: KubeClient,
        watcher: Watcher,
        availability: Sequence[Availability] = (),
        *,
        dial: Dial | None = None,
    ) -> None:
        """Look at the workloads and Services of *baseline*, the rendering of the stable chart, in *namespace*.

        *availability* names the Services to probe, and their limits. *dial* connects to the address of a Service.
        Without it, requests go through the API server.

        Raises ScenarioError when the stable chart has no such Service.
        """
        manifests = tuple(baseline)
        services = watched_services(manifests, availability)
        self._stable = replace(stable_of(manifests), services=tuple((each.name, each.port) for each in services))
        self._namespace = namespace
        self._client = client
        self._watcher = watcher
        limits = watcher.time_limits
        self._services = tuple(
            ServiceProbe(each, namespace, client, watcher, outage_limit(each.label, availability, limits), dial=dial)
            for each in services
        )

    @property
    def probes(self) -> tuple[Probe, ...]:
        """Return the requests to its Services so far, in the order in which they were made."""
        return tuple(sorted((probe for each in self._services for probe in each.probes), key=attrgetter("at")))

    @property
    def way(self) -> Way:
        """Return how requests reach its Services: at their addresses, unless none has one or the cluster lacks them."""
        return "service-address" if any(each.way == "service-address" for each in self._services) else "api-server"

    def unready(
        self, generations: Mapping[ObjectKey, int] = MappingProxyType({}), stuck: Collection[ObjectKey] = ()
    ) -> str:
        """Return why it is not ready; empty when it is.

        The status of a workload counts from its generation in *generations* on. The workloads that are *stuck*, and
        Services, which may lead to them, do not count.
        """
        workloads = tuple(each for each in self._stable.workloads if each not in stuck)
        stable = replace(self._stable, workloads=workloads, services=()) if stuck else self._stable
        cause = unready(self._watcher.recording.timeline, stable, generations)
        return describe(cause) if cause else ""

    def generations(self) -> dict[ObjectKey, int]:
        """Return the generation that each of its workloads has now, as the API server says."""
        get, namespace = self._client.get, self._namespace
        found = {key: get(RESOURCES[key.kind], key.name, namespace) for key in self._stable.workloads}
        return {key: integer_at(body, "metadata", "generation") for key, body in found.items()}

    def await_ready(self) -> None:
        """Wait until it is ready and its Services answer.

        Raises WaitError when that does not come in time, and InfrastructureError when a policy of the cluster refuses
        its pods.
        """
        within = self._watcher.time_limits.settle
        self._watcher.wait("ready stable app", self._is_ready, within=within, seen=self.unready)
        for each in self._services:
            each.await_first_answer()

    def _is_ready(self) -> bool | None:
        if not self.unready():
            return True
        self._watcher.require_admission((), self._watcher.recording.timeline.messages)
        return None

    @contextmanager
    def probed(self) -> Iterator[None]:
        """Probe its Services for the length of the block.

        Raises InfrastructureError at the end when the last request to one did not reach the cluster.
        """
        with ExitStack() as stack:
            for each in self._services:
                stack.enter_context(each.asking())
            yield

    def await_answer(self, since: float) -> None:
        """Probe until it is certain whether its Services answer after *since*. One failed request does not prove it.

        Raises WaitError when that does not come in time.
        """
        for each in self._services:
            each.await_answer(since)
