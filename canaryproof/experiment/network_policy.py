"""The NetworkPolicy that keeps the pods of an experiment to themselves on kind and minikube.  This module is pure.

The embedded cluster isolates namespaces by its own network, and needs none.  On a cluster of others its owner decides.
A NetworkPolicy has an effect only where the cluster's network plugin enforces it (Kubernetes, "Network Policies"):
kindnet does since kind 0.24; minikube's ``bridge`` does not.
"""

from __future__ import annotations

from canaryproof.model.objects import Body

NAME = "canaryproof"
"""Name of the NetworkPolicy."""
_PROVIDERS = frozenset({"kind", "minikube"})
"""Providers whose clusters are made for such runs."""
_OWN_NAMESPACE: Body = {"podSelector": {}}
_DNS_PODS: Body = {"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": "kube-system"}}}
_DNS_PORTS = [{"protocol": protocol, "port": 53} for protocol in ("UDP", "TCP")]


def network_policy(provider: str, nodes: int) -> Body | None:
    """Return the NetworkPolicy of each experiment's namespace on a cluster of *nodes* nodes; None where none is made.

    Pods reach their own namespace and the cluster's DNS.  On one node they are reached by their own namespace only:
    traffic from a pod's node is always allowed, hence that of the API server, by which stable is probed.  With several
    nodes the API server may be on another one, so connections from outside of the namespace stay allowed there, and a
    submission whose own chart allows all egress reaches its neighbours.
    """
    if provider not in _PROVIDERS:
        return None
    egress = [{"to": [_OWN_NAMESPACE]}, {"to": [_DNS_PODS], "ports": _DNS_PORTS}]
    spec: Body = {"podSelector": {}, "policyTypes": ["Egress"], "egress": egress}
    if nodes == 1:
        spec |= {"policyTypes": ["Egress", "Ingress"], "ingress": [{"from": [_OWN_NAMESPACE]}]}
    return {
        "apiVersion": "networking.k8s.io/v1",
        "kind": "NetworkPolicy",
        "metadata": {"name": NAME},
        "spec": spec,
    }
