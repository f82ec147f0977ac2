"""Services of the embedded cluster have addresses, node ports and names, as on any cluster, and lead nowhere else."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest

from canaryproof.cluster.embedded.components import NODE_ADDRESS
from canaryproof.cluster.embedded.provider import EmbeddedProvider
from canaryproof.cluster.embedded.service_network import DNS_ADDRESS
from canaryproof.cluster.embedded.toolchain import Toolchain
from canaryproof.errors import CommandError
from canaryproof.kube.running_cluster import Cluster
from canaryproof.kube.service_visit import visit_address
from canaryproof.model.objects import Body
from canaryproof.system.process import run
from canaryproof.system.wait import Ticks, wait_for
from canaryproof.timeouts import TimeLimits
from tests.cluster.commanding import Kubectl, kubectl_of

pytestmark = pytest.mark.cluster

SERVER = ("netexec", "--http-port=5000")
REFUSED, SILENT, UNKNOWN = r"REFUSED", r"TIMEOUT", r"DNS:.* no such host"
"""The output of agnhost's ``connect``."""


@dataclass(frozen=True)
class Lab:
    """A cluster with the Services and pods of :func:`_objects` in the namespaces ``own`` and ``other``."""

    kubectl: Kubectl
    cluster: Cluster

    def ask(self, host: str, port: int, *, pod: str = "client") -> list[str]:
        """Return the host name of the pod that answers a pod of ``own`` at *host* and *port*."""
        path = f"dial?host={host}&port={port}&request=hostname&protocol=http"
        answer = self.kubectl("get", f"--raw=/api/v1/namespaces/own/pods/{pod}:5000/proxy/{path}")
        return [str(each) for each in json.loads(answer).get("responses", ())]

    def agnhost(self, *arguments: str) -> str:
        """Run agnhost in the client of ``own``. Raises CommandError when it fails."""
        return self.kubectl("exec", "--namespace=own", "client", "--", "/agnhost", *arguments)

    def connect(self, target: str) -> str:
        """Connect from the client of ``own`` to *target*. Raises CommandError with agnhost's reason."""
        return self.agnhost("connect", "--timeout=2s", target)

    def leads_somewhere(self, address: str) -> bool:
        """Report whether the node reaches something at the address of a Service."""
        assert self.cluster.dial
        try:
            self.cluster.dial(address, 80, 1).close()
        except OSError:
            return False
        return True

    def spec(self, service: str, namespace: str = "own") -> Body:
        """Return the spec of a Service."""
        found = json.loads(self.kubectl("get", "service", service, f"--namespace={namespace}", "--output=json"))
        spec: Body = found["spec"]
        return spec

    def address(self, service: str, namespace: str = "own") -> str:
        """Return the cluster IP of a Service."""
        return str(self.spec(service, namespace)["clusterIP"])

    def node_port(self, service: str, namespace: str = "own") -> int:
        """Return the node port of a Service."""
        return int(self.spec(service, namespace)["ports"][0]["nodePort"])


