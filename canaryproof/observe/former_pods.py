"""Distinguishes the pods of stable from those of a canary that was changed in place.  This module is pure.

No recorder saw the upgrade, so only the pod templates of both revisions distinguish them: a pod is stable's if the
fields in which the templates differ have the values of stable's.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace

from canaryproof.analysis.stable_state import leaves
from canaryproof.model.evidence import Canary, Rendering
from canaryproof.model.objects import REVISION_LABELS, Body, Manifest, ObjectKey, mapping_at
from canaryproof.model.timeline import Timeline

Fields = dict[str, str]
"""The values of a pod template by their paths."""


def with_former_templates(canary: Canary, stable: Rendering, chart: Rendering, timeline: Timeline) -> Canary:
    """Return *canary* with the revision hashes of its pods and ReplicaSets that have the pod template of *stable*.

    *chart* is the rendering of the canary's revision.
    """
    if not canary.in_place:
        return canary
    was, now = (_template(canary.key, each.manifests) for each in (stable, chart))
    seen = {each.uid: each for each in (*_pods(canary, timeline), *_replica_sets(canary, timeline))}
    former = (_revision(each) for each in seen.values() if _fits(_fields(each.pod_template or each.body), was, now))
    return replace(canary, former=tuple(dict.fromkeys(filter(None, former))))


def _template(key: ObjectKey, manifests: Iterable[Manifest]) -> Fields:
    return next((_fields(each.pod_template) for each in manifests if each.key.local == key), {})


def _fields(template: Body) -> Fields:
    parts = {"spec": mapping_at(template, "spec")}
    parts |= {name: mapping_at(template, "metadata", name) for name in ("labels", "annotations")}
    return dict(leaves(parts))


def _fits(live: Fields, was: Fields, now: Fields) -> bool:
    """Report whether *live* rather has the values of the template *was* in which it differs from *now*."""
    differ = [path for path in was.keys() | now.keys() if was.get(path) != now.get(path)]
    for_stable = sum(live.get(path) == was.get(path) for path in differ)
    return for_stable > sum(live.get(path) == now.get(path) for path in differ)


def _pods(canary: Canary, timeline: Timeline) -> Iterator[Manifest]:
    yield from (pod.latest for pod in timeline.pods_of(canary.key))


def _replica_sets(canary: Canary, timeline: Timeline) -> Iterator[Manifest]:
    for each in timeline.objects.values():
        if each.kind == "ReplicaSet" and canary.key in {owner.key for owner in each.owners}:
            yield each


def _revision(manifest: Manifest) -> str:
    return next((str(manifest.labels[name]) for name in REVISION_LABELS if name in manifest.labels), "")
