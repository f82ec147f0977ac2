"""When the embedded cluster is useful: its node takes pods and its controllers are at work."""

from __future__ import annotations

import os
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

from canaryproof.cluster import Vitals, sharing
from canaryproof.cluster.embedded.components import NODE_NAME
from canaryproof.cluster.embedded.runs import Run
from canaryproof.cluster.embedded.tree import log_tail
from canaryproof.durations import Durations
from canaryproof.errors import ClusterError, InfrastructureError, WaitError
from canaryproof.kube import KubeClient, Resource
from canaryproof.manifests import Body
from canaryproof.progress import Say
from canaryproof.waiting import Ticks, wait_for

_ADMISSION = "/apis/admissionregistration.k8s.io/v1"
_POLICIES = Resource("MutatingAdmissionPolicy", _ADMISSION, "mutatingadmissionpolicies", namespaced=False)
_BINDINGS = Resource("MutatingAdmissionPolicyBinding", _ADMISSION, "mutatingadmissionpolicybindings", namespaced=False)
_NODES = Resource("Node", "/api/v1", "nodes", namespaced=False)
_SERVICE_ACCOUNTS = Resource("ServiceAccount", "/api/v1", "serviceaccounts")


def await_ready(kubeconfig: Path, run: Run, vitals: Vitals, say: Say, durations: Durations) -> None:
    """Return when the cluster takes pods, its rule for sharing the node in force.

    Raises ClusterError when it does not come to that in time, or a component ends: with the component's name and the
    end of its log.
    """
    with closing(KubeClient(kubeconfig, "canaryproof", durations)) as client:
        stages: tuple[tuple[str, str, Callable[[], object]], ...] = (
            ("API that answers", "kube-apiserver", lambda: _let_pods_share(client)),
            ("Ready node", "kubelet", lambda: _is_ready(client.get(_NODES, NODE_NAME))),
            # A pod that comes before its namespace's default account is refused, and tried again only after a while.
            ("default ServiceAccount", "kube-controller-manager", lambda: _default_account(client)),
        )
        for what, component, look in stages:
            say(f"waiting for its {what}")
            try:
                _await(what, look, vitals, durations)
            except WaitError as error:
                slow = "on a machine that is merely slow, --patience FACTOR waits longer"
                reason = vitals.fault or f"{error}; {slow}\n{log_tail(run, component)}"
                raise ClusterError(f"the embedded cluster did not start: {reason}") from None


def _await(what: str, look: Callable[[], object], vitals: Vitals, durations: Durations) -> None:
    refusals: list[str] = []

    def attempt() -> bool | None:
        try:
            return bool(look()) or None
        except InfrastructureError as error:
            refusals[:] = [str(error)]
            return None

    wait_for(
        what,
        attempt,
        within=durations.cluster_start,
        changes=Ticks(durations.start_tick),
        doomed=lambda: vitals.fault,
        seen=lambda: refusals[-1] if refusals else "nothing",
    )


def _let_pods_share(client: KubeClient) -> bool:
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    client.create(_POLICIES, sharing.policy(os.cpu_count() or 1, memory))
    client.create(_BINDINGS, sharing.binding())
    return True


def _is_ready(node: Body | None) -> bool:
    conditions = node.get("status", {}).get("conditions", []) if node else []
    return any(it["type"] == "Ready" and it["status"] == "True" for it in conditions)


def _default_account(client: KubeClient) -> bool:
    return client.get(_SERVICE_ACCOUNTS, "default", "default") is not None
