"""Reads what a cluster still shows of a release, in requests that change nothing."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime
from typing import Any

from canaryproof.analysis.leftovers import descendants, leftover, new_pods
from canaryproof.analysis.stable_state import Stable
from canaryproof.experiment.prober import probe
from canaryproof.helm.releases import OF_HELM, Record, record_of, selector
from canaryproof.kube.client import KubeClient
from canaryproof.kube.recorder import WATCHED, body_of
from canaryproof.kube.resources import EVENTS, SECRETS, Resource
from canaryproof.model.evidence import Holder, Leftover, Probe
from canaryproof.model.objects import BODIES, Body, Manifest, text_at
from canaryproof.model.timeline import Observation, Timeline
from canaryproof.observe.observed_evidence import CurrentState
from canaryproof.observe.revisions import Revisions

STORES = (SECRETS, Resource("ConfigMap", "/api/v1", "configmaps"))
"""The resources in which Helm stores releases: Secrets, or ConfigMaps if HELM_DRIVER selects them."""
PROBES = 5
"""Requests to the stable Service while the canary is there."""
_EVENT_TIMES = ("lastTimestamp", "eventTime", "firstTimestamp")
_TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z")


def read_records(client: KubeClient, release: str, namespace: str) -> tuple[Record, ...]:
    """Return the revisions of *release* that Helm has on record; empty where there are none."""
    for store in STORES:
        if items := client.list(store, namespace, labels=selector(release)).items:
            return tuple(record_of(BODIES.decode(item)) for item in items)
    return ()


def read_releases(client: KubeClient, namespace: str) -> tuple[str, ...]:
    """Return the names of all releases that Helm has on record in *namespace*."""
    items = (item for store in STORES for item in client.list(store, namespace, labels=OF_HELM).items)
    return tuple(sorted({text_at(BODIES.decode(item), "metadata", "labels", "name") for item in items}))


def read_events(client: KubeClient, namespace: str) -> Timeline:
    """Return all events in *namespace*, in the order of their first occurrences."""
    listed = [body_of(EVENTS, item) for item in client.list(EVENTS, namespace).items]
    return Timeline(tuple(Observation(0, "ADDED", Manifest(each)) for each in listed))


def read_state(client: KubeClient, namespace: str, revisions: Revisions) -> CurrentState:
    """Return what *namespace* shows of a release with *revisions*."""
    now = revisions.seconds(client.now())
    bodies = (body_of(kind, item) for kind in WATCHED for item in client.list(kind, namespace).items)
    seen = [Observation(_last_change(body, revisions, now), "ADDED", Manifest(body)) for body in bodies]
    timeline = Timeline(tuple(sorted(seen, key=lambda each: each.at)))
    found = {
        manifest.key.local: Manifest(body)
        for manifest in revisions.submitted.rendering.manifests
        if manifest.key in revisions.finding.added and (body := _get(client, manifest, namespace)) is not None
    }
    family = descendants(timeline, [key.local for key in revisions.finding.added])
    found |= {key: each for key, each in timeline.objects.items() if key in family}
    found |= new_pods(timeline, revisions.canary(timeline))
    kept = frozenset(found)
    leftovers = tuple(_held(leftover(key, each, kept, timeline), revisions) for key, each in found.items())
    return CurrentState(now, timeline, leftovers)


def _held(left: Leftover, revisions: Revisions) -> Leftover:
    """Return *left*, held by the failed revision before the rollback if nothing else holds it."""
    failed = revisions.forgotten_in
    return left if left.holder or failed is None else replace(left, holder=Holder("revision", str(failed.revision)))


def probe_stable(client: KubeClient, namespace: str, stable: Stable, began: float, every: float) -> tuple[Probe, ...]:
    """Request the first stable Service a few times; the probes count as made *every* seconds from *began* on."""
    return tuple(
        probe(began + number * every, 0.0, client.visit(namespace, service, port))
        for service, port in stable.services[:1]
        for number in range(PROBES)
    )


def _get(client: KubeClient, manifest: Manifest, namespace: str) -> Body | None:
    resource = client.resource(manifest.api_version, manifest.kind)
    return client.get(resource, manifest.name, manifest.namespace or namespace) if resource else None


def _last_change(body: Body, revisions: Revisions, now: float) -> float:
    """Return when the state of an object began: the last of all times in its status, or of an event."""
    is_event = body["kind"] == "Event"
    times = [text_at(body, name) for name in _EVENT_TIMES] if is_event else list(_times(body.get("status")))
    return min(now, max((revisions.seconds(datetime.fromisoformat(each)) for each in times if each), default=now))


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
