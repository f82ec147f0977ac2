"""The CNI plugin conforms to the CNI specification for calls in any order and number.

The node and the pods are network namespaces of the test.
"""

from __future__ import annotations

import json
import re
import subprocess
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest

from canaryproof.cluster.embedded.toolchain import Toolchain
from canaryproof.system.process import run

pytestmark = pytest.mark.cluster

NOBODY = "/proc/self/no-such-network"


@dataclass(frozen=True)
class Answer:
    """The output of the plugin."""

    failed: bool
    said: dict[str, Any]

    @property
    def address(self) -> str:
        """The IP address of the pod."""
        return str(self.said["ips"][0]["address"])


@dataclass(frozen=True)
class Node:
    """A network namespace in which the plugin is called."""

    plugin: Path
    state: Path
    pid: int
    rootless: bool = False
    """Whether the network namespace is in a user namespace, in which the plugin has its rights."""
    subnet: str = "10.9.0.0/24"

    def inside(self) -> list[str]:
        """Return the prefix that runs a command on the node."""
        user = ["--user", "--preserve-credentials"] if self.rootless else []
        return ["nsenter", f"--target={self.pid}", *user, "--net"]

    def call(self, command: str, pod: str = "one", netns: str = "", namespace: str = "own", **conf: Any) -> Answer:
        """Call the plugin as a container runtime does."""
        settings = {
            "CNI_COMMAND": command,
            "CNI_CONTAINERID": pod,
            "CNI_IFNAME": "eth0",
            "CNI_PATH": str(self.plugin.parent),
            "CNI_NETNS": netns,
            "CNI_ARGS": "IgnoreUnknown=1;K8S_POD_NAME=x" + (f";K8S_POD_NAMESPACE={namespace}" if namespace else ""),
        }
        services = {"services": "10.8.0.0/24", "nameServer": "10.8.0.10"}
        network = {"name": "test", "type": self.plugin.name, "subnet": self.subnet, "stateDir": str(self.state)}
        done = subprocess.run(
            [*self.inside(), str(self.plugin)],
            input=json.dumps({"cniVersion": "1.1.0", **network, **services, **conf}).encode(),
            env=settings,
            capture_output=True,
            timeout=60,
            check=False,
        )
        return Answer(done.returncode != 0, json.loads(done.stdout or "{}"))

    @contextmanager
    def pod(self) -> Iterator[str]:
        """Create the network namespace of a pod until the block ends, and yield its path."""
        with _network(*self.inside()) as pid:
            yield f"/proc/{pid}/ns/net"

    def traces(self) -> list[str]:
        """Return all traces of pods: devices, rules, routes and leases."""
        shown = (("-oneline", "link"), ("rule",), ("route", "show", "table", "all"))
        lines = [line for it in shown for line in run([*self.inside(), "ip", *it], timeout=10).splitlines()]
        file = self.state / "leases.json"
        leases = json.loads(file.read_text(encoding="utf-8"))["leases"] if file.exists() else {}
        return [*leases, *(line for line in lines if re.search(r"veth|lookup \d|table \d|blackhole", line))]


@pytest.fixture(params=[False, True], ids=["root", "rootless"])
def node(toolchain: Toolchain, tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Node]:
    """A node without pods."""
    options = ("--user", "--map-root-user") if request.param else ()
    with _network(options=options) as pid:
        yield Node(toolchain.path("namespace-ptp"), tmp_path / "state", pid, rootless=request.param)


@pytest.fixture
def netns(node: Node) -> Iterator[str]:
    """The network namespace of a pod."""
    with node.pod() as path:
        yield path


def test_what_add_makes_del_removes(node: Node, netns: str) -> None:
    """DEL removes all traces of a pod. It succeeds again afterwards, and for a pod that never existed."""
    answer = node.call("ADD", netns=netns)
    assert not answer.failed
    assert (answer.address, answer.said["cniVersion"]) == ("10.9.0.2/32", "1.1.0")
    assert not node.call("CHECK", netns=netns, prevResult=answer.said).failed
    assert node.traces()

    for pod in ("one", "one", "never-was"):
        assert not node.call("DEL", pod, netns).failed
    assert not node.traces()
    assert node.call("CHECK", netns=netns, prevResult=answer.said).failed


def test_a_pod_whose_network_is_gone_is_removed(node: Node) -> None:
    """DEL removes a pod whose network namespace has already ended, with or without its path in the call."""
    for gone in (NOBODY, ""):
        with node.pod() as path:
            assert not node.call("ADD", netns=path).failed
        assert not node.call("DEL", netns=gone).failed
        assert not node.traces()


