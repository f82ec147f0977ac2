"""What minikube says with ``-o json``, as values; pure.

The status of one node is an object, that of several a list; where not all is well the exit code is another than 0.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import msgspec

from canaryproof.errors import ClusterError

DEFAULT_PROFILE = "minikube"
_RUNS, _SLEEPS = "Running", "Stopped"
_CONFIGURED = ("Configured", "Irrelevant")
"""What a node has to say of the kubeconfig; only the control plane is asked."""


class Node(msgspec.Struct, rename="pascal", frozen=True):
    """One entry of ``minikube status -o json``."""

    name: str = ""
    host: str = ""
    kubelet: str = ""
    api_server: str = msgspec.field(default="", name="APIServer")
    kubeconfig: str = ""


class Profile(msgspec.Struct, rename="pascal", frozen=True):
    """One entry of ``minikube profile list -o json``."""

    name: str
    active: bool = False


class _Profiles(msgspec.Struct, frozen=True):
    valid: list[Profile] = []
    invalid: list[Profile] = []


_PROFILES = msgspec.json.Decoder(_Profiles)
_STATUS = msgspec.json.Decoder(list[Node] | Node)


@dataclass(frozen=True)
class Profiles:
    """The clusters that minikube knows."""

    valid: tuple[Profile, ...]
    broken: tuple[str, ...]

    @property
    def active(self) -> str:
        """Return the one that ``minikube`` without ``--profile`` means."""
        return next((it.name for it in self.valid if it.active), DEFAULT_PROFILE)

    def has(self, name: str) -> bool:
        """Report whether there is a cluster of that name, running or not."""
        return any(it.name == name for it in self.valid)


def read_profiles(said: str) -> Profiles:
    """Return what ``minikube profile list -o json`` says.

    Raises ClusterError when that is something else.
    """
    try:
        found = _PROFILES.decode(said or "{}")
    except msgspec.MsgspecError as error:
        raise ClusterError(f"minikube profile list should print JSON, and prints {said.strip()!r:.200}") from error
    return Profiles(tuple(found.valid), tuple(it.name for it in found.invalid))


def read_status(said: str) -> tuple[Node, ...]:
    """Return what ``minikube status -o json`` says of each node; nothing where there is no cluster.

    Raises ClusterError when that is something else.
    """
    try:
        found = _STATUS.decode(said or "[]")
    except msgspec.MsgspecError as error:
        raise ClusterError(f"minikube status should print JSON, and prints {said.strip()!r:.200}") from error
    return tuple(found) if isinstance(found, list) else (found,)


def shortcoming(nodes: Sequence[Node], profile: str) -> str:
    """Return why a cluster that was started does not do, with the command that helps; empty when it does."""
    for node in nodes:
        if "Paused" in (node.host, node.kubelet, node.api_server):
            return f"it is paused; minikube unpause --profile {profile}"
        if node.host == _RUNS and _SLEEPS in (node.kubelet, node.api_server):
            return f"node {node.name} runs without Kubernetes; minikube start --profile {profile}"
        if node.host == _RUNS and node.kubeconfig not in _CONFIGURED:
            return f"its kubeconfig is {node.kubeconfig}; minikube update-context --profile {profile}"
    return ""


def is_running(nodes: Sequence[Node]) -> bool:
    """Report whether all machines of a cluster are on."""
    return bool(nodes) and all(node.host in {_RUNS, "Paused"} for node in nodes)
