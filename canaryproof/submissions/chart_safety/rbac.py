"""What Roles and RoleBindings may give; pure.

The API server lets nobody give rights that they do not have (kubernetes.io, "Privilege escalation prevention"), and the
user who upgrades has few. These rules say the same before anything is applied, in words that help.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from canaryproof.model.objects import Body, Manifest, mapping_at, maps_at, text_at, values_at
from canaryproof.model.refusals import Policy, Refusal
from canaryproof.submissions.chart_safety.kinds import ALLOWED_KINDS

READ = frozenset({"get", "list", "watch"})
SCALE = frozenset({"get", "patch", "update"})
VERBS = READ | {"create", "delete", "patch", "update"}
"""Verbs of a Role; ``bind``, ``escalate`` and ``impersonate`` give more rights than the Role says."""

RESOURCES: Mapping[tuple[str, str], frozenset[str]] = {
    **{(each.group, each.plural): VERBS for each in ALLOWED_KINDS},
    **{("", name): READ | {"create"} for name in ("limitranges", "resourcequotas")},
    ("networking.k8s.io", "networkpolicies"): READ | {"create"},
    **{("", name): READ for name in ("endpoints", "events", "pods/log", "pods/status")},
    ("discovery.k8s.io", "endpointslices"): READ,
    ("events.k8s.io", "events"): READ,
    **{("apps", f"{name}/scale"): SCALE for name in ("deployments", "replicasets", "statefulsets")},
}
"""Resources of a Role, by API group and plural, with the verbs for each: the allowed kinds, and what apps look at.

A Role may not change quotas, limits and network policies: the harness sets some for each namespace. Nor may it write
events: the verdict depends on those of the cluster's own components.
"""

CLUSTER_ROLES = ("view",)
"""The ClusterRoles that a RoleBinding may give; ``edit`` would let pods change network policies."""


def check_rbac(manifest: Manifest, _policy: Policy) -> Iterator[Refusal]:
    """Yield the rights that a Role or a RoleBinding may not give.

    Whom they are given to is left open: they end with the namespace.
    """
    if manifest.kind == "Role":
        for rule in maps_at(manifest.body, "rules"):
            yield from _check_rule(rule)
    if manifest.kind == "RoleBinding":
        role = mapping_at(manifest.body, "roleRef")
        name = text_at(role, "name")
        if text_at(role, "kind") != "Role" and name and name not in CLUSTER_ROLES:
            yield Refusal("cluster-role-binding", field=", ".join(CLUSTER_ROLES), value=name)


def _check_rule(rule: Body) -> Iterator[Refusal]:
    verbs = [str(each) for each in values_at(rule, "verbs")]
    for verb in verbs:
        if verb not in VERBS:
            yield Refusal("role-verb", value=verb)
    for group in map(str, values_at(rule, "apiGroups")):
        for resource in map(str, values_at(rule, "resources")):
            allowed = RESOURCES.get((group, resource), frozenset())
            for verb in verbs:
                if verb in VERBS and verb not in allowed:
                    yield Refusal("role-resource", field=group, value=resource)
                    break
