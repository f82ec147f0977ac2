"""Waits until a cluster is ready: its nodes take pods, its controllers run, and pods can share a small node."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from canaryproof.cluster import pod_requests
from canaryproof.errors import InfrastructureError
from canaryproof.kube.client import KubeClient
from canaryproof.kube.lease import RUN_LABEL
from canaryproof.kube.quantity import quantity
from canaryproof.kube.resources import NAMESPACES, NODES, PODS, Resource
from canaryproof.model.objects import BODIES, Body
from canaryproof.system.logs import logger_of
from canaryproof.system.wait import Ticks, wait_for

_LOG = logger_of(__name__)
SERVICE_ACCOUNTS = Resource("ServiceAccount", "/api/v1", "serviceaccounts")
_ADMISSION = "/apis/admissionregistration.k8s.io/v1"
_POLICIES = Resource("MutatingAdmissionPolicy", _ADMISSION, "mutatingadmissionpolicies", namespaced=False)
_BINDINGS = Resource("MutatingAdmissionPolicyBinding", _ADMISSION, "mutatingadmissionpolicybindings", namespaced=False)


def await_stage(
    what: str, look: Callable[[], object], *, within: float, every: float, doomed: Callable[[], str | None]
) -> None:
    """Call *look* at intervals of *every* seconds until it returns a true value.

    An InfrastructureError from *look*, such as an API server that does not answer yet, does not end the wait.

    Raises WaitError as :func:`canaryproof.system.wait.wait_for` does.
    """
    refusals: list[str] = []

    def attempt() -> bool | None:
        try:
            return bool(look()) or None
        except InfrastructureError as error:
            refusals[:] = [str(error)]
            return None

    began = time.monotonic()
    wait_for(
        what,
        attempt,
        within=within,
        changes=Ticks(every),
        doomed=doomed,
        seen=lambda: refusals[-1] if refusals else "nothing",
    )
    _LOG.info("%s after %.2f s", what, time.monotonic() - began)


def let_pods_share(client: KubeClient, cores: float, memory: int, *, ours_only: bool = False) -> bool:
    """Create the policy with which pods share a node of *cores* and *memory* (bytes), unless it exists. Return True.

    With *ours_only*, the policy applies only in namespaces of runs.
    """
    return enforce(client, pod_requests.policy(cores, memory, label=RUN_LABEL if ours_only else ""))


def enforce(client: KubeClient, policy: Body) -> bool:
    """Create a MutatingAdmissionPolicy and its binding, unless they exist. Return True."""
    name = policy["metadata"]["name"]
    binding = {"kind": _BINDINGS.kind, "metadata": {"name": name}, "spec": {"policyName": name}}
    client.create(_POLICIES, policy)
    client.create(_BINDINGS, {"apiVersion": policy["apiVersion"], **binding})
    return True


def shares(client: KubeClient) -> bool:
    """Report whether the policy is in effect. Creates a pod as a dry run to find out.

    A new policy takes effect after some time, because the API server reloads its policies once per second.
    """
    asked = client.try_out(PODS, _PROBE, "default")
    (container,) = asked["spec"]["containers"]
    return bool(container["resources"]["requests"]["cpu"] == pod_requests.LOWERED["cpu"])


_PROBE = {
    "apiVersion": "v1",
    "kind": "Pod",
    "metadata": {"generateName": "canaryproof-"},
    "spec": {"containers": [{"name": "probe", "image": "none", "resources": {"requests": {"cpu": "20m"}}}]},
}


def can_share(client: KubeClient) -> bool:
    """Report whether the API server has MutatingAdmissionPolicy in version v1, as Kubernetes does since 1.36."""
    return client.resource(_ADMISSION.removeprefix("/apis/"), _POLICIES.kind) is not None


@contextmanager
def sharing_pods(client: KubeClient) -> Iterator[None]:
    """Let pods in namespaces of runs share nodes for the length of the block, on a cluster that has other users.

    The last run to end removes the policy from the cluster.
    """
    if not can_share(client):
        yield
        return
    let_pods_share(client, *largest_node(client), ours_only=True)
    try:
        yield
    finally:
        if not _is_used(client):
            client.delete(_BINDINGS, pod_requests.NAME)
            client.delete(_POLICIES, pod_requests.NAME)


def _is_used(client: KubeClient) -> bool:
    """Report whether a namespace of any run exists that is not being deleted."""
    bodies = [BODIES.decode(it) for it in client.list(NAMESPACES, labels=RUN_LABEL).items]
    return any("deletionTimestamp" not in body["metadata"] for body in bodies)


def largest_node(client: KubeClient) -> tuple[float, int]:
    """Return the cores and the memory (bytes) of the node with the most cores."""
    sizes = [(quantity(it["cpu"]), quantity(it["memory"])) for it in (_capacity(body) for body in nodes(client))]
    cores, memory = max(sizes, default=(1, 0))
    return float(cores), int(memory)


def nodes(client: KubeClient) -> list[Body]:
    """Return the nodes of the cluster."""
    return [BODIES.decode(item) for item in client.list(NODES).items]


def _capacity(node: Body) -> dict[str, str]:
    capacity: dict[str, str] = node["status"]["capacity"]
    return capacity


def is_ready(node: Body | None) -> bool:
    """Report whether the node's condition Ready is true."""
    conditions = node.get("status", {}).get("conditions", []) if node else []
    return any(it["type"] == "Ready" and it["status"] == "True" for it in conditions)


def default_account(client: KubeClient) -> bool:
    """Report whether the namespace ``default`` has its ServiceAccount ``default``.

    Until a namespace has this account, the API server refuses its pods, and their controllers retry only later.
    """
    return client.get(SERVICE_ACCOUNTS, "default", "default") is not None
