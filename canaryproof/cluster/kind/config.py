"""What kind is told of a cluster, and its node of registries; pure."""

from __future__ import annotations

import json
from pathlib import Path

from canaryproof.cluster.embedded.components import COURSE_REGISTRY
from canaryproof.cluster.embedded.resource_limits import POD_PROCESSES

NODE_REGISTRIES = "/etc/containerd/certs.d"
"""Where a node's containerd looks for registries, at every pull ("Registry Configuration", containerd)."""
COURSE_IMAGES = Path(COURSE_REGISTRY, "hosts.toml")
"""The file for the registry that the course's images are from; images of others have no stand-ins."""

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
"""One image that cannot be had must not keep all others waiting: kubelet pulls one at a time unless told otherwise.

Containers that name no seccomp profile get the runtime's, and no pod can use up the machine's processes.
"""
_CGROUP_V1 = "failCgroupV1: false\n"


def cluster_configuration(registries: Path, *, cgroups: str, clamped: bool) -> str:
    """Return a cluster of one node that looks for registries in the folder *registries*; JSON, hence YAML too.

    *cgroups* is the version of the machine's: kubelet refuses 1 since Kubernetes 1.35 unless it is told not to.
    *clamped* says that nothing there may lower its ``oom_score_adj``: no pod would start.
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
    """Return the file that sends containerd to *url* for every image, and nowhere else."""
    return f'server = "{url}"\n{registry_mirror(url)}'


def registry_mirror(url: str) -> str:
    """Return the file that sends containerd to *url* first, and then to where the image is from."""
    return f'[host."{url}"]\n  capabilities = ["pull", "resolve"]\n'
