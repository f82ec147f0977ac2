"""Says whether a chart can only be tried in the namespace that the course names; pure."""

from __future__ import annotations

import re
from collections.abc import Iterable

from canaryproof.model.evidence import ChartFile, Rendering
from canaryproof.model.objects import ObjectKey

_ACTION = re.compile(r"{{[^{}]*\.Release\.Namespace[^{}]*}}")
_DECIDES = re.compile(r"\b(if|with|eq|ne|contains|has|hasPrefix|hasSuffix|regexMatch|ternary|get|index|dig)\b")


def insists_on(namespace: str, chart: Rendering, files: Iterable[ChartFile]) -> bool:
    """Report whether a chart is for *namespace*, whatever Helm is told: its objects name it, or its templates ask.

    A template that decides by the release's namespace may render to something else, or to nothing, in any other one.
    """
    own = ObjectKey("Namespace", namespace)
    named = any(manifest.namespace == namespace or manifest.key == own for manifest in chart.manifests)
    return named or any(_asks(file.text) for file in files if file.path.startswith(("templates/", "charts/")))


def _asks(text: str) -> bool:
    return any(_DECIDES.search(action) for action in _ACTION.findall(text))
