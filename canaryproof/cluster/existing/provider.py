"""Lends a cluster that somebody else runs; whatever is made there is ours to remove, and nothing else."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass, field

from canaryproof.cluster.existing.account_rights import missing
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
"""Cores that a cluster is taken to have where the account may not look at its nodes."""
SHOWN = 5
"""Rights that an error names."""


@dataclass(frozen=True)
class ExistingProvider:
    """A cluster by its kubeconfig: pods are pulled by its own means, and no rule of it is changed."""

    target: Target
    environment: Mapping[str, str] = field(repr=False)
    """The user's: commands of the kubeconfig that fetch credentials run in it, others do not get to see it."""
    time_limits: TimeLimits
    progress: Progress = field(default_factory=Silence)
    reading: bool = False
    """Whether the cluster is only looked at."""

    @contextmanager
    def lend(self) -> Iterator[Cluster]:
        """Yield the cluster; see :class:`canaryproof.kube.running_cluster.ClusterProvider`."""
        began = time.monotonic()
        with scratch() as folder:
            kubeconfig = self.target.write(folder)
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
    """Return how many nodes and cores there are; no nodes where the account may not look."""
    try:
        items = client.list(NODES).items
    except InfrastructureError:
        return 0, FEW_CORES
    bodies = [BODIES.decode(item) for item in items]
    return len(bodies), int(sum(quantity(text_at(body, "status", "allocatable", "cpu") or "0") for body in bodies))
