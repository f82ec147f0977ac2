"""When a cluster is useful: its nodes take pods, its controllers are at work, and pods may share a small node."""

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
    """Return when *look* finds something, which is called *every* so many seconds.

    An API server that does not answer yet is asked again.

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
    """Put the rule into force by which pods share a node of *cores* and *memory* (bytes); it may be there already.

    With *ours_only* it holds in the namespaces of runs, and nowhere else.
    """
    return enforce(client, pod_requests.policy(cores, memory, label=RUN_LABEL if ours_only else ""))


def enforce(client: KubeClient, policy: Body) -> bool:
    """Put a MutatingAdmissionPolicy into force wherever it matches; it may be there already."""
    name = policy["metadata"]["name"]
    binding = {"kind": _BINDINGS.kind, "metadata": {"name": name}, "spec": {"policyName": name}}
    client.create(_POLICIES, policy)
    client.create(_BINDINGS, {"apiVersion": policy["apiVersion"], **binding})
    return True


def shares(client: KubeClient) -> bool:
    """Report whether the rule is in force, by a pod that is not made: the API server reads its rules once a second."""
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
    """Report whether this Kubernetes knows such rules; it does since 1.36."""
    return client.resource(_ADMISSION.removeprefix("/apis/"), _POLICIES.kind) is not None


@contextmanager
def sharing_pods(client: KubeClient) -> Iterator[None]:
    """Let pods of our namespaces share nodes for the length of the block, on a cluster that others use too.

    The last run that ends there takes the rule away again.
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
    """Report whether a namespace of some run is there, other than on its way out."""
    bodies = [BODIES.decode(it) for it in client.list(NAMESPACES, labels=RUN_LABEL).items]
    return any("deletionTimestamp" not in body["metadata"] for body in bodies)


def largest_node(client: KubeClient) -> tuple[float, int]:
    """Return the cores of the node that has most, and its memory (bytes)."""
    sizes = [(quantity(it["cpu"]), quantity(it["memory"])) for it in (_capacity(body) for body in nodes(client))]
    cores, memory = max(sizes, default=(1, 0))
    return float(cores), int(memory)


def nodes(client: KubeClient) -> list[Body]:
    """Return the cluster's nodes."""
    return [BODIES.decode(item) for item in client.list(NODES).items]


def _capacity(node: Body) -> dict[str, str]:
    capacity: dict[str, str] = node["status"]["capacity"]
    return capacity


def is_ready(node: Body | None) -> bool:
    """Report whether a node takes pods."""
    conditions = node.get("status", {}).get("conditions", []) if node else []
    return any(it["type"] == "Ready" and it["status"] == "True" for it in conditions)


def default_account(client: KubeClient) -> bool:
    """Report whether pods may come: one before its namespace's default account is refused, and comes again later."""
    return client.get(SERVICE_ACCOUNTS, "default", "default") is not None
