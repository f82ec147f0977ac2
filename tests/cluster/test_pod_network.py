"""Pods of the embedded cluster reach only their own namespace, and addresses are released with their pods."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from canaryproof.cluster.embedded.components import NODE_ADDRESS
from canaryproof.cluster.embedded.provider import EmbeddedProvider
from canaryproof.cluster.embedded.toolchain import Toolchain
from canaryproof.errors import CommandError
from canaryproof.system.process import run
from canaryproof.system.wait import Ticks, wait_for
from canaryproof.timeouts import TimeLimits
from tests.cluster.commanding import Kubectl, kubectl_of
from tests.cluster.jobs import processes_of, running

pytestmark = pytest.mark.cluster

GATEWAY = "10.244.0.1"
NODE_PORTS = {"kubelet": 10250, "controller manager": 10257, "scheduler": 10259, "API server": 6443, "registry": 5000}
UNREACHABLE = r"REFUSED|TIMEOUT|OTHER"
"""The output of agnhost's ``connect`` if the connection fails."""
LISTENER = """
import socket
server = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
server.bind(("", 9000))
server.settimeout(10)
print("ready", flush=True)
while (received := server.recvfrom(100))[0] != b"end":
    print(received[1][0], flush=True)
"""
FORGER = """
import socket
import sys
own, target, claimed = sys.argv[1:]
raw = socket.socket(socket.AF_PACKET, socket.SOCK_RAW)
raw.bind(("eth0", 0))
here, everybody = raw.getsockname()[4], bytes([255]) * 6
for operation in (1, 2):  # ARP request and reply: "claimed is at my hardware address"
    message = bytes([0, 1, 8, 0, 6, 4, 0, operation]) + here + socket.inet_aton(claimed)
    raw.send(everybody + here + bytes([8, 6]) + message + everybody + socket.inet_aton(claimed))
def udp(source, text):
    ports = (9000).to_bytes(2) * 2
    payload = ports + (8 + len(text)).to_bytes(2) + bytes(2) + text
    header = bytes([0x45, 0]) + bytes(6) + bytes([64, socket.IPPROTO_UDP, 0, 0])  # the kernel fills in the rest
    return header + socket.inet_aton(source) + socket.inet_aton(target) + payload
with socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_RAW) as sender:
    for source, text in ((own, b"honest"), (claimed, b"forged"), (own, b"end")):
        sender.sendto(udp(source, text), (target, 0))
"""
"""A script that sends as root of the pod's network. An ordinary pod has at most NET_RAW."""


@dataclass(frozen=True)
class Pods:
    """A cluster with the pods ``one`` and ``two`` in the namespace ``own``, and ``victim`` in ``other``."""

    kubectl: Kubectl
    traces: Path
    addresses: dict[str, str]

    def connect(self, target: str, *, protocol: str = "tcp", pod: str = "one") -> str:
        """Connect from a pod of the namespace ``own``. Raises CommandError when there is no answer."""
        arguments = ("connect", f"--protocol={protocol}", "--timeout=2s", target)
        return self.kubectl("exec", "--namespace=own", pod, "--", "/agnhost", *arguments)

    def ask(self, pod: str, path: str, namespace: str = "own") -> str:
        """Send a request to a pod's server through the API server, as the harness does for the stable app."""
        return self.kubectl("get", f"--raw=/api/v1/namespaces/{namespace}/pods/{pod}:5000/proxy/{path}")

    def inside(self, pod: str, script: str, *arguments: str) -> list[str]:
        """Return a command that runs a Python script in a pod's network namespace."""
        pids = [pid for pid in processes_of(self.traces) if _host_name(pid) == pod]
        return ["nsenter", f"--target={pids[0]}", "--net", sys.executable, "-I", "-c", script, *arguments]


