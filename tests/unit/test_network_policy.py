"""The NetworkPolicy of an experiment is as strict as its cluster allows."""

from __future__ import annotations

import pytest

from canaryproof.experiment.network_policy import network_policy


@pytest.mark.parametrize("provider", ["kind", "minikube"])
def test_pods_of_a_single_node_keep_to_themselves(provider: str) -> None:
    """The policy on a single node limits both directions to the namespace and the cluster's DNS."""
    policy = network_policy(provider, nodes=1)

    assert policy
    assert policy["spec"]["podSelector"] == {}
    assert set(policy["spec"]["policyTypes"]) == {"Ingress", "Egress"}
    assert policy["spec"]["ingress"] == [{"from": [{"podSelector": {}}]}]
    own, dns = policy["spec"]["egress"]
    assert own == {"to": [{"podSelector": {}}]}
    assert dns["to"] == [{"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": "kube-system"}}}]
    assert {(it["protocol"], it["port"]) for it in dns["ports"]} == {("UDP", 53), ("TCP", 53)}


@pytest.mark.parametrize("nodes", [0, 2, 3])
def test_the_api_server_on_another_node_reaches_stable(nodes: int) -> None:
    """The policy with several or unknown nodes does not limit ingress, so that the API server can reach the pods."""
    policy = network_policy("kind", nodes)

    assert policy
    assert policy["spec"]["policyTypes"] == ["Egress"]
    assert "ingress" not in policy["spec"]


@pytest.mark.parametrize("provider", ["embedded", "existing"])
def test_other_clusters_get_none(provider: str) -> None:
    """The embedded cluster and a shared cluster get no policy.

    The embedded cluster isolates pods itself, and the network of a shared cluster is its owner's.
    """
    assert network_policy(provider, nodes=1) is None
