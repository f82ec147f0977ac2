"""Vets the rights that Roles and RoleBindings grant.  This module is pure.

The API server prevents users from granting rights that they do not have (kubernetes.io, "Privilege escalation
prevention"), and the user who upgrades has few rights. These rules have the same effect, but they apply before anything
is installed, and their messages are helpful.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from canaryproof.model.objects import Body, Manifest, mapping_at, maps_at, text_at, values_at
from canaryproof.model.refusals import Policy, Refusal
from canaryproof.submissions.chart_safety.kinds import ALLOWED_KINDS

READ = frozenset({"get", "list", "watch"})
SCALE = frozenset({"get", "patch", "update"})
VERBS = READ | {"create", "delete", "patch", "update"}
"""The allowed verbs of a Role. ``bind``, ``escalate`` and ``impersonate`` grant more rights than the Role lists."""

RESOURCES: Mapping[tuple[str, str], frozenset[str]] = {
    **{(each.group, each.plural): VERBS for each in ALLOWED_KINDS},
    **{("", name): READ | {"create"} for name in ("limitranges", "resourcequotas")},
    ("networking.k8s.io", "networkpolicies"): READ | {"create"},
    **{("", name): READ for name in ("endpoints", "events", "pods/log", "pods/status")},
    ("discovery.k8s.io", "endpointslices"): READ,
    ("events.k8s.io", "events"): READ,
    **{("apps", f"{name}/scale"): SCALE for name in ("deployments", "replicasets", "statefulsets")},
}
"""The allowed resources of a Role, by API group and plural, with their verbs.

They are the allowed kinds, and resources that apps read. A Role must not permit changes to quotas, limits and network
policies, because canaryproof creates its own in each namespace. It must not permit writing events, because the verdict
depends on the events of the cluster's own components.
"""

CLUSTER_ROLES = ("view",)
"""The ClusterRoles that a RoleBinding may grant. ``edit`` would let pods change network policies."""


def check_rbac(manifest: Manifest, _policy: Policy) -> Iterator[Refusal]:
    """Yield a refusal for each right that a Role or a RoleBinding must not grant.

    The subjects are not restricted, because the rights end with the namespace.
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
