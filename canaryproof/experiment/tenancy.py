"""Builds the Kubernetes objects that confine a release to its namespace: rights, limits and Pod Security.  Pure module.

Only canaryproof changes these objects.  The Role enumerates kinds and verbs instead of binding ``cluster-admin``: that
ClusterRole, bound in a namespace, includes the Namespace object, hence its Pod Security label, and subresources such as
``pods/exec`` and ``serviceaccounts/token``.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from itertools import groupby

from canaryproof.kube.resources import LIMIT_RANGES, RESOURCE_QUOTAS, ROLE_BINDINGS, ROLES, Resource
from canaryproof.model.kubernetes_text import exceeded_quotas
from canaryproof.model.objects import Body, Manifest
from canaryproof.submissions.chart_safety import ALLOWED_KINDS, CLUSTER_ROLES

NAME = "canaryproof"
"""Name of the Role and the RoleBinding."""
GUARD = "canaryproof-guard"
"""Name of the LimitRange and of one ResourceQuota, and prefix of the names of the other quotas."""
RBAC = "rbac.authorization.k8s.io"

LABELS = {"pod-security.kubernetes.io/enforce": "baseline"}
"""Makes the API server refuse pods that reach for their node (Kubernetes, "Pod Security Admission")."""
RIGHTS = (
    ("impersonate", "", "users"),
    ("create", RBAC, "roles"),
    ("escalate", RBAC, "roles"),
    ("create", RBAC, "rolebindings"),
    ("bind", RBAC, "roles"),
)
"""The rights that an account needs to act as another user, and to give that user rights: verb, API group and resource.

``escalate`` and ``bind`` let an account give rights that it does not have (Kubernetes, "Using RBAC Authorization").
"""
QUOTAS = frozenset({GUARD, f"{GUARD}-pods", f"{GUARD}-priority"})

READ = ("get", "list", "watch")
CHANGE = ("patch", "update", "delete")
RESERVED: Mapping[str, tuple[str, str]] = {
    "LimitRange": ("", "limitranges"),
    "NetworkPolicy": ("networking.k8s.io", "networkpolicies"),
    "ResourceQuota": ("", "resourcequotas"),
}
"""Kinds of the guard objects, with group and resource: a release may create further ones, and change those that its own
chart names."""
MANAGED: Mapping[str, tuple[str, ...]] = {
    group: tuple(each.plural for each in kinds if each.kind not in RESERVED)
    for group, kinds in groupby(ALLOWED_KINDS, lambda each: each.group)
}
"""Resources that a release may create and change, by API group."""
SCALED = ("deployments/scale", "replicasets/scale", "statefulsets/scale")
READABLE: Mapping[str, tuple[str, ...]] = {
    "": ("endpoints", "events", "pods/log", "pods/status"),
    "discovery.k8s.io": ("endpointslices",),
    "events.k8s.io": ("events",),
}

PODS = 100
"""Pods at a time: vetting allows a chart 20, an update doubles them, and pods that are being deleted count."""
PODS_OF_EACH_NODE = 5
"""Further pods for each node: every DaemonSet has one there."""
UNKNOWN_NODES = 100
"""Nodes that a cluster is taken to have where the account may not count them."""
PODS_WITH_ENDED = 300
"""Pods with those that have ended, which Jobs leave behind."""
OBJECTS = 150
"""Objects of one kind: vetting allows a chart 100 in all, and the cluster adds a few by itself."""
PUSHING_OUT = ("system-cluster-critical", "system-node-critical")
"""The priority classes of every cluster whose pods push out all others (Kubernetes, "Guaranteed Scheduling")."""
UNCOUNTED = frozenset({"pods", "deployments", "replicasets", "secrets", "services"})
"""Kinds that every release has: pods have a quota of their own, and counting the others costs more than it helps."""
NODE_PORTS = 50
"""Ports of the nodes: of 2768 there are, for all experiments together."""
STORAGE = "500Gi"
DISK = "4Gi"
"""The amount that a container may write to its node's disk if it sets no limit of its own."""


def user_of(namespace: str) -> str:
    """Return the user as whom Helm upgrades and rolls back in *namespace*."""
    return f"canaryproof:{namespace}"


def role(namespace: str, chart: Iterable[Manifest]) -> Body:
    """Return the Role of the user that upgrades in *namespace* to *chart*.

    The user may give the ClusterRoles that a chart may bind to accounts of the namespace, and no rights else beyond the
    user's own.
    Kubernetes checks ``bind`` on a ClusterRole in the namespace of the RoleBinding, so a Role can grant it
    (``BindingAuthorized`` in ``pkg/registry/rbac/escalation_check.go``).
    """
    rules = [_rule([group], kinds, (*READ, "create", *CHANGE)) for group, kinds in MANAGED.items()]
    rules += [_rule([group], kinds, READ) for group, kinds in READABLE.items()]
    rules.append(_rule(["apps"], SCALED, ("get", "patch", "update")))
    rules += [_rule([group], [resource], (*READ, "create")) for group, resource in RESERVED.values()]
    for kind, names in _reserved(chart).items():
        if names:  # a rule with an empty list of names would hold for all names
            group, resource = RESERVED[kind]
            rules.append(_rule([group], [resource], CHANGE, names))
    rules.append(_rule([""], ["namespaces"], ["get"], [namespace]))
    rules.append(_rule([RBAC], ["clusterroles"], ["bind"], CLUSTER_ROLES))
    return {"apiVersion": f"{RBAC}/v1", "kind": "Role", "metadata": {"name": NAME}, "rules": rules}