@pytest.fixture(scope="module")
def pods(toolchain: Toolchain, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pods]:
    """The pods of two submissions."""
    traces = tmp_path_factory.mktemp("network")
    with _cluster(toolchain, traces) as kubectl:
        for namespace, names in {"own": ("one", "two"), "other": ("victim",)}.items():
            _make_namespace(kubectl, namespace)
            for name in names:
                kubectl("run", name, f"--namespace={namespace}", "--image=test/server:1")
        for namespace in ("own", "other"):
            _wait_for_pods(kubectl, namespace)
        listed = json.loads(kubectl("get", "pods", "--all-namespaces", "--output=json"))["items"]
        yield Pods(kubectl, traces, {pod["metadata"]["name"]: pod["status"]["podIP"] for pod in listed})


def test_pods_of_a_namespace_reach_each_other(pods: Pods) -> None:
    """Pods of one namespace reach each other and themselves by TCP and UDP."""
    for target in ("two", "one"):
        pods.connect(f"{pods.addresses[target]}:5000")
        asked = f"dial?host={pods.addresses[target]}&port=8081&request=hostname&protocol=udp"
        assert target in pods.ask("one", asked)


def test_a_pod_of_another_namespace_is_not_reached(pods: Pods) -> None:
    """A pod cannot reach a pod of another namespace by TCP or UDP."""
    for pod in ("one", "two"):
        with pytest.raises(CommandError, match=UNREACHABLE):
            pods.connect(f"{pods.addresses['victim']}:5000", pod=pod)
    asked = f"dial?host={pods.addresses['victim']}&port=8081&request=hostname&protocol=udp"
    assert "victim" not in pods.ask("one", asked)


def test_a_neighbour_cannot_end_stable(pods: Pods) -> None:
    """A pod cannot end another submission's stable app through agnhost's path ``/exit``."""
    pods.ask("one", f"dial?host={pods.addresses['victim']}&port=5000&request=exit&protocol=http")

    restarts = "--output=jsonpath={.status.containerStatuses[0].restartCount}"
    assert pods.ask("victim", "hostname", "other") == "victim"
    assert pods.kubectl("get", "pod", "victim", "--namespace=other", restarts) == "0"


def test_the_api_server_reaches_every_pod(pods: Pods) -> None:
    """The API server reaches the pods of every namespace, as the harness needs for its requests."""
    assert [pods.ask(pod, "hostname", "own") for pod in ("one", "two")] == ["one", "two"]
    assert pods.ask("victim", "hostname", "other") == "victim"


@pytest.mark.parametrize("component", NODE_PORTS)
def test_a_pod_reaches_no_service_of_the_node(pods: Pods, component: str) -> None:
    """A pod cannot reach a service of the node at any of the node's addresses."""
    for address in (GATEWAY, NODE_ADDRESS):
        with pytest.raises(CommandError, match=UNREACHABLE):
            pods.connect(f"{address}:{NODE_PORTS[component]}")


def test_nothing_listens_on_the_ports_that_pods_reach(pods: Pods) -> None:
    """No service listens at the gateway's address on the ports from which the node connects, to which pods may reply.

    The addresses are in the format of ``/proc/net/tcp``: hexadecimal, in this machine's byte order.
    """
    open_to_pods = {"0" * 8, "0" * 32, f"{int.from_bytes(bytes(map(int, GATEWAY.split('.'))), 'little'):08X}"}
    listening = []
    for kind in ("tcp", "tcp6"):
        lines = Path(f"/proc/{_node_process(pods.traces)}/net/{kind}").read_text(encoding="ascii").splitlines()[1:]
        for _, local, _, state, *_ in map(str.split, lines):
            address, _, port = local.partition(":")
            if state == "0A" and address in open_to_pods and 32768 <= int(port, 16) <= 60999:
                listening.append(int(port, 16))

    assert not listening


