"""Vets the rendered objects of a submission, for the cluster and the namespace of its experiment."""

from __future__ import annotations

from dataclasses import dataclass

from canaryproof.errors import UnsafeError
from canaryproof.kube.client import KubeClient
from canaryproof.model.evidence import Rendering, Setting
from canaryproof.model.objects import Manifest
from canaryproof.model.refusals import Policy, Refusal
from canaryproof.model.wording.refusal_sentences import describe_refusals
from canaryproof.submissions.chart_safety import check_chart

OWN_CLUSTERS = frozenset({"embedded", "kind", "minikube"})
"""Providers whose clusters belong to the run."""


class RefusedError(UnsafeError):
    """Objects of the chart must not be applied."""

    def __init__(self, refusals: tuple[Refusal, ...]) -> None:
        """Keep the facts."""
        super().__init__(describe_refusals(refusals))
        self.refusals = refusals


@dataclass(frozen=True)
class Vetting:
    """The rules for submissions on one cluster."""

    client: KubeClient
    setting: Setting
    own_namespace: str
    """The namespace that the scenario names: a chart may name it too, wherever it is installed."""

    def require_safe(self, rendering: Rendering, namespace: str) -> None:
        """Raise RefusedError when some object of *rendering* must not be applied in *namespace*."""
        if refusals := self.refusals(rendering, namespace):
            raise RefusedError(refusals)

    def refusals(self, rendering: Rendering, namespace: str) -> tuple[Refusal, ...]:
        """Return which objects of *rendering* must not be applied in *namespace*, and why."""
        policy = Policy(
            namespaces=(namespace, self.own_namespace),
            namespaced=self._is_namespaced,
            shared_cluster=self.setting.provider not in OWN_CLUSTERS,
            nodes=self.setting.nodes,
        )
        return check_chart(rendering.manifests, policy)

    def _is_namespaced(self, manifest: Manifest) -> bool | None:
        resource = self.client.resource(manifest.api_version, manifest.kind)
        return resource.namespaced if resource else None
