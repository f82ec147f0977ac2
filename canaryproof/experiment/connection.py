"""Connects to a cluster, with a client of its API server and with Helm."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path

from canaryproof.helm.verbs import Helm
from canaryproof.kube.client import KubeClient
from canaryproof.kube.run_credentials import redactor_of
from canaryproof.kube.running_cluster import Cluster
from canaryproof.model.evidence import Setting
from canaryproof.redaction import Redactor
from canaryproof.system.sandbox import UNCONFINED, Sandbox
from canaryproof.system.tempdirs import scratch, sweep_scratch
from canaryproof.timeouts import TimeLimits


@dataclass(frozen=True)
class Connection:
    """The clients of a cluster, and the setting that the evidence records for it."""

    client: KubeClient
    helm: Helm
    setting: Setting
    redactor: Redactor
    """Removes the credentials of the cluster and of this process from the recorded data."""


@contextmanager
def connect(
    cluster: Cluster,
    helm: Path,
    time_limits: TimeLimits,
    *,
    doomed: Callable[[], str | None] = lambda: None,
    sandbox: Sandbox = UNCONFINED,
) -> Iterator[Connection]:
    """Connect to *cluster* during the block, with the Helm binary *helm*, which renders submissions in *sandbox*.

    This removes the scratch folders that killed processes of this user left on this machine.  Running operations end
    as soon as *doomed* returns a reason.

    Raises InfrastructureError when Helm does not run, and UsageError when the kubeconfig has no such context.
    """
    sweep_scratch()
    with closing(KubeClient(cluster.kubeconfig, cluster.context, time_limits)) as client, scratch() as home:
        tool = Helm.on(cluster, helm, home, time_limits=time_limits, doomed=doomed, sandbox=sandbox)
        setting = Setting(
            provider=cluster.provider,
            kubernetes=cluster.kubernetes,
            nodes=cluster.nodes,
            helm=tool.version(),
            images=cluster.images,
            patience=time_limits.patience,
        )
        yield Connection(client, tool, setting, redactor_of(cluster, client))
