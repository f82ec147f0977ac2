"""Formats messages to the user about kept clusters.

A shell can run the instructions: every line that is not a command is a comment.
"""

from __future__ import annotations

import shlex

from canaryproof.cluster.embedded.persistent.state import BINARIES, DEFAULT_NAME, Kept, Place
from canaryproof.scenario.terms import Scenario


def instructions(place: Place, kept: Kept, scenario: Scenario, note: str = "") -> str:
    """Return the commands that reach the cluster, perform the experiment step by step, and end the cluster."""
    release, namespace = scenario.release, f"--namespace {scenario.namespace}"
    steps = (
        f"helm install {release} {shlex.quote(str(scenario.stable_chart))} {namespace} --create-namespace",
        f"helm upgrade {release} ./{release} {namespace}",
        f"kubectl get pods {namespace} --watch",
        f"helm rollback {release} 1 {namespace}",
        "canaryproof observe",
    )
    reach, end = stays(place)
    lines = [
        f"# embedded Kubernetes {kept.kubernetes}, {place.name!r}, is up{f': {note}' if note else ''}",
        *([f"# Services have no addresses: {' '.join(kept.lack.split())}"] if kept.lack else []),
        reach,
        f"export PATH={shlex.quote(str(place.binaries))}:$PATH  # {', '.join(BINARIES)}",
        "# the experiment, step by step, and last the verdict of canaryproof:",
        *(f"#   {step}" for step in steps),
        f"# to end it: {end}",
    ]
    return "\n".join(lines)


def stays(place: Place) -> tuple[str, str]:
    """Return the command that points a shell at the cluster, and the command that ends the cluster."""
    named = "" if place.name == DEFAULT_NAME else f" {place.name}"
    return f"export KUBECONFIG={shlex.quote(str(place.kubeconfig))}", f"canaryproof down{named}"


def line_about(place: Place) -> str:
    """Return one line about a kept cluster that runs, starts or has ended."""
    kept = place.read()
    if not place.is_held:
        return f"{place.name}: ended: {' '.join(place.fault.split()) or 'it was killed'}"
    if kept is None:
        return f"{place.name}: starting"
    return f"{place.name}: Kubernetes {kept.kubernetes}, up since {kept.started}, KUBECONFIG={place.kubeconfig}"
