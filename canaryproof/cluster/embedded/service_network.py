"""Defines the network of Services: kube-proxy for their addresses, and CoreDNS for their names.

kube-proxy replaces the address of a Service by that of one of its pods, with rules of the kernel's nftables. CoreDNS is
a process of the cluster, not a pod. It listens at the address of the Service ``kube-dns`` itself, and answers only for
names of the cluster: it asks no other server, and other names do not exist.
"""

from __future__ import annotations

from pathlib import Path

from canaryproof.kube.resources import Resource
from canaryproof.model.objects import Body

SERVICES = "10.96.0.0/16"
PODS = "10.244.0.0/16"
DNS_ADDRESS = "10.96.0.10"
DOMAIN = "cluster.local"
READY = {"kube-proxy": (10256, "/healthz"), "coredns": (8181, "/ready")}
"""The port on the node's loopback address and the path at which each component reports that it works."""
SERVICE = Resource("Service", "/api/v1", "services")
ENDPOINTS = Resource("EndpointSlice", "/apis/discovery.k8s.io/v1", "endpointslices")

NAMESPACE = "kube-system"
"""The namespace of the DNS server's Service."""

_DNS_PORT = 53
_PORTS = (("dns", "UDP"), ("dns-tcp", "TCP"))
_NAME = "kube-dns"
_LOOPBACK = "127.0.0.1"
_TRIAL_TABLE = "canaryproof-trial"
TRIAL = f"""\
table ip {_TRIAL_TABLE} {{
  set pairs {{
    type ipv4_addr . ipv4_addr . inet_proto . inet_service
  }}
  map services {{
    type ipv4_addr . inet_proto . inet_service : verdict
  }}
  chain pod {{
    meta l4proto tcp dnat to 192.0.2.1:80
  }}
  chain refused {{
    reject
  }}
  chain nat {{
    type nat hook prerouting priority -100;
    ip daddr . meta l4proto . th dport vmap @services
    numgen random mod 2 vmap {{ 0 : goto pod, 1 : goto pod }}
  }}
  chain masquerading {{
    type nat hook postrouting priority 100;
    ct status dnat ip saddr . ip daddr . meta l4proto . th dport @pairs masquerade fully-random
  }}
  chain filter {{
    type filter hook forward priority 0;
    ct state new jump refused
  }}
}}
delete table ip {_TRIAL_TABLE}
"""
"""Rules of each type that kube-proxy uses, in one transaction that also removes them.

It succeeds if and only if the kernel has the types, and lets the cluster use them.
"""


def kube_proxy_configuration(kubeconfig: Path, node: str) -> Body:
    """Return the configuration of kube-proxy. It leaves the settings of the kernel's connection tracking alone."""
    port, _ = READY["kube-proxy"]
    return {
        "apiVersion": "kubeproxy.config.k8s.io/v1alpha1",
        "kind": "KubeProxyConfiguration",
        "clientConnection": {"kubeconfig": str(kubeconfig), "qps": 200, "burst": 400},
        "hostnameOverride": node,
        "mode": "nftables",
        # At the default of one second, Services lead to ended pods for that long.
        "nftables": {"syncPeriod": "1h", "minSyncPeriod": "100ms"},
        "clusterCIDR": PODS,
        "nodePortAddresses": ["primary"],
        "healthzBindAddress": f"{_LOOPBACK}:{port}",
        "metricsBindAddress": "",
        "bindAddressHardFail": True,
        "oomScoreAdj": None,
        "conntrack": {"maxPerCore": 0, "min": 0, "tcpEstablishedTimeout": "0s", "tcpCloseWaitTimeout": "0s"},
    }


def corefile(kubeconfig: Path, context: str) -> str:
    """Return the configuration of CoreDNS.

    It needs no cache, because the plugin ``kubernetes`` answers from memory. An unknown name gets NXDOMAIN at once:
    some resolvers wait seconds for another answer after any other refusal.
    """
    port, _ = READY["coredns"]
    reverse = "in-addr.arpa ip6.arpa"
    return f"""\
{DOMAIN} {reverse} {{
  bind {DNS_ADDRESS}
  ready {_LOOPBACK}:{port}
  errors
  loadbalance
  kubernetes {DOMAIN} {reverse} {{
    kubeconfig {kubeconfig} {context}
    pods insecure
  }}
}}
. {{
  bind {DNS_ADDRESS}
  template ANY ANY {{
    rcode NXDOMAIN
  }}
}}
"""


def dns_service() -> Body:
    """Return the Service ``kube-dns``, as kubeadm creates it."""
    ports = [{"name": name, "port": _DNS_PORT, "protocol": protocol} for name, protocol in _PORTS]
    return {
        "apiVersion": "v1",
        "kind": SERVICE.kind,
        "metadata": {"name": _NAME, "namespace": NAMESPACE, "labels": {"k8s-app": _NAME}},
        "spec": {"clusterIP": DNS_ADDRESS, "ports": ports},
    }


def dns_endpoints() -> Body:
    """Return the endpoints of ``kube-dns``: the Service's own address, at which CoreDNS listens."""
    return {
        "apiVersion": "discovery.k8s.io/v1",
        "kind": ENDPOINTS.kind,
        "metadata": {
            "name": _NAME,
            "namespace": NAMESPACE,
            "labels": {
                "kubernetes.io/service-name": _NAME,
                "endpointslice.kubernetes.io/managed-by": "canaryproof",
            },
        },
        "addressType": "IPv4",
        "ports": [{"name": name, "port": _DNS_PORT, "protocol": protocol} for name, protocol in _PORTS],
        "endpoints": [{"addresses": [DNS_ADDRESS], "conditions": {"ready": True}}],
    }
