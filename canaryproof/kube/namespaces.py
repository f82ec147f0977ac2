"""Creates namespaces for tests of other projects. Other runs on the same cluster do not delete them."""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from typing import Self

from canaryproof.errors import InfrastructureError
from canaryproof.kube.client import KubeClient
from canaryproof.kube.lease import RUN_LABEL, Locks, present
from canaryproof.kube.resources import Resource
from canaryproof.kube.running_cluster import Cluster
from canaryproof.system.wait import Ticks, wait_for
from canaryproof.timeouts import TimeLimits

SERVICE_ACCOUNTS = Resource("ServiceAccount", "/api/v1", "serviceaccounts")


class Namespaces:
    """Creates the namespaces of one run. Use `open` for the length of the run."""

    def __init__(self, client: KubeClient, run: str, cluster: Cluster, time_limits: TimeLimits) -> None:
        """Create namespaces with the label of *run*."""
        self._client = client
        self._run = run
        self._cluster = cluster
        self._time_limits = time_limits

    @classmethod
    @contextmanager
    def open(cls, cluster: Cluster, *, locks: Path, time_limits: TimeLimits) -> Iterator[Self]:
        """Hold a Lease on *cluster* for the length of the block, so that other runs see that this run lives.

        First removes the namespaces of runs that have ended. *locks* is a folder of lock files, which show runs on this
        machine whether another run has ended.

        Raises InfrastructureError when the API server cannot be reached or refuses a request.
        """
        run = secrets.token_hex(4)
        with (
            closing(KubeClient(cluster.kubeconfig, cluster.context, time_limits)) as client,
            present(client, run, Locks(locks), cluster.vitals, time_limits),
        ):
            yield cls(client, run, cluster, time_limits)

    @contextmanager
    def new(self) -> Iterator[str]:
        """Yield the name of a new namespace that takes pods. Its deletion begins at the end of the block.

        Raises InfrastructureError when the API server cannot be reached or refuses a request. Raises WaitError when the
        namespace gets no ``default`` ServiceAccount, without which it takes no pods (Kubernetes, "Service Accounts").
        """
        name = f"canaryproof-{self._run}-{secrets.token_hex(4)}"
        uid = self._client.create_namespace(name, {RUN_LABEL: self._run})
        if uid is None:
            raise InfrastructureError(f"namespace {name} exists already: somebody else made it; try again")
        try:
            wait_for(
                f"ServiceAccount/default in namespace {name}",
                lambda: self._client.get(SERVICE_ACCOUNTS, "default", name),
                within=self._time_limits.namespace,
                changes=Ticks(self._time_limits.start_tick),
                doomed=lambda: self._cluster.vitals.fault or None,
            )
            yield name
        finally:
            with suppress(InfrastructureError):  # if the cluster is gone, its namespaces are too
                self._client.delete_namespace(name, uid)
