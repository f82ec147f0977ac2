"""Parses the output of ``minikube`` with ``-o json``.

``minikube status`` prints an object for one node and a list for several. If a component does not work, the exit code
is not 0.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import msgspec

from canaryproof.errors import ClusterError

DEFAULT_PROFILE = "minikube"
_RUNS, _SLEEPS = "Running", "Stopped"
_CONFIGURED = ("Configured", "Irrelevant")
"""The accepted values of a node's ``Kubeconfig``. Only the control plane has a meaningful one."""


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
    """The profiles of minikube, one for each cluster."""

    valid: tuple[Profile, ...]
    broken: tuple[str, ...]

    @property
    def active(self) -> str:
        """Return the profile that ``minikube`` uses without ``--profile``."""
        return next((it.name for it in self.valid if it.active), DEFAULT_PROFILE)

    def has(self, name: str) -> bool:
        """Report whether the cluster *name* exists, running or not."""
        return any(it.name == name for it in self.valid)


def read_profiles(said: str) -> Profiles:
    """Return the profiles in the output of ``minikube profile list -o json``.

    Raises ClusterError when the output is not the expected JSON.
    """
    try:
        found = _PROFILES.decode(said or "{}")
    except msgspec.MsgspecError as error:
        raise ClusterError(f"minikube profile list should print JSON, and prints {said.strip()!r:.200}") from error
    return Profiles(tuple(found.valid), tuple(it.name for it in found.invalid))


def read_status(said: str) -> tuple[Node, ...]:
    """Return the nodes in the output of ``minikube status -o json``. Empty without output.

    Raises ClusterError when the output is not the expected JSON.
    """
    try:
        found = _STATUS.decode(said or "[]")
    except msgspec.MsgspecError as error:
        raise ClusterError(f"minikube status should print JSON, and prints {said.strip()!r:.200}") from error
    return tuple(found) if isinstance(found, list) else (found,)


def shortcoming(nodes: Sequence[Node], profile: str) -> str:
    """Return why a running cluster cannot be used, with the command that fixes it. Empty if it can be used."""
    for node in nodes:
        if "Paused" in (node.host, node.kubelet, node.api_server):
            return f"it is paused; minikube unpause --profile {profile}"
        if node.host == _RUNS and _SLEEPS in (node.kubelet, node.api_server):
            return f"node {node.name} runs without Kubernetes; minikube start --profile {profile}"
        if node.host == _RUNS and node.kubeconfig not in _CONFIGURED:
            return f"its kubeconfig is {node.kubeconfig}; minikube update-context --profile {profile}"
    return ""


def is_running(nodes: Sequence[Node]) -> bool:
    """Report whether the hosts of all nodes are running or paused. False without nodes."""
    return bool(nodes) and all(node.host in {_RUNS, "Paused"} for node in nodes)
