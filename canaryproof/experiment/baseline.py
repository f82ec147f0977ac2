"""The course's chart as it renders, which a class needs again and again."""

from __future__ import annotations

import threading

from canaryproof.errors import UnsafeError
from canaryproof.helm.verbs import Helm
from canaryproof.model.evidence import Rendering
from canaryproof.scenario import Course

PLACES = ("canaryproof-one", "canaryproof-other")
"""Two namespaces: a chart that renders alike in both does not look at where it is."""


class Baseline:
    """Renders the course's chart once for all namespaces, or for each of them where it names them."""

    def __init__(self, helm: Helm, course: Course, kubernetes: str) -> None:
        """Render as for API version *kubernetes*, as soon as somebody asks."""
        self._helm = helm
        self._course = course
        self._kubernetes = kubernetes
        self._rendering = threading.Lock()
        self._both: tuple[Rendering, ...] = ()

    def rendered(self, namespace: str) -> Rendering:
        """Return the rendering for *namespace*."""
        with self._rendering:
            self._both = self._both or tuple(self._render(place) for place in PLACES)
        one, other = self._both
        return one if one == other else self._render(namespace)

    def _render(self, namespace: str) -> Rendering:
        course = self._course
        try:
            return self._helm.renderer.template(
                course.release, course.baseline, namespace, kubernetes=self._kubernetes, trusted=True
            )
        except UnsafeError as error:
            return Rendering(error=str(error))  # a busy machine: the course means no harm
