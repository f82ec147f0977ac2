"""Asks a cluster for all that is left of a release, in requests that only read, and makes evidence of it."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from concurrent.futures import Future
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Any, Self

from canaryproof.analysis.leftovers import descendants, leftover
from canaryproof.analysis.stable_state import stable_of, unready
from canaryproof.checks import registry
from canaryproof.errors import InfrastructureError
from canaryproof.experiment.prober import probe
from canaryproof.helm.releases import TYPE, Record, record_of, selector
from canaryproof.helm.verbs import Helm
from canaryproof.kube.client import KubeClient
from canaryproof.kube.recorder import WATCHED
from canaryproof.kube.resources import SECRETS, Resource
from canaryproof.kube.run_credentials import redactor_of
from canaryproof.kube.running_cluster import Cluster
from canaryproof.model.causes import Cause
from canaryproof.model.evidence import Evidence, Leftover, Observed, Probe, Rendering, Setting, Step
from canaryproof.model.evidence_redaction import SecretValues, bodies_of, without_secrets
from canaryproof.model.objects import BODIES, Body, Manifest, ObjectKey, text_at
from canaryproof.model.timeline import Observation, Timeline
from canaryproof.observe.event_rules import fate
from canaryproof.observe.revisions import Story, tell
from canaryproof.redaction import LAST_APPLIED
from canaryproof.scenario import Course
from canaryproof.submissions.discovery import Submission
from canaryproof.system.tempdirs import scratch, sweep_scratch
from canaryproof.timeouts import DURATIONS, TimeLimits

STORES = (Resource("Secret", "/api/v1", "secrets"), Resource("ConfigMap", "/api/v1", "configmaps"))
"""Where Helm keeps releases: in Secrets, unless HELM_DRIVER says ConfigMaps."""
VISITS = 5
"""Requests to the stable Service while the canary is there."""
OF_THE_CANARY = (
    registry.CANARY_PRESENT,
    registry.CANARY_REPLICAS,
    registry.CANARY_PORT,
    registry.CANARY_SERVICE,
    registry.UPGRADE_APPLIED,
    registry.CANARY_OUTCOME,
    registry.CANARY_GONE,
)
"""The checks that take the revision with the canary."""


class Observatory:
    """Takes the one release that the course names, and promises evidence, as a laboratory does."""

    def __init__(self, cluster: Cluster, client: KubeClient, helm: Helm, course: Course) -> None:
        """Look at *cluster* with *client*; *helm* only renders the course's chart."""
        self._client = client
        self._helm = helm
        self._course = course
        self._kubernetes = cluster.kubernetes
        self._redactor = redactor_of(cluster, client)
        self._setting = Setting(cluster.provider, cluster.kubernetes, cluster.nodes, helm.version(), cluster.images)

    @classmethod
    @contextmanager
    def open(cls, cluster: Cluster, *, course: Course, helm: Path, durations: TimeLimits = DURATIONS) -> Iterator[Self]:
        """Yield an observatory of *cluster*.

        Raises InfrastructureError when Helm does not run, and UsageError when the kubeconfig has no such context.
        """
        sweep_scratch()
        with closing(KubeClient(cluster.kubeconfig, cluster.context, durations)) as client, scratch() as home:
            yield cls(cluster, client, Helm.on(cluster, helm, home, durations=durations), course)

    def submit(self, submission: Submission) -> Future[Evidence]:
        """Look now; the future never raises on account of the cluster."""
        promised: Future[Evidence] = Future()
        secrets = SecretValues()
        evidence = Evidence(submission.name, submission.source, self._setting, namespace=self._course.namespace)
        try:
            seen = self._observed(evidence, secrets)
        except InfrastructureError as error:
            seen = replace(evidence, fault=" ".join(str(error).split()))
        promised.set_result(without_secrets(seen, secrets.redactor(self._redactor)))
        return promised

    def _observed(self, evidence: Evidence, secrets: SecretValues) -> Evidence:
        release, namespace = self._course.release, self._course.namespace
        baseline = self._helm.renderer.template(
            release, self._course.baseline, namespace, kubernetes=self._kubernetes, trusted=True
        )
        if baseline.error:
            raise InfrastructureError(f"the course's own chart does not render: {baseline.error}")
        records = self._records()
        secrets.learn(bodies_of(baseline.manifests))
        for record in records:
            secrets.learn(bodies_of(record.rendering.manifests))
        self._learn_secrets(secrets)
        story = tell(records, baseline)
        scene = _Scene(self._client, namespace, story)
        return _evidence(evidence, baseline, story, scene)

    def _learn_secrets(self, secrets: SecretValues) -> None:
        """Learn the Secrets that are in the namespace now, where the account may list them."""
        with suppress(InfrastructureError):
            items = self._client.list(SECRETS, self._course.namespace).items
            found = ({"kind": SECRETS.kind, **BODIES.decode(item)} for item in items)
            secrets.learn(each for each in found if each.get("type") != TYPE)

    def _records(self) -> tuple[Record, ...]:
        release, namespace = self._course.release, self._course.namespace
        for store in STORES:
            items = self._client.list(store, namespace, labels=selector(release)).items
            if items:
                return tuple(record_of(BODIES.decode(item)) for item in items)
        raise InfrastructureError(
            f"there is no release {release} in namespace {namespace} of context {self._client.context}: nothing was"
            " installed there, or it was elsewhere; helm list --all-namespaces shows what there is"
        )


