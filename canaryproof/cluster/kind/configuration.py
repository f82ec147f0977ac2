"""What kind is told of a cluster, and its node of registries; pure."""

from __future__ import annotations

import json
from pathlib import Path

NODE_REGISTRIES = "/etc/containerd/certs.d"
"""Where a node's containerd looks for registries, at every pull ("Registry Configuration", containerd)."""
ANY_REGISTRY = Path("_default", "hosts.toml")
"""The file for all registries that have none of their own."""
_CAP_SYS_RESOURCE = 24  # include/uapi/linux/capability.h

_REGISTRIES_PATCH = f"""\
[plugins."io.containerd.grpc.v1.cri".registry]
  config_path = "{NODE_REGISTRIES}"
"""
_CLAMPING_PATCH = """\
[plugins."io.containerd.grpc.v1.cri"]
  restrict_oom_score_adj = true
"""
_CGROUP_V1_PATCH = """\
kind: KubeletConfiguration
apiVersion: kubelet.config.k8s.io/v1beta1
failCgroupV1: false
"""


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
            "kubeadmConfigPatches": [_CGROUP_V1_PATCH] if cgroups == "1" else [],
            "nodes": [{"role": "control-plane", "extraMounts": [mount]}],
        }
    )


def only_registry(url: str) -> str:
    """Return the file that sends containerd to *url* for every image, and nowhere else."""
    return f'server = "{url}"\n{registry_mirror(url)}'


def registry_mirror(url: str) -> str:
    """Return the file that sends containerd to *url* first, and then to where the image is from."""
    return f'[host."{url}"]\n  capabilities = ["pull", "resolve"]\n'


def lacks_sys_resource(status: str) -> bool:
    """Report whether nobody on this machine can have CAP_SYS_RESOURCE, by a ``/proc/PID/status``."""
    bounding = next((line.split()[1] for line in status.splitlines() if line.startswith("CapBnd:")), "")
    return bool(bounding) and not int(bounding, 16) >> _CAP_SYS_RESOURCE & 1
