"""The user of a release gets exactly the rights that it needs in its namespace, and none outside."""

from __future__ import annotations

from typing import Any

import pytest

from canaryproof.experiment import tenancy
from canaryproof.experiment.network_policy import network_policy
from canaryproof.kube.resources import NETWORK_POLICIES
from canaryproof.model.objects import Manifest
from canaryproof.submissions.chart_safety import Policy, check_chart


def allows(role: dict[str, Any], verb: str, group: str, resource: str, name: str = "any") -> bool:
    """Return whether a rule of *role* allows *verb*, as RBAC evaluates rules without wildcards."""
    return any(
        verb in rule["verbs"]
        and group in rule["apiGroups"]
        and resource in rule["resources"]
        and (name in rule["resourceNames"] if rule.get("resourceNames") else True)
        for rule in role["rules"]
    )


def counted(nodes: int) -> dict[str, str]:
    """Return the resources that the quotas of a namespace limit."""
    quotas = (each["spec"] for each in tenancy.resource_quotas(nodes) if "scopeSelector" not in each["spec"])
    return {name: limit for spec in quotas for name, limit in spec["hard"].items()}


def named(kind: str, name: str) -> Manifest:
    """Return an object of a chart."""
    return Manifest({"apiVersion": "v1", "kind": kind, "metadata": {"name": name}})


@pytest.mark.parametrize("verb", ["get", "list", "watch", "create", "patch", "update", "delete"])
@pytest.mark.parametrize(
    ("group", "resource"),
    [
        ("", "configmaps"),
        ("", "secrets"),
        ("", "serviceaccounts"),
        ("apps", "deployments"),
        ("batch", "jobs"),
        ("networking.k8s.io", "ingresses"),
        ("policy", "poddisruptionbudgets"),
        ("rbac.authorization.k8s.io", "rolebindings"),
    ],
)
def test_a_release_manages_its_objects(verb: str, group: str, resource: str) -> None:
    """The Role allows Helm to read, create, change and delete the kinds that a chart may have."""
    assert allows(tenancy.role("sre", ()), verb, group, resource)


@pytest.mark.parametrize("resource", ["events", "pods/log", "endpoints"])
def test_a_release_reads_what_happens(resource: str) -> None:
    """The Role allows read access to logs of failed hooks and to the namespace, and no write access to them."""
    role = tenancy.role("sre", ())

    assert allows(role, "get", "", resource)
    assert not any(allows(role, verb, "", resource) for verb in ("create", "patch", "update", "delete"))


@pytest.mark.parametrize(
    ("verb", "group", "resource"),
    [
        ("patch", "", "namespaces"),
        ("update", "", "namespaces"),
        ("delete", "", "namespaces"),
        ("create", "", "pods/exec"),
        ("create", "", "serviceaccounts/token"),
        ("get", "", "services/proxy"),
        ("get", "", "pods/proxy"),
        ("patch", "", "pods/ephemeralcontainers"),
        ("impersonate", "", "serviceaccounts"),
        ("escalate", "rbac.authorization.k8s.io", "roles"),
        ("bind", "rbac.authorization.k8s.io", "roles"),
        ("deletecollection", "", "secrets"),
        ("create", "discovery.k8s.io", "endpointslices"),
        ("patch", "", "resourcequotas"),
        ("delete", "", "limitranges"),
        ("patch", "", "resourcequotas/status"),
    ],
)
def test_nothing_leads_out_of_the_namespace(verb: str, group: str, resource: str) -> None:
    """The Role denies namespace labels, shells in pods, tokens, proxies and the guard objects."""
    assert not allows(tenancy.role("sre", ()), verb, group, resource, "sre")


def test_no_rule_is_a_wildcard() -> None:
    """The Role has no wildcards. A subresource has only the verbs that it needs."""
    words = {each for rule in tenancy.role("sre", ())["rules"] for part in rule.values() for each in part}

    assert "*" not in words
    assert {each for each in words if "/" in each} == {"pods/log", "pods/status", *tenancy.SCALED}


def test_cluster_roles_that_may_be_bound_are_named() -> None:
    """The Role names the ClusterRoles that may be bound, because ``bind`` without names allows ``cluster-admin``."""
    role = tenancy.role("sre", ())
    bind = ("bind", "rbac.authorization.k8s.io", "clusterroles")

    assert allows(role, *bind, "view")
    assert not any(allows(role, *bind, name) for name in ("edit", "admin", "cluster-admin"))


