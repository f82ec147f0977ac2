"""Renders the stable chart for all experiments of a run."""

from __future__ import annotations

import threading

from canaryproof.errors import InfrastructureError, UnsafeError
from canaryproof.helm.verbs import Helm
from canaryproof.model.evidence import Rendering
from canaryproof.scenario.terms import Scenario

NAMESPACES = ("canaryproof-one", "canaryproof-other")
"""Two namespaces. A chart that renders identically in both does not depend on its namespace."""


class Baseline:
    """Renders the stable chart once for all namespaces, or for each of them where it depends on its namespace."""

    def __init__(self, helm: Helm, scenario: Scenario, kubernetes: str) -> None:
        """Render as for API version *kubernetes*, on the first use."""
        self._helm = helm
        self._scenario = scenario
        self._kubernetes = kubernetes
        self._lock = threading.Lock()
        self._both: tuple[Rendering, ...] = ()

    def rendered(self, namespace: str) -> Rendering:
        """Return the rendering for *namespace*.

        Raises InfrastructureError when the chart does not render, because the submission did not supply it.
        """
        with self._lock:
            self._both = self._both or tuple(map(self._render, NAMESPACES))
        one, other = self._both
        rendering = one if one == other else self._render(namespace)
        if rendering.error:
            raise InfrastructureError(f"the course's own chart does not render: {rendering.error}")
        return rendering

    def _render(self, namespace: str) -> Rendering:
        scenario = self._scenario
        try:
            return self._helm.renderer.template(
                scenario.release, scenario.stable_chart, namespace, kubernetes=self._kubernetes, trusted=True
            )
        except UnsafeError as error:  # the machine is busy: the stable chart is trusted
            return Rendering(error=str(error))
