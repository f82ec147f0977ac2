"""Handles objects that the scenario's own charts have outside of the experiment's namespace, such as CRDs.

A cluster of the run may get such objects. Another cluster may get them only if the scenario says so. The experiment
removes them at its end.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass

from canaryproof.errors import InfrastructureError, ScenarioError, SubmissionError, UnsafeError
from canaryproof.experiment.context import Context
from canaryproof.experiment.vetting import OWN_CLUSTERS
from canaryproof.helm.inputs import SetupInputs
from canaryproof.kube.client import KubeClient
from canaryproof.model.evidence import Rendering
from canaryproof.model.objects import Manifest
from canaryproof.model.rendered_yaml import parse
from canaryproof.scenario.terms import SetupManifest

RELEASE_NAMESPACE = "meta.helm.sh/release-namespace"
WHAT = "the objects that the scenario's charts put outside of their namespace"


@dataclass(frozen=True)
class OutsideObjects:
    """The objects outside of *namespace* that the scenario's own charts and its setup have."""

    client: KubeClient
    namespace: str
    found: tuple[Manifest, ...]

    @classmethod
    def of(cls, context: Context, namespace: str, canary: Rendering) -> OutsideObjects:
        """Return the objects of a scenario, whose own charts render here without the cluster.

        *canary* is the rendering of the chart with the canary, or empty if that is a submission.

        Raises ScenarioError when the cluster must not get such objects.
        """
        client, permitted = context.target.client, _permits(context)
        found = cls(client, namespace, ())
        outside = tuple(each for each in _objects(context, namespace, canary) if found.is_outside(each))
        if outside and not permitted:
            raise ScenarioError(
                f"{outside[0].key} of the scenario's charts lies outside of the namespace of the experiment, and"
                f" this cluster ({context.target.setting.provider}) does not belong to the run",
                "write clusterScoped: true into the scenario file if the charts may have such objects there",
            )
        return cls(client, namespace, outside)

    def is_outside(self, manifest: Manifest) -> bool:
        """Report whether an object is cluster-scoped, or lies in another namespace."""
        resource = self.client.resource(manifest.api_version, manifest.kind)
        return bool(resource and not resource.namespaced) or manifest.namespace not in {"", self.namespace}

    @contextmanager
    def removed(self) -> Iterator[None]:
        """Remove the objects at the end of the block, except for those that exist now."""
        new = [each for each in self.found if self._get(each) is None]
        try:
            yield
        finally:
            with suppress(InfrastructureError):  # a cluster that is gone has no objects left
                for each in reversed(new):
                    self._delete(each)

    def remove_applied(self, applied: Iterable[Manifest]) -> None:
        """Remove the objects outside among those that Helm *applied*. Templates can add some in the cluster only."""
        with suppress(InfrastructureError):
            for each in applied:
                if self.is_outside(each) and self._is_ours(each):
                    self._delete(each)

    def _is_ours(self, manifest: Manifest) -> bool:
        live = self._get(manifest)
        return live is not None and live.annotations.get(RELEASE_NAMESPACE) == self.namespace

    def _get(self, manifest: Manifest) -> Manifest | None:
        resource = self.client.resource(manifest.api_version, manifest.kind)
        body = resource and self.client.get(resource, manifest.name, manifest.namespace)
        return Manifest(body) if body else None

    def _delete(self, manifest: Manifest) -> None:
        if resource := self.client.resource(manifest.api_version, manifest.kind):
            self.client.delete(resource, manifest.name, manifest.namespace)


def _permits(context: Context) -> bool:
    return context.scenario.cluster_scoped or context.target.setting.provider in OWN_CLUSTERS


def _objects(context: Context, namespace: str, canary: Rendering) -> Iterator[Manifest]:
    """Yield the objects of the setup, of all stable revisions, and of *canary*."""
    inputs, release = context.inputs, context.scenario.release
    for part in inputs.setup:
        if isinstance(part, SetupManifest):
            with suppress(OSError, UnicodeDecodeError, SubmissionError):  # the setup itself reports it
                yield from parse(part.manifest.read_text(encoding="utf-8"))
        else:
            yield from _rendered(context, part, namespace)
    is_known = context.scenario.submits_charts  # then a rendering of the last revision is shared by all submissions
    for revision in inputs.stable[:-1] if is_known else inputs.stable:
        yield from _rendered(context, SetupInputs(release, revision.own_chart, revision.values), namespace)
    if is_known:
        yield from context.baseline.rendered(namespace).manifests
    yield from canary.manifests


def _rendered(context: Context, part: SetupInputs, namespace: str) -> tuple[Manifest, ...]:
    """Return the objects of a chart, or its CRDs alone if it only renders in the cluster.

    Raises ScenarioError in that case if the cluster must not get objects outside of the namespace.
    """
    kubernetes = context.target.setting.kubernetes
    renderer = context.target.helm.renderer
    try:
        rendering = renderer.template(
            part.release, part.chart, namespace, values=part.values, kubernetes=kubernetes, trusted=True
        )
    except UnsafeError as error:
        rendering = Rendering(error=error.message)
    if rendering.error and not _permits(context):
        raise ScenarioError(
            f"the chart {part.chart} does not render without the cluster, so that canaryproof cannot tell whether it"
            f" has cluster-scoped objects: {rendering.error}",
            "write clusterScoped: true into the scenario file if it may have them on this cluster",
        )
    return renderer.definitions(part.chart) if rendering.error else rendering.manifests
