"""The canary in the namespace of one experiment: its outcome, and the logs of its containers."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

from canaryproof.analysis.decisive_container import decisive_container
from canaryproof.analysis.infrastructure import foreign_images, out_of_reach
from canaryproof.analysis.outcome import decide, with_program_checked
from canaryproof.errors import InfrastructureError
from canaryproof.experiment.container_logs import last_lines
from canaryproof.experiment.context import Target
from canaryproof.experiment.watching import Watcher
from canaryproof.kube.client import KubeClient
from canaryproof.model.evidence import Canary, ContainerLog, Decision, Evidence, Setting
from canaryproof.model.objects import Manifest
from canaryproof.model.timeline import Timeline
from canaryproof.model.wording.cause_sentences import describe
from canaryproof.scenario.terms import Expectation, Scenario

LOGGED_PODS = 3
AMD64 = frozenset({"x86_64", "amd64"})
"""The names of the processor for which the images of the UpCommerce course are built."""


def with_foreign_images(canary: Canary, evidence: Evidence, scenario: Scenario, setting: Setting) -> Canary:
    """Return *canary* with the images that no node can have when stand-ins replace the images of *scenario*."""
    stand_ins = scenario.stand_ins if setting.images == "stand-in" else ()
    with_volumes = replace(canary, images=(*canary.images, *_workload(canary, evidence).volume_images))
    return replace(canary, foreign=foreign_images(with_volumes, stand_ins))


def _workload(canary: Canary, evidence: Evidence) -> Manifest:
    return next(each for each in evidence.chart.manifests if each.key.local == canary.key)


def with_decisive_container(canary: Canary, evidence: Evidence, expect: Expectation) -> Canary:
    """Return *canary* with the container that the scenario asks about."""
    own = [each for each in _workload(canary, evidence).containers if each.image not in canary.foreign]
    return replace(canary, decisive=expect.container or decisive_container(own, expect.image, expect.container_port))


def await_outcome(canary: Canary, upgraded_at: float, watcher: Watcher) -> Decision:
    """Watch until the outcome of *canary* is certain.

    Raises WaitError when the run ends first.
    """
    recording, time_limits = watcher.recording, watcher.time_limits
    decision = watcher.wait(
        f"certain outcome of {canary.name}",
        lambda: decide(recording.timeline, canary, upgraded_at, recording.now, time_limits),
        within=time_limits.observation_extended + time_limits.request,
    )
    return replace(decision, at=recording.now)


def require_in_reach(decision: Decision, canary: Canary, timeline: Timeline, target: Target) -> None:
    """Raise InfrastructureError when a limitation of the cluster, and not the canary, caused the outcome."""
    answer = target.ask_registry(decision.cause.image) if decision.cause.code == "image-pull-failed" else None
    if lack := out_of_reach(decision, canary, timeline, target.registries, answer):
        raise InfrastructureError(describe(lack))


def require_own_processor(evidence: Evidence, scenario: Scenario, machine: str) -> None:
    """Raise InfrastructureError if an image of the scenario is built for another processor than the *machine* has."""
    cause, image = with_program_checked(evidence.decision, evidence.logs).cause, own_image(evidence, scenario)
    if cause.why == "other-processor" and machine not in AMD64 and image:
        raise InfrastructureError(describe(replace(cause, code="image-for-other-processor", image=image)))


def own_image(evidence: Evidence, scenario: Scenario) -> str:
    """Return the image of the scenario that the deciding container runs unchanged, or an empty string."""
    own = {scenario.expect.image, *scenario.images}
    containers = (each for manifest in evidence.chart.manifests for each in manifest.containers)
    decided = (each for each in containers if each.name == evidence.decision.cause.container and not each.command)
    return next((each.image for each in decided if each.image in own), "")


def read_logs(canary: Canary, namespace: str, client: KubeClient, watcher: Watcher) -> tuple[ContainerLog, ...]:
    """Return the last log lines of the canary's containers, from their current and previous runs."""
    wanted = tuple(_containers(canary, watcher))
    if not wanted:
        return ()

    def read(container: tuple[str, str, bool]) -> ContainerLog:
        pod, name, previous = container
        return last_lines(client, namespace, pod, name, previous=previous)

    with ThreadPoolExecutor(len(wanted), "logs") as pool:
        return tuple(log for log in pool.map(read, wanted) if log.text)


def _containers(canary: Canary, watcher: Watcher) -> Iterator[tuple[str, str, bool]]:
    """Yield the pod, the container, and whether to read the log of its previous run."""
    timeline = watcher.recording.timeline
    existing = [pod for pod in canary.pods(timeline) if pod.versions[-1].change != "DELETED" and not pod.failure]
    for pod in existing[:LOGGED_PODS]:
        for container in pod.containers:
            for previous in (True, False):
                yield pod.name, container.name, previous
