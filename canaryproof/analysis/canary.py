"""Finds the canary: the Deployment, of any name, that the submission adds to the course's chart.  Pure module."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass
from itertools import chain

from canaryproof.model.causes import Cause
from canaryproof.model.evidence import Canary, Decision, Rendering, ServiceRoute
from canaryproof.model.objects import POD_PARENTS, Manifest, ObjectKey, added, mapping_at, picks, service_ports


@dataclass(frozen=True)
class CanaryFinding:
    """The objects that the submission adds, and the canary among them. *decision* is set if no canary is found."""

    added: tuple[ObjectKey, ...]
    canary: Canary | None = None
    decision: Decision | None = None


def find_canary(baseline: Rendering, chart: Rendering) -> CanaryFinding:
    """Compare the submission with the course's chart, by kind and name.

    A Deployment of the course that is missing, and an added one with its images or its selector, are one Deployment
    that was renamed: that is no canary.
    """
    new = added(baseline.manifests, chart.manifests)
    candidates = _deployments(chart.manifests, new)
    for stable in _deployments(baseline.manifests, added(chart.manifests, baseline.manifests)):
        if renamed := _renamed(stable, candidates):
            candidates.remove(renamed)
    if len(candidates) == 1:
        return CanaryFinding(new, canary=_describe(candidates[0], chart.manifests, baseline.manifests))
    if candidates:
        return CanaryFinding(new, decision=_ambiguous(candidates))
    found = tuple(_instead(baseline.manifests, chart.manifests, new))
    return CanaryFinding(new, decision=Decision("no-canary", Cause(code="no-deployment-added", parts=found)))


def _ambiguous(candidates: Collection[Manifest]) -> Decision:
    parts = tuple(map(_added, candidates))
    return Decision("ambiguous", Cause(code="several-deployments-added", count=len(parts), parts=parts))


def _deployments(manifests: Iterable[Manifest], keys: Iterable[ObjectKey]) -> list[Manifest]:
    wanted = set(keys)
    return [each for each in manifests if each.kind == "Deployment" and each.key in wanted and not each.is_hook]


def _renamed(stable: Manifest, candidates: Iterable[Manifest]) -> Manifest | None:
    same_selector = (each for each in candidates if each.selector and each.selector == stable.selector)
    same_images = (each for each in candidates if _images(each) == _images(stable))
    return next(chain(same_selector, same_images), None)


def _images(manifest: Manifest) -> tuple[str, ...]:
    return tuple(sorted(container.image for container in manifest.containers))


def _added(manifest: Manifest) -> Cause:
    return Cause(code="object-added", object=str(manifest.key), file=manifest.template, hook=manifest.is_hook)


def _describe(deployment: Manifest, chart: Iterable[Manifest], baseline: Iterable[Manifest]) -> Canary:
    pulled = {container.image for each in baseline for container in each.containers}
    never = (container.image for container in deployment.containers if container.never_pulled)
    return Canary(
        deployment=deployment.name,
        source=deployment.source,
        replicas=deployment.replicas,
        ports=tuple(
            port.number for container in deployment.containers if not container.init for port in container.ports
        ),
        images=tuple(container.image for container in deployment.containers),
        services=tuple(_routes(deployment, tuple(chart))),
        unpulled=tuple(image for image in never if image not in pulled),
    )


def _routes(canary: Manifest, chart: tuple[Manifest, ...]) -> Iterator[ServiceRoute]:
    """Yield the Services that select the canary's pods, including the course's own."""
    for service in chart:
        if service.kind == "Service" and picks(service.selector, canary.pod_labels):
            yield ServiceRoute(
                name=service.name,
                source=service.source,
                ports=service_ports(service, canary.containers),
                also_selects=tuple(
                    str(other.key)
                    for other in chart
                    if other is not canary and other.kind in POD_PARENTS and picks(service.selector, other.pod_labels)
                ),
            )


def _instead(baseline: Iterable[Manifest], chart: Iterable[Manifest], new: Iterable[ObjectKey]) -> Iterator[Cause]:
    """Yield the changes that the submission contains instead of a canary Deployment."""
    fresh = set(new)
    known = {(each.kind, each.name): each for each in baseline}
    for manifest in sorted(chart, key=lambda each: not mapping_at(each.body, "spec", "template")):  # likely ones first
        if manifest.key in fresh:
            yield _added(manifest)
        elif manifest.kind == "Deployment":
            yield from _changes(known[manifest.kind, manifest.name], manifest)


def _changes(stable: Manifest, changed: Manifest) -> Iterator[Cause]:
    images = {container.name: container.image for container in stable.containers}
    for container in changed.containers:
        if container.name not in images:
            yield Cause(code="container-added", container=container.name, object=str(changed.key))
        elif container.image != images[container.name]:
            yield Cause(code="image-changed", image=container.image, object=str(changed.key))
