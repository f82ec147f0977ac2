"""What a check that does not hold says, and the words and places that several checks share; pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from canaryproof.checks.troubleshooting import Explanation
from canaryproof.model import helm_text
from canaryproof.model.causes import Cause
from canaryproof.model.chart_source import place
from canaryproof.model.evidence import Evidence, OutcomeName
from canaryproof.model.helm_text import RefusedPart
from canaryproof.model.objects import Container, Manifest, mapping_at, maps_at

KEEP = "helm.sh/resource-policy"


@dataclass(frozen=True)
class Finding:
    """Why a check fails: what was expected and what was seen, where to look, and what to try."""

    message: str
    hint: str = ""
    where: str = ""
    """The template at fault, as seen from the chart's folder, and the line where it is known."""
    follows: str = ""
    """The check that found the cause: what fails only on its account is told, and is no second mistake."""
    cause: Cause | None = None
    """The facts; None where a check was not reached."""

    def __str__(self) -> str:
        """Put each part on a line of its own."""
        return "\n".join(part for part in (self.message, self.where, self.hint and f"try: {self.hint}") if part)


HINTS: Mapping[OutcomeName, str] = {
    "crash-loop": "look at the container's log: it says why the program gave up",
    "healthy": "compare the canary's image, command and arguments with the assignment's: the one it names cannot run",
    "not-ready": "look at its readiness probe and its number of replicas: the program runs, but gets no traffic",
    "image-pull": "compare the image and its tag in values.yaml, letter by letter, with the assignment's",
    "config-error": "look for a ConfigMap or Secret that the canary asks for and the chart does not create",
    "start-error": "look at command and args of the container: what they name must exist in the image",
    "exits-cleanly": "look at command and args of the container: the program does its work and ends, it does not fail",
    "oom-killed": "give the container the memory limit that the assignment's values have",
    "probe-killed": "look at path, port and delays of the probe: the program would go on running without it",
    "init-crash-loop": "look at the init container's log; the assignment asks for none",
    "unschedulable": "compare the cpu and memory limits in values.yaml with the assignment's: no node has that much",
    "refused": "read what the cluster said: it names the field, the quota or the account that it objects to",
    "no-canary": "add the canary as a Deployment of its own, in a template beside the stable one",
    "ambiguous": "keep one Deployment beside the stable one",
    "broken-chart": "run helm template on the chart and correct what it reports",
    "unsafe-chart": "take it out: the assignment can be done without it",
    "undecided": "look at the canary's pods while they run: kubectl describe pod shows what they wait for",
}
"""What to try when the canary's fate is not the expected one."""


def because(known: Explanation, error: str) -> str:
    """Say what lies behind an error, where that is known, and the error."""
    error = helm_text.without_repetition(error)
    return f"{known.says} (the error: {error})" if known.says else error


def refused_over(evidence: Evidence, part: RefusedPart) -> str:
    """Return the check that tells that Kubernetes refused the chart over *part*; empty where it did not."""
    return "upgrade-applied" if helm_text.refuses(_refusal(evidence), part) else ""


def unknown_workload(evidence: Evidence) -> Manifest | None:
    """Return what the submission adds that has a template for pods, and a kind that the cluster does not know."""
    kind = helm_text.unknown_kind(_refusal(evidence))
    added = (each for each in evidence.chart.manifests if each.key in evidence.added)
    return next((each for each in added if each.kind == kind and mapping_at(each.body, "spec", "template")), None)


def _refusal(evidence: Evidence) -> str:
    return evidence.upgrade.error if evidence.upgrade else ""


def told_ports(service: Manifest, containers: Iterable[Container]) -> str:
    """Say where the ports of a Service lead, by number and by name."""
    numbers = {port.name: port.number for container in containers for port in container.ports if port.name}
    return ", ".join(f"from {port} to {target}" for port, target in _ports(service, numbers)) or "nowhere"


def _ports(service: Manifest, numbers: Mapping[str, int]) -> Iterator[tuple[object, str]]:
    for body in maps_at(service.body, "spec", "ports"):
        port, protocol = body.get("port"), body.get("protocol", "TCP")
        target = body.get("targetPort") or port
        where = str(target)
        if isinstance(target, str) and target in numbers:
            where = f"{target}, which is {numbers[target]}"
        elif isinstance(target, str):
            known = f"theirs are called {', '.join(numbers)}" if numbers else "theirs have no names"
            where = f"{target!r}, a name that no port of the containers has ({known})"
        yield port, where if protocol == "TCP" else f"{where} by {protocol}, not TCP"


def place_of(evidence: Evidence, source: str, *keys: str) -> str:
    """Return file and line of one of *keys* in the template that an object comes from."""
    return place(evidence.files, template_of(source), *keys)


def template_of(source: str) -> str:
    """Return the template that an object comes from, as seen from the chart's folder."""
    return Manifest({}, source).template


def count(number: int, noun: str) -> str:
    """Write a number of things."""
    return f"{number} {noun}{'' if number == 1 else 's'}"
