"""Lends a cluster that someone else operates. A run removes only what it has created there."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass, field

from canaryproof.cluster.existing.account_rights import missing
from canaryproof.cluster.existing.client_certificate import require_valid
from canaryproof.errors import ClusterError, InfrastructureError
from canaryproof.kube.client import KubeClient
from canaryproof.kube.kubeconfig import Target
from canaryproof.kube.quantity import quantity
from canaryproof.kube.resources import NODES
from canaryproof.kube.running_cluster import Cluster
from canaryproof.model.objects import BODIES, text_at
from canaryproof.system.progress import Progress, Silence
from canaryproof.system.tempdirs import scratch
from canaryproof.timeouts import TimeLimits

FEW_CORES = 2
"""The assumed number of cores of a cluster whose nodes the account may not list."""
SHOWN = 5
"""The maximum number of rights that an error lists."""


@dataclass(frozen=True)
class ExistingProvider:
    """Lends the cluster of a kubeconfig context. The cluster pulls its own images, and its policies do not change."""

    target: Target
    environment: Mapping[str, str] = field(repr=False)
    """The user's environment. Only commands of the kubeconfig that fetch credentials get it."""
    time_limits: TimeLimits
    progress: Progress = field(default_factory=Silence)
    reading: bool = False
    """Whether the run only reads from the cluster."""

    @contextmanager
    def lend(self) -> Iterator[Cluster]:
        """Yield the cluster; see :class:`canaryproof.kube.running_cluster.ClusterProvider`."""
        began = time.monotonic()
        with scratch() as folder:
            kubeconfig = self.target.write(folder)
            require_valid(self.target)
            if self.target.needs_terminal and not self.reading:
                raise ClusterError(
                    f"the command that the kubeconfig names for context {self.target.context} asks on the terminal"
                    " (interactiveMode: Always), and Helm runs without one: use credentials that need no terminal, such"
                    " as a token of kubectl create token"
                )
            with (
                self.progress.step(f"asking {self.target.server}"),
                closing(KubeClient(kubeconfig, self.target.context, self.time_limits)) as client,
            ):
                if self.target.runs_commands and not client.connection.has_credentials:
                    raise ClusterError(
                        f"the command that the kubeconfig names for context {self.target.context} gave no credentials:"
                        " try kubectl get namespaces with it, which says why"
                    )
                kubernetes = client.version()
                if not self.reading:
                    _require_rights(client, self.target)
                nodes, cores = _size(client)
            yield Cluster(
                provider="existing",
                kubeconfig=kubeconfig,
                context=self.target.context,
                kubernetes=kubernetes,
                nodes=nodes,
                cores=cores,
                images="upstream",
                ready_after=time.monotonic() - began,
                credentials=dict(self.environment) if self.target.runs_commands else {},
            )


def _require_rights(client: KubeClient, target: Target) -> None:
    if lacking := missing(client.may):
        more = f" and {len(lacking) - SHOWN} more" if len(lacking) > SHOWN else ""
        raise ClusterError(
            f"the account of context {target.context} may not {', '.join(map(str, lacking[:SHOWN]))}{more}:"
            " canaryproof rights prints the ClusterRole to give it"
        )


def _size(client: KubeClient) -> tuple[int, int]:
    """Return the number of nodes and of allocatable cores.

    If the account may not list nodes, return 0 nodes and `FEW_CORES`.
    """
    try:
        items = client.list(NODES).items
    except InfrastructureError:
        return 0, FEW_CORES
    bodies = [BODIES.decode(item) for item in items]
    return len(bodies), int(sum(quantity(text_at(body, "status", "allocatable", "cpu") or "0") for body in bodies))
