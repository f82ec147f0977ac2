"""Builds the configuration of a kind cluster, and the registry configuration of its node, as text."""

from __future__ import annotations

import json
from pathlib import Path

from canaryproof.cluster.embedded.components import DOCKER_HUB
from canaryproof.cluster.embedded.resource_limits import POD_PROCESSES

NODE_REGISTRIES = "/etc/containerd/certs.d"
"""The folder from which containerd on a node reads registry settings at every pull (containerd, "Registry
Configuration")."""
DOCKER_HUB_SETTINGS = Path(DOCKER_HUB, "hosts.toml")
"""The settings file for Docker Hub, the registry of images without a host in their name."""

_REGISTRIES_PATCH = f"""\
[plugins."io.containerd.grpc.v1.cri".registry]
  config_path = "{NODE_REGISTRIES}"
"""
_CLAMPING_PATCH = """\
[plugins."io.containerd.grpc.v1.cri"]
  restrict_oom_score_adj = true
"""
_KUBELET_PATCH = f"""\
kind: KubeletConfiguration
apiVersion: kubelet.config.k8s.io/v1beta1
serializeImagePulls: false
seccompDefault: true
podPidsLimit: {POD_PROCESSES}
"""
"""The kubelet settings.

- ``serializeImagePulls``: by default, kubelet pulls one image at a time, so one unavailable image delays all others.
- ``seccompDefault``: containers without a seccomp profile get the runtime's default profile.
- ``podPidsLimit``: no pod can use up the processes of the machine.
"""
_CGROUP_V1 = "failCgroupV1: false\n"


def cluster_configuration(registries: Path, *, cgroups: str, clamped: bool) -> str:
    """Return the configuration of a cluster with one node, as a JSON document, which is valid YAML.

    The folder *registries* on the host holds the registry settings of the node.

    *cgroups* is the cgroup version of the machine. By default, kubelet refuses version 1 since Kubernetes 1.35.

    *clamped* is true if no process there may lower its ``oom_score_adj``. Without a setting of containerd for this
    case, no pod would start.
    """
    mount = {"hostPath": str(registries), "containerPath": NODE_REGISTRIES, "readOnly": True}
    return json.dumps(
        {
            "kind": "Cluster",
            "apiVersion": "kind.x-k8s.io/v1alpha4",
            "containerdConfigPatches": [_REGISTRIES_PATCH, *([_CLAMPING_PATCH] if clamped else [])],
            "kubeadmConfigPatches": [_KUBELET_PATCH + (_CGROUP_V1 if cgroups == "1" else "")],
            "nodes": [{"role": "control-plane", "extraMounts": [mount]}],
        }
    )


def only_registry(url: str) -> str:
    """Return a ``hosts.toml`` with which containerd pulls every image from *url* and from no other registry."""
    return f'server = "{url}"\n{registry_mirror(url)}'


def registry_mirror(url: str) -> str:
    """Return a ``hosts.toml`` with which containerd tries *url* first, and then the image's own registry."""
    return f'[host."{url}"]\n  capabilities = ["pull", "resolve"]\n'
