"""Selects the provider for ``--cluster auto``, with a reason. The result depends only on the `Surroundings`.

`choose` never selects ``existing``, because such a cluster may have other users. The user must select it explicitly.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from canaryproof.errors import ClusterError


@dataclass(frozen=True)
class Choice:
    """A provider, and the reason for it. The reason is empty if the user selected the provider."""

    provider: str
    reason: str = ""

    def __str__(self) -> str:
        """Return the text that a run shows, such as ``embedded (auto: Linux is all it needs here)``."""
        return f"{self.provider} (auto: {self.reason})" if self.reason else self.provider


class Surroundings(Protocol):
    """The properties of a machine that decide. Each may run a command, so `choose` reads only those that it needs."""

    @property
    def against_embedded(self) -> str:
        """The reason why the embedded cluster cannot run here. Empty if it can."""
        ...

    @property
    def tools_built(self) -> bool:
        """Whether the tools of the embedded cluster exist already."""
        ...

    @property
    def against_docker(self) -> str:
        """The reason why no Docker daemon answers. Empty if one answers."""
        ...

    @property
    def has_kind(self) -> bool:
        """Whether a kind binary exists. Without one, the run builds it."""
        ...

    @property
    def against_minikube(self) -> str:
        """The reason why no minikube cluster runs. Empty if one runs."""
        ...


def choose(machine: Surroundings) -> Choice:
    """Return the provider that reaches a verdict first on *machine*.

    Raises ClusterError when no provider works. The message gives the reason for each provider.
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
