"""Finds the traits of a chart that decide in which namespace and when it is tried.  This module is pure.

Charts that may need long observation go first, so that a class does not end with waiting for the last one.  A wrong
classification costs only time.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable

from canaryproof.model.evidence import ChartFile, Rendering
from canaryproof.model.objects import Manifest, ObjectKey, added, mapping_at, maps_at

_ACTION = re.compile(r"{{[^{}]*\.Release\.Namespace[^{}]*}}")
_DECIDES = re.compile(r"\b(if|with|eq|ne|contains|has|hasPrefix|hasSuffix|regexMatch|ternary|get|index|dig)\b")

OF_A_POD = frozenset({"containers", "imagePullSecrets", "restartPolicy", "securityContext", "serviceAccountName"})
OF_A_CONTAINER = frozenset({"env", "image", "imagePullPolicy", "name", "ports", "resources", "securityContext"})
"""The container fields of a typical canary. Others, such as probes, volumes and commands, may take time."""


def insists_on(namespace: str, chart: Rendering, files: Iterable[ChartFile]) -> bool:
    """Report whether a chart requires *namespace*: its objects name it, or its templates test for it.

    A template that decides by the release's namespace may render to something else, or to nothing, in any other one.
    """
    own = ObjectKey("Namespace", namespace)
    named = any(manifest.namespace == namespace or manifest.key == own for manifest in chart.manifests)
    return named or any(_asks(file.text) for file in files if file.path.startswith(("templates/", "charts/")))


def _asks(text: str) -> bool:
    return any(_DECIDES.search(action) for action in _ACTION.findall(text))


def may_take_long(chart: Rendering, baseline: Rendering) -> bool:
    """Report whether *chart* has a hook, or a pod that may do more than crash, so that it may end late or never."""
    images = {container.image for each in baseline.manifests for container in each.containers}
    new = set(added(baseline.manifests, chart.manifests))
    return any(each.is_hook or (each.key in new and _is_unusual(each, images)) for each in chart.manifests)


def _is_unusual(workload: Manifest, images: Collection[str]) -> bool:
    pod = mapping_at(workload.pod_template, "spec")
    containers = maps_at(pod, "containers")
    return (
        not OF_A_POD.issuperset(pod)
        or any(not OF_A_CONTAINER.issuperset(each) for each in containers)
        or any("valueFrom" in variable for each in containers for variable in maps_at(each, "env"))
        or any(container.image in images for container in workload.containers)
    )
