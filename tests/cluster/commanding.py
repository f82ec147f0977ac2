"""kubectl, as somebody uses it on a cluster that a test has."""

from __future__ import annotations

from collections.abc import Callable

from canaryproof.cluster.embedded.toolchain import Toolchain
from canaryproof.kube.running_cluster import Cluster
from canaryproof.system.process import run

Kubectl = Callable[..., str]


def kubectl_of(toolchain: Toolchain, cluster: Cluster) -> Kubectl:
    """Return what runs kubectl with some arguments, and returns what it prints."""
    command = [str(toolchain.path("kubectl")), f"--kubeconfig={cluster.kubeconfig}"]
    return lambda *arguments: run([*command, *arguments], timeout=60)