@dataclass(frozen=True)
class _Scene:
    """What is there of a release now, on the clock of its first revision."""

    client: KubeClient
    namespace: str
    story: Story

    def at(self, time: datetime) -> float:
        """Return a time in seconds from the first revision that is on record."""
        return (time - self.story.records[0].deployed_at).total_seconds()

    def timeline(self, now: float) -> Timeline:
        """Return objects and events, each at the time of what it tells of last."""
        seen = [
            Observation(min(now, self._told_at(body, now)), "ADDED", Manifest(body))
            for kind in WATCHED
            for body in self._all(kind)
        ]
        return Timeline(tuple(sorted(seen, key=lambda each: each.at)))

    def _all(self, kind: Resource) -> Iterator[Body]:
        known = {"kind": kind.kind, "apiVersion": kind.api.removeprefix("/apis/").removeprefix("/api/")}
        for item in self.client.list(kind, self.namespace).items:
            body: Body = known | BODIES.decode(item)
            body["metadata"].pop("managedFields", None)
            body["metadata"].get("annotations", {}).pop(LAST_APPLIED, None)
            yield body

    def _told_at(self, body: Body, now: float) -> float:
        """Return when the state began that an object is in: the last of all times in its status, or of an event."""
        times = {"Event": ("lastTimestamp", "eventTime", "firstTimestamp")}.get(body["kind"])
        told = [text_at(body, name) for name in times] if times else list(_times(body.get("status")))
        return max((self.at(datetime.fromisoformat(each)) for each in told if each), default=now)

    def left(self, timeline: Timeline) -> tuple[Leftover, ...]:
        """Return what the canary's revision added, and what that owns, as far as it is there now."""
        found: dict[ObjectKey, Manifest] = {}
        for manifest in self.story.submitted.rendering.manifests:
            if manifest.key in self.story.finding.added and (body := self._get(manifest)) is not None:
                found[manifest.key.local] = Manifest(body)
        family = descendants(timeline, [key.local for key in self.story.finding.added])
        found |= {key: each for key, each in timeline.objects.items() if key in family}
        names = frozenset(found)
        return tuple(leftover(key, each, names) for key, each in found.items())

    def _get(self, manifest: Manifest) -> Body | None:
        resource = self.client.resource(manifest.api_version, manifest.kind)
        return self.client.get(resource, manifest.name, manifest.namespace or self.namespace) if resource else None

    def visits(self, services: Iterable[tuple[str, int]], now: float) -> Iterator[Probe]:
        """Ask the stable Service a few times."""
        for service, port in tuple(services)[:1]:
            for number in range(VISITS):
                unanswered = self.client.visit(self.namespace, service, port)
                yield probe(now + number * DURATIONS.probe_every, 0.0, unanswered)


