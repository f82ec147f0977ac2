"""Finds the canary, of any name: the workload under test of an upgrade.  Pure module.

It is the workload that the scenario names, else the only one that the upgrade adds, else the only one whose pod
template it changes.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import chain

from canaryproof.analysis.canary_description import describe_canary
from canaryproof.model.causes import Cause, Code
from canaryproof.model.evidence import Canary, Decision, Rendering
from canaryproof.model.objects import WORKLOADS, Manifest, ObjectKey, added, mapping_at
from canaryproof.model.timeline import Timeline
from canaryproof.scenario.terms import Scenario, WorkloadName


@dataclass(frozen=True)
class CanaryFinding:
    """The objects that the upgrade adds, and the canary. *decision* is set if no canary is found."""

    added: tuple[ObjectKey, ...]
    canary: Canary | None = None
    decision: Decision | None = None


@dataclass(frozen=True)
class _Upgrade:
    """The rendered objects of the stable revision and of the canary's revision, and the keys of the added ones."""

    before: tuple[Manifest, ...]
    after: tuple[Manifest, ...]
    added: tuple[ObjectKey, ...]

    @property
    def workloads(self) -> list[Manifest]:
        """Return the workloads of the canary's revision."""
        return _workloads(self.after)

    def former(self, workload: Manifest) -> Manifest | None:
        """Return *workload* in the stable revision, or None if it is not there."""
        same = (each for each in _workloads(self.before) if (each.kind, each.name) == (workload.kind, workload.name))
        return next(same, None)

    @property
    def new_workloads(self) -> list[Manifest]:
        """Return the workloads that the upgrade adds."""
        return [each for each in self.workloads if each.key in self.added]

    @property
    def changed_workloads(self) -> list[Manifest]:
        """Return the workloads of both revisions whose pod templates differ."""
        both = ((self.former(each), each) for each in self.workloads)
        return [now for was, now in both if was and was.pod_template != now.pod_template]

    @property
    def changes_something(self) -> bool:
        """Report whether the upgrade adds nothing, and changes an object."""
        return not self.added and [each.body for each in self.before] != [each.body for each in self.after]


def find_canary(baseline: Rendering, chart: Rendering, scenario: Scenario, namespace: str = "") -> CanaryFinding:
    """Compare the canary's revision with the stable one, by kind and name, as *scenario* asks.

    A workload outside of *namespace*, if that is known, is no canary: nobody watches it there.
    """
    upgrade = _Upgrade(baseline.manifests, chart.manifests, added(baseline.manifests, chart.manifests))
    found = _within(namespace, _with_container(_target(upgrade, scenario), scenario.expect.container))
    if isinstance(found, Decision):
        return CanaryFinding(upgrade.added, decision=found)
    canary = describe_canary(found, upgrade.after, upgrade.before, in_place=upgrade.former(found) is not None)
    return CanaryFinding(upgrade.added, canary=canary)


def with_former_pods(canary: Canary, before: Timeline) -> Canary:
    """Return *canary* with the revision hashes of the pods that it had at the end of the timeline *before*.

    A timeline that ends when the upgrade begins tells the pods of the stable pod template from those of the canary's.
    """
    if not canary.in_place:
        return canary
    pods = (pod for pod in before.pods_of(canary.key) if pod.is_live)
    return replace(canary, former=tuple(dict.fromkeys(pod.revision for pod in pods)))


def _target(upgrade: _Upgrade, scenario: Scenario) -> Manifest | Decision:
    asked = scenario.expect.workload
    if asked and asked.name:
        return _named(upgrade, asked)
    if scenario.adds_deployment:
        return _added_deployment(upgrade)
    kinds = {asked.kind} if asked else set(WORKLOADS)
    if new := [each for each in upgrade.new_workloads if each.kind in kinds]:
        return _only("several-workloads-added", _without_renamed(upgrade, new) or new)
    if changed := [each for each in upgrade.changed_workloads if each.kind in kinds]:
        return _only("several-workloads-changed", changed)
    possible = [each for each in upgrade.workloads if each.kind in kinds]
    if upgrade.changes_something and len(possible) == 1:
        return possible[0]
    return Decision("no-canary", Cause(code="no-workload-changed", parts=tuple(_instead(upgrade))))