@pytest.mark.parametrize("claimed", ["victim", GATEWAY, NODE_ADDRESS, "127.0.0.1"])
def test_a_forged_address_is_of_no_use(pods: Pods, claimed: str) -> None:
    """A pod can neither send from another address nor redirect traffic by ARP."""
    address = pods.addresses.get(claimed, claimed)
    command = pods.inside("two", LISTENER)
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as listener:
        assert listener.stdout
        assert listener.stdout.readline() == "ready\n"
        run(pods.inside("one", FORGER, pods.addresses["one"], pods.addresses["two"], address), timeout=30)
        senders = listener.stdout.read().split()

    assert senders == [pods.addresses["one"]]
    assert pods.ask("victim", "hostname", "other") == "victim"


def test_ipv6_leads_nowhere(pods: Pods) -> None:
    """The node's end of a pod's network has no IPv6, so that link-local addresses reach no other pod."""
    status = Path(f"/proc/{_node_process(pods.traces)}/net/if_inet6")

    devices = {line.split()[-1] for line in status.read_text(encoding="ascii").splitlines()}
    assert devices <= {"lo"}


def test_addresses_return_after_their_namespaces(toolchain: Toolchain, tmp_path: Path) -> None:
    """After sixty namespaces, all rules, tables, devices and addresses are removed, and no two pods had one address."""
    used: list[str] = []
    with _cluster(toolchain, tmp_path) as kubectl:
        for wave in range(3):
            names = [f"wave{wave}-{number}" for number in range(20)]
            for name in names:
                _make_namespace(kubectl, name)
                kubectl("run", "server", f"--namespace={name}", "--image=test/server:1")
            for name in names:
                _wait_for_pods(kubectl, name)
            used += kubectl("get", "pods", "--all-namespaces", "--output=jsonpath={.items[*].status.podIP}").split()
            kubectl("delete", "namespace", *names, "--timeout=60s")
        wait_for("release", lambda: not _leases(tmp_path) or None, within=30, changes=Ticks())

        assert len(used) == len(set(used)) == 60
        assert not [line for line in _network(tmp_path) if re.search(r"veth|10\.244\.(?!0\.1\b)|lookup \d", line)]
        assert not [line for line in _network(tmp_path) if "blackhole" in line]


def _node_process(traces: Path) -> int:
    """Return a process of the cluster that is in the node's network."""
    found = running("containerd", traces)
    assert found
    return found


def _host_name(pid: int) -> str:
    """Return the host name of a pod's process, or an empty string for other processes."""
    try:
        return Path(f"/proc/{pid}/root/etc/hostname").read_text(encoding="ascii").strip()
    except (FileNotFoundError, ProcessLookupError):
        return ""


def _leases(traces: Path) -> dict[str, Any]:
    """Return the addresses in use by the pods' network interfaces."""
    file = Path(f"/proc/{_node_process(traces)}/root/run/canaryproof/addresses/leases.json")
    return dict(json.loads(file.read_text(encoding="utf-8"))["leases"])


def _network(traces: Path) -> list[str]:
    """Return the devices, rules and routes of the node."""
    inside = ["nsenter", f"--target={_node_process(traces)}", "--net", "ip"]
    shown = (("-oneline", "link"), ("rule",), ("route", "show", "table", "all"))
    return [line for it in shown for line in run([*inside, *it], timeout=10).splitlines()]


@contextmanager
def _cluster(toolchain: Toolchain, traces: Path) -> Iterator[Kubectl]:
    provider = EmbeddedProvider(
        toolchain, traces / "canaryproof", {"test/server:1": ("netexec", "--http-port=5000")}, TimeLimits()
    )
    with provider.lend() as cluster:
        yield kubectl_of(toolchain, cluster)


def _make_namespace(kubectl: Kubectl, name: str) -> None:
    kubectl("create", "namespace", name)
    kubectl("wait", "--for=create", "serviceaccount/default", f"--namespace={name}", "--timeout=30s")


def _wait_for_pods(kubectl: Kubectl, namespace: str) -> None:
    kubectl("wait", "--for=condition=Ready", "pod", "--all", f"--namespace={namespace}", "--timeout=60s")
