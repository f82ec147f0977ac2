"""Which provider ``auto`` takes, and why; pure: it decides from what a machine answers.

A cluster that somebody uses for something else is never taken unasked: ``existing`` has to be said.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from canaryproof.errors import ClusterError


@dataclass(frozen=True)
class Choice:
    """A provider, and why it was taken; the reason is empty where the user said so."""

    provider: str
    reason: str = ""

    def __str__(self) -> str:
        """Return it as a run announces it: ``embedded (auto: Linux is all it needs here)``."""
        return f"{self.provider} (auto: {self.reason})" if self.reason else self.provider


class Surroundings(Protocol):
    """What a machine answers; each answer may take a command, so only those are asked for that decide."""

    @property
    def against_embedded(self) -> str:
        """Why the embedded cluster cannot run here; empty when it can."""
        ...

    @property
    def tools_built(self) -> bool:
        """Whether the embedded cluster's tools are there already."""
        ...

    @property
    def against_docker(self) -> str:
        """Why no Docker daemon answers; empty when one does."""
        ...

    @property
    def has_kind(self) -> bool:
        """Whether the command kind is there; it would be built otherwise."""
        ...

    @property
    def against_minikube(self) -> str:
        """Why there is no minikube that runs; empty when there is one."""
        ...


def choose(machine: Surroundings) -> Choice:
    """Return the provider that gets to a verdict soonest on *machine*.

    Raises ClusterError when none can: the message says for each why not.
    """
    embedded = not machine.against_embedded
    if embedded and machine.tools_built:
        return Choice("embedded", "its tools are here, and it needs no more")
    kind = machine.has_kind and not machine.against_docker
    if kind:
        but = "; --cluster embedded would first build its tools, seven minutes once" if embedded else ""
        return Choice("kind", f"Docker answers and kind is here{but}")
    if embedded:
        return Choice("embedded", "Linux is all it needs here")
    if not machine.against_minikube:
        return Choice("minikube", "one is running")
    if not machine.against_docker:
        return Choice("kind", "Docker answers; kind itself will be built, a minute once")
    raise ClusterError(
        "no Kubernetes can be had here:"
        f"\n  embedded: {machine.against_embedded}"
        f"\n  kind: {machine.against_docker}"
        f"\n  minikube: {machine.against_minikube}"
        "\n  existing: has to be said, with --cluster existing and --kubeconfig or --kube-context"
    )
