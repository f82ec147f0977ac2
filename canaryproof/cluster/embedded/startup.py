"""Waits until the embedded cluster is ready: its node accepts pods and its controllers work."""

from __future__ import annotations

import os
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

from canaryproof.cluster import pod_requests
from canaryproof.cluster.embedded import node_sockets, service_network
from canaryproof.cluster.embedded.components import NODE_NAME
from canaryproof.cluster.embedded.process_tree import log_tail
from canaryproof.cluster.embedded.run_dirs import Run
from canaryproof.cluster.embedded.token_policy import policy
from canaryproof.cluster.readiness import await_stage, default_account, enforce, is_ready
from canaryproof.errors import ClusterError, WaitError
from canaryproof.kube.client import KubeClient
from canaryproof.kube.resources import NODES
from canaryproof.kube.running_cluster import Vitals
from canaryproof.system.progress import Say
from canaryproof.timeouts import TimeLimits

CONTROL_PLANE = "node-role.kubernetes.io/control-plane"


def await_ready(
    kubeconfig: Path, run: Run, vitals: Vitals, say: Say, time_limits: TimeLimits, *, tokens: bool = True
) -> None:
    """Return when the cluster accepts pods and enforces its admission rules.

    One rule lowers the requests of pods so that they share the node. Without *tokens*, another rule keeps tokens out of
    pods.

    Raises ClusterError when the cluster is not ready in time, or when a component ends. The message names the component
    and shows the end of its log.
    """
    rules = [pod_requests.policy(*_size()), *([] if tokens else [policy()])]
    lender = run.folder / node_sockets.NAME
    with closing(KubeClient(kubeconfig, "canaryproof", time_limits)) as client:
        stages: tuple[tuple[str, str, Callable[[], object]], ...] = (
            ("API that answers", "kube-apiserver", lambda: all(enforce(client, rule) for rule in rules)),
            ("DNS Service", "kube-apiserver", lambda: _name_dns(client)),
            ("Ready node", "kubelet", lambda: is_ready(client.get(NODES, NODE_NAME)) and _give_role(client)),
            ("default ServiceAccount", "kube-controller-manager", lambda: default_account(client)),
            ("DNS server", "coredns", lambda: _works("coredns", lender, time_limits)),
            ("Service addresses", "kube-proxy", lambda: vitals.lack or _works("kube-proxy", lender, time_limits)),
        )
        for what, component, look in stages:
            say(f"waiting for: {what}")
            try:
                await_stage(
                    what,
                    look,
                    within=time_limits.cluster_start,
                    every=time_limits.start_tick,
                    doomed=lambda: vitals.fault,
                )
            except WaitError as error:
                slow = "on a machine that is merely slow, --patience FACTOR waits longer"
                reason = vitals.fault or f"{error}; {slow}\n{log_tail(run, component)}"
                raise ClusterError(f"the embedded cluster did not start: {reason}") from None


def _give_role(client: KubeClient) -> bool:
    """Label the node as a control plane node, as the only node of kind and minikube is. Return True.

    The kubelet does not set this label itself (``--node-labels``).
    """
    return client.patch(NODES, NODE_NAME, "", {"metadata": {"labels": {CONTROL_PLANE: ""}}})


def _name_dns(client: KubeClient) -> bool:
    """Create the Service of the DNS server and its endpoints, unless they exist. Return True."""
    client.create(service_network.SERVICE, service_network.dns_service(), service_network.NAMESPACE)
    client.create(service_network.ENDPOINTS, service_network.dns_endpoints(), service_network.NAMESPACE)
    return True


def _works(component: str, lender: Path, time_limits: TimeLimits) -> bool:
    """Report whether a component of the Service network reports that it works."""
    return node_sockets.answers(lender, *service_network.READY[component], within=time_limits.start_probe)


def _size() -> tuple[int, int]:
    """Return the machine's number of cores and its memory in bytes."""
    return os.cpu_count() or 1, os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
