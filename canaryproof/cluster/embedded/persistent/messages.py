"""What a person is told about kept clusters; pure.  A shell may read it, too: all but the commands are comments."""

from __future__ import annotations

import shlex

from canaryproof.cluster.embedded.persistent.state import BINARIES, DEFAULT_NAME, Kept, Place
from canaryproof.scenario import Course


def instructions(place: Place, kept: Kept, course: Course, note: str = "") -> str:
    """Return how to reach the cluster, how to do the assignment in it step by step, and how to end it."""
    release, namespace = course.release, f"--namespace {course.namespace}"
    steps = (
        f"helm install {release} {shlex.quote(str(course.baseline))} {namespace} --create-namespace",
        f"helm upgrade {release} ./{release} {namespace}",
        f"kubectl get pods {namespace} --watch",
        f"helm rollback {release} 1 {namespace}",
        "canaryproof observe",
    )
    reach, end = stays(place)
    lines = [
        f"# embedded Kubernetes {kept.kubernetes}, {place.name!r}, is up{f': {note}' if note else ''}",
        reach,
        f"export PATH={shlex.quote(str(place.binaries))}:$PATH  # {', '.join(BINARIES)}",
        "# the assignment, step by step, and last what the harness says of it:",
        *(f"#   {step}" for step in steps),
        f"# to end it: {end}",
    ]
    return "\n".join(lines)


def stays(place: Place) -> tuple[str, str]:
    """Return the commands that reach the cluster from any shell, and that end it."""
    named = "" if place.name == DEFAULT_NAME else f" {place.name}"
    return f"export KUBECONFIG={shlex.quote(str(place.kubeconfig))}", f"canaryproof down{named}"


def line_about(place: Place) -> str:
    """Return one line about a cluster that is kept, or was."""
    kept = place.read()
    if not place.is_held:
        return f"{place.name}: ended: {' '.join(place.fault.split()) or 'it was killed'}"
    if kept is None:
        return f"{place.name}: starting"
    return f"{place.name}: Kubernetes {kept.kubernetes}, up since {kept.started}, KUBECONFIG={place.kubeconfig}"