def role_binding(user: str) -> Body:
    """Return the RoleBinding that gives the Role to *user*."""
    return {
        "apiVersion": f"{RBAC}/v1",
        "kind": "RoleBinding",
        "metadata": {"name": NAME},
        "roleRef": {"apiGroup": RBAC, "kind": "Role", "name": NAME},
        "subjects": [{"apiGroup": RBAC, "kind": "User", "name": user}],
    }


def resource_quotas(nodes: int) -> tuple[Body, ...]:
    """Return quotas that no vetted chart reaches on a cluster of *nodes* nodes. 0 means that their number is unknown.

    They count objects and storage only.  A quota on CPU or memory would refuse every pod that does not say what it
    needs (Kubernetes, "Resource Quotas"), and defaults that say it in their place would hide what a chart's own quota
    says of such a pod.

    Each object that a quota counts costs two more writes of that quota, when it is made and when it is deleted; so pods
    have a small one of their own.  That on pods that push out others counts no other pod, and refuses those: a template
    can add one in the cluster alone, where it would run until what was applied is vetted.
    """
    more = PODS_OF_EACH_NODE * (nodes or UNKNOWN_NODES)
    pods = {"pods": str(PODS + more), "count/pods": str(PODS_WITH_ENDED + more)}
    kinds = [(group, kind) for group, kinds in MANAGED.items() for kind in kinds]
    kinds += RESERVED.values()
    counted = (f"count/{kind}{group and f'.{group}'}" for group, kind in kinds if kind not in UNCOUNTED)
    objects = {
        **dict.fromkeys(counted, str(OBJECTS)),
        "services.nodeports": str(NODE_PORTS),
        "requests.storage": STORAGE,
    }
    pushing_out = {"scopeName": "PriorityClass", "operator": "In", "values": [*PUSHING_OUT]}
    return (
        _quota(f"{GUARD}-pods", pods),
        _quota(GUARD, objects),
        _quota(f"{GUARD}-priority", {"pods": "0"}, scopeSelector={"matchExpressions": [pushing_out]}),
    )


def _quota(name: str, hard: Body, **scope: Body) -> Body:
    spec = {"hard": hard, **scope}
    return {"apiVersion": "v1", "kind": "ResourceQuota", "metadata": {"name": name}, "spec": spec}


def limit_range() -> Body:
    """Return the limit of what a container writes to its node's disk, where the chart sets none.

    CPU and memory stay as written.

    A default limit for memory would make a pod invalid that requests more than that and sets no limit
    (``plugin/pkg/admission/limitranger``), and give an honest canary another QoS class.
    """
    limits = {"type": "Container", "default": {"ephemeral-storage": DISK}, "defaultRequest": {"ephemeral-storage": "0"}}
    return {"apiVersion": "v1", "kind": "LimitRange", "metadata": {"name": GUARD}, "spec": {"limits": [limits]}}


def rights(namespace: str, chart: Iterable[Manifest]) -> tuple[tuple[Resource, Body], ...]:
    """Return the objects that let the user of *namespace* upgrade to *chart*."""
    return ((ROLES, role(namespace, chart)), (ROLE_BINDINGS, role_binding(user_of(namespace))))


def limits(nodes: int) -> tuple[tuple[Resource, Body], ...]:
    """Return the objects that limit what a namespace holds."""
    quotas = ((RESOURCE_QUOTAS, quota) for quota in resource_quotas(nodes))
    return (*quotas, (LIMIT_RANGES, limit_range()))


def refused_by_quota(messages: Iterable[str]) -> str:
    """Return the first of *messages* of Kubernetes that says that the quota of the namespace refused an object."""
    return next((each for each in messages if not QUOTAS.isdisjoint(exceeded_quotas(each))), "")


def _rule(groups: Iterable[str], kinds: Iterable[str], verbs: Iterable[str], names: Iterable[str] = ()) -> Body:
    rule: Body = {"apiGroups": [*groups], "resources": [*kinds], "verbs": [*verbs]}
    return {**rule, "resourceNames": [*names]} if names else rule


def _reserved(chart: Iterable[Manifest]) -> dict[str, list[str]]:
    """Return the names that *chart* gives to objects of reserved kinds, without those of the guards."""
    names: dict[str, set[str]] = {kind: set() for kind in RESERVED}
    for each in chart:
        if each.kind in names and each.name and not each.name.startswith(NAME):
            names[each.kind].add(each.name)
    return {kind: sorted(found) for kind, found in names.items()}