def test_a_chart_changes_the_quotas_that_it_brings() -> None:
    """The Role allows changes to the chart's own quotas by name.

    It never allows changes to the guards, whatever names the chart uses.
    """
    guards = [each["metadata"]["name"] for each in tenancy.resource_quotas(1)]
    small = (named("ResourceQuota", "small"), named("LimitRange", "small"))
    chart = (*small, *(named("ResourceQuota", name) for name in guards))
    role = tenancy.role("sre", chart)

    for resource in ("resourcequotas", "limitranges"):
        assert allows(role, "create", "", resource)
        assert all(allows(role, verb, "", resource, "small") for verb in ("get", "patch", "update", "delete"))
        verbs = [(verb, name) for verb in ("patch", "update", "delete") for name in guards]
        assert not any(allows(role, verb, "", resource, name) for verb, name in verbs)


def test_a_chart_may_not_have_objects_with_the_names_of_the_guards() -> None:
    """A chart with a guard's name is refused. As a hook it would replace the guard, because Helm deletes it by name."""
    guards = [
        *tenancy.rights("sre", ()),
        *tenancy.limits(1),
        (NETWORK_POLICIES, network_policy("kind", 1)),
    ]
    chart = [named(resource.kind, body["metadata"]["name"]) for resource, body in guards if body]
    policy = Policy(namespaces=("sre",), namespaced=lambda _: True)

    assert len(chart) == 7
    refused = {each.key for each in check_chart(chart, policy) if each.code == "guard-name"}
    assert refused == {each.key for each in chart}
    others = [named("Role", "reader"), named("ConfigMap", "canaryproof"), named("ResourceQuota", "small")]
    assert "guard-name" not in [each.code for each in check_chart(others, policy)]


def test_the_namespace_can_be_read_and_no_other() -> None:
    """The ClusterRole allows a read of this namespace only, whose labels templates look up."""
    role = tenancy.role("sre", ())

    assert allows(role, "get", "", "namespaces", "sre")
    assert not allows(role, "get", "", "namespaces", "kube-system")


def test_every_kind_that_can_be_created_is_counted() -> None:
    """The quota counts every kind that can be created, except those that each release has.

    It limits neither CPU nor memory.
    """
    hard = counted(1)
    created = {
        f"count/{kind}{group and f'.{group}'}"
        for rule in tenancy.role("sre", ())["rules"]
        if "create" in rule["verbs"]
        for group in rule["apiGroups"]
        for kind in rule["resources"]
    }

    every_release_has = {"count/deployments.apps", "count/replicasets.apps", "count/secrets", "count/services"}
    assert created - hard.keys() == every_release_has
    assert not [each for each in hard if "cpu" in each or "memory" in each]


def test_a_quota_has_room_for_an_update_of_all_that_vetting_allows() -> None:
    """The quota allows an update of the largest permitted chart: twenty pods, their successors and those in deletion.

    It allows more for DaemonSets on a large cluster.
    """
    one, many, unknown = (int(counted(nodes)["pods"]) for nodes in (1, 200, 0))

    assert one >= 3 * 20
    assert many - one == 199 * tenancy.PODS_OF_EACH_NODE
    assert unknown >= many // 2


def test_memory_and_cpu_have_no_defaults() -> None:
    """The LimitRange sets no defaults for CPU and memory, which would change the QoS class or make a pod invalid."""
    (limits,) = tenancy.limit_range()["spec"]["limits"]

    assert set(limits["default"]) == set(limits["defaultRequest"]) == {"ephemeral-storage"}
    assert "max" not in limits  # Kubernetes also uses it as the default


def test_the_refusal_of_the_guard_is_told_from_that_of_a_chart() -> None:
    """A refusal by the guard's quota is recognised by the quota's name in Kubernetes' message."""
    own = 'pods "a" is forbidden: exceeded quota: small, requested: pods=1, used: pods=1, limited: pods=1'
    ours = own.replace("small", tenancy.GUARD)

    assert tenancy.refused_by_quota(["Scaled up", own]) == ""
    assert tenancy.refused_by_quota([own, ours]) == ours
    others = [f"{tenancy.GUARD}-pods", f"{tenancy.GUARD}-priority"]
    assert all(tenancy.refused_by_quota([own.replace("small", name)]) for name in others)