def _evidence(evidence: Evidence, baseline: Rendering, story: Story, scene: _Scene) -> Evidence:
    """Make evidence of all that is there."""
    now = scene.at(scene.client.now())
    timeline = scene.timeline(now)
    stable = stable_of(baseline.manifests)
    unready_now = unready(timeline, stable, {})
    left = scene.left(timeline)
    canary, upgraded_at = story.finding.canary, scene.at(story.submitted.deployed_at)
    rolled_back_at = scene.at(story.rollback.deployed_at) if story.rollback else None
    evidence = replace(
        evidence,
        baseline=baseline,
        chart=story.submitted.rendering,
        files=story.submitted.files,
        added=story.finding.added,
        canary=canary,
        history=tuple(record.line for record in story.records),
        timeline=timeline,
        install=Step("helm install", 0.0, 0.0),
        upgrade=_step(story.submitted, upgraded_at) if story.is_upgraded else None,
        rollback=_step(story.rollback, rolled_back_at) if story.rollback and rolled_back_at is not None else None,
        leftovers=left,
        gone_at=None if left else now,
        restored_at=None if unready_now else _ready_since(timeline, stable.deployments),
        ended_at=now,
    )
    gaps = dict(_gaps(story))
    if story.finding.decision:
        evidence = replace(evidence, decision=story.finding.decision)
    elif canary:
        found = fate(timeline, canary, upgraded_at=upgraded_at, rolled_back_at=rolled_back_at, now=now)
        evidence = replace(evidence, decision=found.decision)
        gaps |= {registry.CANARY_OUTCOME.id: found.decision.cause} if found.is_unknown else {}
        if not story.rollback and left:
            visits = tuple(scene.visits(stable.services, now))
            evidence = replace(evidence, probes=visits, ended_at=now + len(visits) * DURATIONS.probe_every)
            del gaps[registry.STABLE_SERVES_DURING_CANARY.id]
    return replace(evidence, observed=_observed(story, unready_now, gaps))


def _observed(story: Story, unready_now: Cause | None, gaps: Mapping[str, Cause]) -> Observed:
    return Observed(
        stable=story.stable.revision if story.stable else None,
        canary=story.submitted.revision if story.is_upgraded else None,
        rollback=story.rollback.revision if story.rollback else None,
        status=story.submitted.line.status,
        unready=unready_now,
        gaps=dict(gaps),
    )


def _gaps(story: Story) -> Iterator[tuple[str, Cause]]:
    for check in (registry.STABLE_SERVES_DURING_CANARY, registry.STABLE_NEVER_DOWN):
        yield check.id, Cause(code="not-watched")
    if story.is_pruned and story.finding.canary is None:
        for check in OF_THE_CANARY:
            yield check.id, Cause(code="revision-pruned", count=len(story.records))


def _step(record: Record, at: float) -> Step:
    verb = f"rollback, to revision {record.target}" if record.target else "upgrade"
    return Step(f"helm {verb}", at, at, record.line.description if record.line.status == "failed" else "")


def _ready_since(timeline: Timeline, deployments: Iterable[str]) -> float:
    since = [pod.ready_since for name in deployments for pod in timeline.pods_of(name) if pod.is_live]
    return max((each for each in since if each is not None), default=0.0)


_TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z")


def _times(value: Any) -> Iterator[str]:
    """Yield every time in the status of an object, at any depth."""
    if isinstance(value, dict):
        for each in value.values():
            yield from _times(each)
    elif isinstance(value, list):
        for each in value:
            yield from _times(each)
    elif isinstance(value, str) and _TIME.fullmatch(value):
        yield value