def _with_container(found: Manifest | Decision, container: str | None) -> Manifest | Decision:
    """Return *found*, or a decision if it is a workload without the container that the scenario names."""
    if isinstance(found, Decision) or container is None:
        return found
    names = tuple(each.name for each in found.containers)
    missing = Cause(code="container-missing", object=str(found.key), container=container, names=names)
    return found if container in names else Decision("no-canary", missing)


def _within(namespace: str, found: Manifest | Decision) -> Manifest | Decision:
    """Return *found*, or a decision if it is a workload of another namespace."""
    if isinstance(found, Decision) or not namespace or found.namespace in {"", namespace}:
        return found
    return Decision("no-canary", Cause(code="workload-elsewhere", object=str(found.key.local), found=found.namespace))


def _named(upgrade: _Upgrade, name: WorkloadName) -> Manifest | Decision:
    found = [each for each in upgrade.workloads if (each.kind, each.name) == (name.kind, name.name)]
    if found:
        return found[0]
    present = tuple(str(each.key) for each in upgrade.workloads)
    return Decision("no-canary", Cause(code="workload-missing", object=str(name), names=present))


def _added_deployment(upgrade: _Upgrade) -> Manifest | Decision:
    """Return the only Deployment that the upgrade adds.

    A stable Deployment that is missing, and an added one with its images or its selector, are one Deployment that was
    renamed: that is no canary.
    """
    new = [each for each in upgrade.new_workloads if each.kind == "Deployment"]
    candidates = _without_renamed(upgrade, new)
    if candidates:
        return _only("several-deployments-added", candidates)
    return Decision("no-canary", Cause(code="no-deployment-added", parts=tuple(_instead(upgrade))))


def _only(code: Code, candidates: Sequence[Manifest]) -> Manifest | Decision:
    if len(candidates) == 1:
        return candidates[0]
    parts = tuple(map(_added, candidates))
    return Decision("ambiguous", Cause(code=code, count=len(parts), parts=parts))


def _workloads(manifests: Iterable[Manifest]) -> list[Manifest]:
    return [each for each in manifests if each.kind in WORKLOADS and not each.is_hook]


def _without_renamed(upgrade: _Upgrade, candidates: Sequence[Manifest]) -> list[Manifest]:
    left, gone = list(candidates), set(added(upgrade.after, upgrade.before))
    for stable in _workloads(upgrade.before):
        if stable.key in gone and (renamed := _renamed(stable, left)):
            left.remove(renamed)
    return left


def _renamed(stable: Manifest, candidates: Iterable[Manifest]) -> Manifest | None:
    same_kind = [each for each in candidates if each.kind == stable.kind]
    same_selector = (each for each in same_kind if each.selector and each.selector == stable.selector)
    same_images = (each for each in same_kind if _images(each) == _images(stable))
    return next(chain(same_selector, same_images), None)


def _images(manifest: Manifest) -> tuple[str, ...]:
    return tuple(sorted(container.image for container in manifest.containers))


def _added(manifest: Manifest) -> Cause:
    return Cause(code="object-added", object=str(manifest.key), file=manifest.template, hook=manifest.is_hook)


def _instead(upgrade: _Upgrade) -> Iterator[Cause]:
    """Yield the changes that the upgrade makes instead of adding a canary."""
    fresh = set(upgrade.added)
    likely_first = sorted(upgrade.after, key=lambda each: not mapping_at(each.body, "spec", "template"))
    for manifest in likely_first:
        if manifest.key in fresh:
            yield _added(manifest)
        elif manifest.kind in WORKLOADS and (stable := upgrade.former(manifest)):
            yield from _changes(stable, manifest)


def _changes(stable: Manifest, changed: Manifest) -> Iterator[Cause]:
    images = {container.name: container.image for container in stable.containers}
    for container in changed.containers:
        if container.name not in images:
            yield Cause(code="container-added", container=container.name, object=str(changed.key))
        elif container.image != images[container.name]:
            yield Cause(code="image-changed", image=container.image, object=str(changed.key))
