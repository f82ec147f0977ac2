"""Renders the stable chart for all experiments of a run."""

from __future__ import annotations

import threading

from canaryproof.errors import ScenarioError, UnsafeError
from canaryproof.helm.inputs import RevisionInputs
from canaryproof.helm.verbs import Helm
from canaryproof.model.evidence import Rendering

NAMESPACES = ("canaryproof-one", "canaryproof-other")
"""Two namespaces. A chart that renders identically in both does not depend on its namespace."""


class Baseline:
    """Renders the stable chart once for all namespaces, or for each of them where it depends on its namespace."""

    def __init__(self, helm: Helm, release: str, inputs: RevisionInputs, kubernetes: str) -> None:
        """Render as for API version *kubernetes*, on the first use."""
        self._helm = helm
        self._release = release
        self._inputs = inputs
        self._kubernetes = kubernetes
        self._lock = threading.Lock()
        self._both: tuple[Rendering, ...] = ()

    def rendered(self, namespace: str) -> Rendering:
        """Return the rendering for *namespace*.

        Raises ScenarioError when the chart does not render.
        """
        with self._lock:
            self._both = self._both or tuple(map(self._render, NAMESPACES))
        one, other = self._both
        rendering = one if one == other else self._render(namespace)
        if rendering.error:
            raise ScenarioError(f"the stable chart {self._inputs.own_chart} does not render: {rendering.error}")
        return rendering

    def _render(self, namespace: str) -> Rendering:
        chart, values = self._inputs.own_chart, self._inputs.values
        try:
            return self._helm.renderer.template(
                self._release, chart, namespace, values=values, kubernetes=self._kubernetes, trusted=True
            )
        except UnsafeError as error:  # the machine is busy: the stable chart is trusted
            return Rendering(error=str(error))
