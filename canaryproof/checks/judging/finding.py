"""Defines findings, and the facts and places that several checks share.  This module is pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace

from canaryproof.checks import registry
from canaryproof.model import helm_text
from canaryproof.model.causes import Cause
from canaryproof.model.chart_source import place
from canaryproof.model.evidence import Evidence, Revision
from canaryproof.model.helm_text import RefusedPart
from canaryproof.model.hints import Hint
from canaryproof.model.objects import Container, Manifest, mapping_at, maps_at
from canaryproof.model.wording.cause_sentences import describe
from canaryproof.model.wording.hint_sentences import describe_hint


@dataclass(frozen=True)
class Finding:
    """Why a check fails, and what to try."""

    cause: Cause
    hint: Hint | None = None
    """The hint, or None if the check's own hint applies."""
    where: str = ""
    """The template at fault, as seen from the chart's folder, and the line where it is known."""
    follows: str = ""
    """The check that found the cause. A finding that only follows from it is reported, but not as a second mistake."""

    @property
    def message(self) -> str:
        """Return what was expected and what was found, as one sentence."""
        return describe(self.cause)

    @property
    def advice(self) -> str:
        """Return the hint as one sentence; empty where there is none of its own."""
        return describe_hint(self.hint) if self.hint else ""

    def __str__(self) -> str:
        """Put each part on a line of its own."""
        return "\n".join(part for part in (self.message, self.where, self.advice and f"try: {self.advice}") if part)


def absent(evidence: Evidence) -> Finding:
    """Report that there is no canary to judge. The finding follows from ``canary-present``, judged or not."""
    return Finding(evidence.decision.cause, follows=registry.CANARY_PRESENT.id)


def refused_over(evidence: Evidence, part: RefusedPart) -> str:
    """Return the check that reports Kubernetes' refusal of *part*, or an empty string if there was no such refusal."""
    return registry.UPGRADE_APPLIED.id if helm_text.refuses(_refusal(evidence), part) else ""


def unknown_workload(evidence: Evidence) -> Manifest | None:
    """Return the added object that has a pod template and a kind that the cluster does not know, or None."""
    hidden = evidence.upgrade.cause if evidence.upgrade else None
    hidden = None if hidden and hidden.code == "hook-failed" else hidden
    kind = hidden.object.partition("/")[0] if hidden else helm_text.unknown_kind(_refusal(evidence))
    added = (each for each in evidence.chart.manifests if each.key in evidence.added)
    return next((each for each in added if each.kind == kind and mapping_at(each.body, "spec", "template")), None)


def _refusal(evidence: Evidence) -> str:
    upgrade = evidence.upgrade
    return upgrade.error if upgrade and not upgrade.cause else ""


def routes(service: Manifest, containers: Iterable[Container]) -> Iterator[Cause]:
    """Yield where the ports of a Service lead, by number and by name."""
    numbers = {port.name: port.number for container in containers for port in container.ports if port.name}
    for body in maps_at(service.body, "spec", "ports"):
        port, protocol = body.get("port"), str(body.get("protocol", "TCP"))
        target = body.get("targetPort") or port
        lead = Cause(
            code="leads-to-number",
            found=str(port),
            field=str(target),
            protocol="" if protocol == "TCP" else protocol,
        )
        if isinstance(target, str) and target in numbers:
            lead = replace(lead, code="leads-to-name", ports=(numbers[target],))
        elif isinstance(target, str):
            lead = replace(lead, code="leads-to-unknown-name", names=tuple(numbers))
        yield lead


def revisions(history: Iterable[Revision]) -> tuple[Cause, ...]:
    """Return the revisions of a release as parts of a cause."""
    return tuple(
        Cause(code="revision", count=each.revision, states=(each.status,), detail=each.description) for each in history
    )


def place_of(evidence: Evidence, source: str, *keys: str) -> str:
    """Return file and line of one of *keys* in the template that an object comes from."""
    return place(evidence.files, template_of(source), *keys)


def template_of(source: str) -> str:
    """Return the template that an object comes from, as seen from the chart's folder."""
    return Manifest({}, source).template
