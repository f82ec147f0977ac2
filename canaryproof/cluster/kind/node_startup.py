"""Waits until a kind cluster is ready, and monitors the container of its node."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, contextmanager

from canaryproof.cluster.kind.site import Site
from canaryproof.cluster.readiness import (
    await_stage,
    can_share,
    default_account,
    is_ready,
    largest_node,
    let_pods_share,
    nodes,
    shares,
    sharing_pods,
)
from canaryproof.errors import ClusterError, WaitError
from canaryproof.kube.client import KubeClient
from canaryproof.kube.running_cluster import Vitals
from canaryproof.system.background import in_background
from canaryproof.system.progress import Say


@contextmanager
def watched(site: Site) -> Iterator[Vitals]:
    """Yield vitals that report a fault if the node's container ends during the block."""
    vitals = Vitals()

    def watch(over: threading.Event) -> None:
        ending = site.docker.await_end(site.node, lambda: "the run is over" if over.is_set() else None)
        if not over.is_set():
            vitals.fail(f"the container of the kind node {site.node} ended: {ending or 'docker cannot tell how'}")

    with in_background("kind-node", watch):
        yield vitals


@contextmanager
def ready(site: Site, vitals: Vitals, *, ours: bool) -> Iterator[tuple[str, int]]:
    """Wait until the cluster takes pods. Yield its version and the number of its nodes.

    *ours* is true if canaryproof created the cluster. If not, the policy for sharing nodes applies only to namespaces
    of runs and is removed afterwards.

    Raises ClusterError when a stage of the start exceeds its time limit, or the node's container ends.
    """
    with closing(KubeClient(site.kind.kubeconfig, site.context, site.time_limits)) as client, ExitStack() as stack:
        with site.progress.step(f"waiting for the kind cluster {site.name}") as say:
            _await("API that answers", client.version, say, site, vitals)
            _await("nodes that are all Ready", lambda: all(map(is_ready, nodes(client))), say, site, vitals)
            _await("default ServiceAccount", lambda: default_account(client), say, site, vitals)
            if not ours:
                stack.enter_context(sharing_pods(client))
            elif can_share(client):
                let_pods_share(client, *largest_node(client))
                _await("rule by which pods share the node", lambda: shares(client), say, site, vitals)
        yield client.version(), len(nodes(client))


def _await(what: str, look: Callable[[], object], say: Say, site: Site, vitals: Vitals) -> None:
    say(what)
    try:
        await_stage(
            what,
            look,
            within=site.time_limits.cluster_start,
            every=site.time_limits.start_tick,
            doomed=lambda: vitals.fault,
        )
    except WaitError as error:
        raise ClusterError(
            f"the kind cluster {site.name} does not take pods: {vitals.fault or error}; docker logs"
            f" {site.node} may say why"
        ) from None