@pytest.fixture(scope="module")
def lab(toolchain: Toolchain, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    """The pods and Services of two submissions."""
    folder = tmp_path_factory.mktemp("services")
    with _cluster(toolchain, folder) as cluster:
        kubectl = kubectl_of(toolchain, cluster)
        for namespace in ("own", "other"):
            _set_up(kubectl, namespace, folder)
        yield Lab(kubectl, cluster)


@pytest.mark.parametrize("name", ["single", "single.own", "single.own.svc", "single.own.svc.cluster.local"])
def test_a_pod_reaches_a_service_by_name(lab: Lab, name: str) -> None:
    """A pod reaches a Service by each form of its name, at the port of the Service."""
    assert lab.ask(name, 80) == ["single"]


def test_a_pod_reaches_a_service_by_address(lab: Lab) -> None:
    """A pod reaches a Service by its cluster IP, and a pod of the Service reaches itself in this way."""
    assert lab.ask(lab.address("single"), 80) == ["single"]
    assert lab.ask(lab.address("single"), 80, pod="single") == ["single"]


def test_a_pod_reaches_a_node_port(lab: Lab) -> None:
    """A pod reaches a Service at the node's address and the Service's node port."""
    assert lab.ask(NODE_ADDRESS, lab.node_port("single")) == ["single"]


def test_pods_of_a_stateful_set_have_names(lab: Lab) -> None:
    """Each pod of a StatefulSet is reached by its own name, and the headless Service leads to one of them."""
    assert [lab.ask(f"{pod}.members", 5000) for pod in ("set-0", "set-1")] == [["set-0"], ["set-1"]]
    assert lab.ask("members", 5000) in (["set-0"], ["set-1"])


def test_a_pod_asks_the_cluster_for_names(lab: Lab) -> None:
    """A pod's ``resolv.conf`` names the cluster's DNS server and domains, as on any cluster."""
    assert lab.agnhost("dns-server-list").strip() == DNS_ADDRESS
    assert lab.agnhost("dns-suffix").strip() == "own.svc.cluster.local,svc.cluster.local,cluster.local"


def test_a_service_without_endpoints_refuses(lab: Lab) -> None:
    """A Service without endpoints, and a port that a Service does not have, refuse a connection at once."""
    for target in ("nobody:80", f"{lab.address('single')}:81"):
        with pytest.raises(CommandError, match=REFUSED):
            lab.connect(target)


@pytest.mark.parametrize("way", ["name", "address", "node port"])
def test_a_service_of_another_namespace_is_not_reached(lab: Lab, way: str) -> None:
    """A pod reaches a Service of another namespace in no way."""
    targets = {
        "name": "single.other:80",
        "address": f"{lab.address('single', 'other')}:80",
        "node port": f"{NODE_ADDRESS}:{lab.node_port('single', 'other')}",
    }
    with pytest.raises(CommandError, match=SILENT):
        lab.connect(targets[way])


@pytest.mark.parametrize("target", ["8.8.8.8:53", "169.254.169.254:80", "kubernetes.default:443"])
def test_no_service_leads_out_of_the_namespace(lab: Lab, target: str) -> None:
    """A pod reaches neither the outside nor the API server."""
    with pytest.raises(CommandError, match=SILENT):
        lab.connect(target)


def test_names_of_the_outside_do_not_exist(lab: Lab) -> None:
    """The DNS server answers for no name outside the cluster, and does so at once."""
    with pytest.raises(CommandError, match=UNKNOWN):
        lab.connect("example.org:80")


@pytest.mark.parametrize("port", [10250, 6443, 5000, 8181, 10256])
def test_the_address_of_the_dns_server_has_no_other_port(lab: Lab, port: int) -> None:
    """A pod reaches no other server of the node at the address of the DNS server."""
    with pytest.raises(CommandError, match=REFUSED):
        lab.connect(f"{DNS_ADDRESS}:{port}")


@pytest.mark.parametrize("name", ["to-victim", "to-kubelet"])
def test_endpoints_of_a_chart_s_own_lead_nowhere_else(lab: Lab, tmp_path: Path, name: str) -> None:
    """Endpoints that a chart writes itself do not lead to the node or to pods of other namespaces."""
    victim = lab.kubectl("get", "pod", "single", "--namespace=other", "--output=jsonpath={.status.podIP}")
    target = {"to-victim": (victim, 5000), "to-kubelet": (NODE_ADDRESS, 10250)}[name]
    _apply(lab.kubectl, "own", tmp_path, *_service_to(name, *target))
    service = lab.address(name)
    wait_for("rules", lambda: lab.leads_somewhere(service) or None, within=30, changes=Ticks())

    with pytest.raises(CommandError, match=SILENT):
        lab.connect(f"{service}:80")


def test_the_harness_asks_as_clients_do(lab: Lab) -> None:
    """The harness reaches a Service at its address, and tells a refusal from a Service that does not answer."""
    dial = lab.cluster.dial
    assert dial
    asked = [
        visit_address(dial, address, port, "single.own", within=0.5)
        for address, port in ((lab.address("single"), 80), (lab.address("nobody"), 80), ("10.96.255.254", 80))
    ]

    assert asked[0] is None
    assert asked[1]
    assert (asked[1].timed_out, "refused" in asked[1].message) == (False, True)
    assert asked[2]
    assert (asked[2].timed_out, asked[2].message) == (True, "no answer within 0.5 s")


@pytest.mark.usefixtures("lab")
def test_the_host_has_no_rules_of_the_cluster(toolchain: Toolchain) -> None:
    """kube-proxy's rules are in the cluster's network namespace only."""
    nft = toolchain.path("nft")
    environment = {**os.environ, "LD_LIBRARY_PATH": str(nft.parent)}
    tables = run([str(nft), "list", "tables"], timeout=30, env=environment)

    assert "kube-proxy" not in tables
    assert "canaryproof" not in tables


def test_a_kernel_without_nftables_is_named(toolchain: Toolchain, tmp_path: Path) -> None:
    """Where the kernel refuses rules, the cluster starts without addresses of Services, says so, and has names."""
    nft = tmp_path / "nft"
    nft.write_text("#!/bin/sh\necho 'Could not process rule: Operation not supported'\nexit 1\n")
    nft.chmod(0o755)
    poor = replace(toolchain, binaries={**toolchain.binaries, "nft": nft})
    with _cluster(poor, tmp_path) as cluster:
        assert cluster.dial is None
        assert re.search(r"kube-proxy cannot work here.*Operation not supported", cluster.lack, re.DOTALL)
        kubectl = kubectl_of(toolchain, cluster)
        _set_up(kubectl, "own", tmp_path)
        lab = Lab(kubectl, cluster)
        assert lab.ask("set-1.members", 5000) == ["set-1"]
        with pytest.raises(CommandError, match=SILENT):
            lab.connect("single:80")


@contextmanager
def _cluster(toolchain: Toolchain, folder: Path) -> Iterator[Cluster]:
    with EmbeddedProvider(toolchain, folder / "canaryproof", {"test/server:1": SERVER}, TimeLimits()).lend() as cluster:
        yield cluster


def _set_up(kubectl: Kubectl, namespace: str, folder: Path) -> None:
    kubectl("create", "namespace", namespace)
    kubectl("wait", "--for=create", "serviceaccount/default", f"--namespace={namespace}", "--timeout=30s")
    _apply(kubectl, namespace, folder, *_objects())
    kubectl("rollout", "status", "statefulset/set", f"--namespace={namespace}", "--timeout=60s")
    kubectl("wait", "--for=condition=Ready", "pod", "--all", f"--namespace={namespace}", "--timeout=60s")
    endpoints = ("get", "endpointslices", f"--namespace={namespace}", "--output=jsonpath={.items[*].endpoints}")
    wait_for("endpoints", lambda: "set-1" in kubectl(*endpoints) or None, within=30, changes=Ticks())


def _apply(kubectl: Kubectl, namespace: str, folder: Path, *objects: Mapping[str, Any]) -> None:
    file = folder / f"{namespace}.json"
    file.write_text(json.dumps({"apiVersion": "v1", "kind": "List", "items": objects}), encoding="utf-8")
    kubectl("apply", f"--namespace={namespace}", f"--filename={file}")


def _objects() -> Iterator[Body]:
    """Yield the pods ``client`` and ``single``, a StatefulSet, and Services with and without endpoints."""
    container = {"name": "server", "image": "test/server:1", "ports": [{"containerPort": 5000}]}
    for name in ("client", "single"):
        labels = {"app": name}
        pod = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": name, "labels": labels}}
        yield {**pod, "spec": {"containers": [container]}}
    yield {
        "apiVersion": "apps/v1",
        "kind": "StatefulSet",
        "metadata": {"name": "set"},
        "spec": {
            "serviceName": "members",
            "replicas": 2,
            "selector": {"matchLabels": {"app": "set"}},
            "template": {"metadata": {"labels": {"app": "set"}}, "spec": {"containers": [container]}},
        },
    }
    yield _service("single", type="NodePort", selector={"app": "single"})
    yield _service("nobody", selector={"app": "nobody"})
    yield _service("members", clusterIP="None", selector={"app": "set"})


def _service(name: str, **spec: object) -> Body:
    ports = [{"port": 80, "targetPort": 5000}]
    return {"apiVersion": "v1", "kind": "Service", "metadata": {"name": name}, "spec": {"ports": ports, **spec}}


def _service_to(name: str, address: str, port: int) -> tuple[Body, Body]:
    """Return a Service without selector, and the endpoints at *address* and *port* that it is given."""
    endpoints = {
        "apiVersion": "discovery.k8s.io/v1",
        "kind": "EndpointSlice",
        "metadata": {"name": name, "labels": {"kubernetes.io/service-name": name}},
        "addressType": "IPv4",
        "ports": [{"port": port}],
        "endpoints": [{"addresses": [address]}],
    }
    return _service(name), endpoints