@pytest.mark.parametrize("namespace", ["own", ""])
def test_a_failed_add_leaves_nothing(node: Node, namespace: str) -> None:
    """A failed ADD without the pod's network namespace or its path takes no address."""
    assert node.call("ADD", netns=NOBODY, namespace=namespace).failed
    assert not node.traces()


def test_an_add_that_was_interrupted_can_be_repeated(node: Node, netns: str) -> None:
    """A repeated ADD gives the same address after an interruption, whatever is already there."""
    first = node.call("ADD", netns=netns)

    again = node.call("ADD", netns=netns)

    assert (again.failed, again.address) == (False, first.address)
    assert len([line for line in node.traces() if "lookup 1000" in line]) == 1


def test_a_name_that_is_taken_in_the_pod_is_an_error(node: Node, netns: str) -> None:
    """ADD fails if the pod has an interface of that name, which stays."""
    first = node.call("ADD", netns=netns)

    assert node.call("ADD", "two", netns).failed

    assert not node.call("CHECK", netns=netns, prevResult=first.said).failed
    assert not [line for line in node.traces() if line.startswith("two/")]


def test_no_address_is_given_twice(node: Node) -> None:
    """Parallel ADD calls get different addresses, and the pods of one namespace get one table."""
    count = 16
    with ThreadPoolExecutor(count) as pool:

        def add_and_del(number: int) -> str:
            with node.pod() as path:
                added = node.call("ADD", f"pod-{number}", path, f"space-{number % 4}")
                assert not node.call("DEL", f"early-{number}").failed
                return added.address

        addresses = list(pool.map(add_and_del, range(count)))
        tables = {line.split()[-1] for line in node.traces() if "lookup 1" in line}
        ended = list(pool.map(lambda number: node.call("DEL", f"pod-{number}").failed, range(count)))

    assert len(set(addresses)) == count
    assert len(tables) == 4
    assert not any(ended)
    assert not node.traces()


def test_addresses_do_not_run_out_nor_return_at_once(node: Node, netns: str) -> None:
    """ADD fails in a full subnet. A released address is reused, the one released longest ago first."""
    small = replace(node, subnet="10.9.0.0/29")
    given = []
    for number in range(7):
        given.append(small.call("ADD", netns=netns, namespace=f"space-{number}").address)
        assert not small.call("DEL").failed
    assert given == [f"10.9.0.{number}/32" for number in (2, 3, 4, 5, 6, 2, 3)]

    pods = [str(number) for number in range(5)]
    for pod in pods:
        with small.pod() as path:
            assert not small.call("ADD", pod, path).failed
    assert small.call("ADD", "more", netns).failed
    assert not small.call("DEL", "0").failed
    assert not small.call("ADD", "more", netns).failed


def test_gc_removes_what_is_not_valid(node: Node, netns: str) -> None:
    """GC removes all attachments except those that the runtime names."""
    node.call("ADD", netns=netns)
    with node.pod() as path:
        node.call("ADD", "two", path)

    valid: dict[str, Any] = {"cni.dev/valid-attachments": [{"containerID": "one", "ifname": "eth0"}]}
    assert not node.call("GC", **valid).failed

    assert {line for line in node.traces() if line.endswith("/eth0")} == {"one/eth0"}


def test_version_and_status(node: Node) -> None:
    """VERSION lists the supported versions, and STATUS reports that the plugin is ready."""
    assert {"1.0.0", "1.1.0"} <= set(node.call("VERSION").said["supportedVersions"])
    assert not node.call("STATUS").failed
    for wrong in ({"subnet": "10.9.0.1/24"}, {"nameServer": "10.7.0.10"}, {"services": "10.8.0.1/24"}):
        assert node.call("STATUS", **wrong).failed


@contextmanager
def _network(*inside: str, options: tuple[str, ...] = ()) -> Iterator[int]:
    """Create a network namespace until the block ends, and yield a process in it."""
    script = "ip link set lo up && echo ready && exec sleep 600"
    with subprocess.Popen(
        [*inside, "unshare", *options, "--net", "sh", "-c", script], stdout=subprocess.PIPE
    ) as holder:
        assert holder.stdout
        assert holder.stdout.readline() == b"ready\n"
        try:
            yield holder.pid
        finally:
            holder.kill()
