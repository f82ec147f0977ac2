"""Runs kubectl on a test's cluster, as a user does."""

from __future__ import annotations

from collections.abc import Callable

from canaryproof.cluster.embedded.toolchain import Toolchain
from canaryproof.kube.running_cluster import Cluster
from canaryproof.system.process import run

Kubectl = Callable[..., str]


def kubectl_of(toolchain: Toolchain, cluster: Cluster) -> Kubectl:
    """Return a function that runs kubectl with its arguments and returns the output."""
    command = [str(toolchain.path("kubectl")), f"--kubeconfig={cluster.kubeconfig}"]
    return lambda *arguments: run([*command, *arguments], timeout=60)
