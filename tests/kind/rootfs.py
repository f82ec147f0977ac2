"""The file system of a kind node: Debian, kind's files and the toolchain's binaries, as in kind's Dockerfile."""

from __future__ import annotations

import json
import os
import re
import shutil
from collections.abc import Iterator, Sequence
from pathlib import Path

from canaryproof.cluster.embedded.toolchain import Toolchain
from canaryproof.system.process import run
from canaryproof.timeouts import TimeLimits
from tests.kind.packages import Unpacked

SUITE = "bookworm"
_PACKAGES = (
    *("systemd", "dbus", "iproute2", "iptables", "nftables", "conntrack", "ethtool", "kmod", "mount", "util-linux"),
    *("jq", "ca-certificates", "procps", "bash", "libseccomp2", "curl", "runc"),
)
_UNWANTED = (
    "lib/systemd/system/sysinit.target.wants/systemd-tmpfiles-setup.service",
    "lib/systemd/system/multi-user.target.wants/*",
    "lib/systemd/system/local-fs.target.wants/*",
    "lib/systemd/system/sockets.target.wants/*udev*",
    "lib/systemd/system/sockets.target.wants/*initctl*",
    "lib/systemd/system/basic.target.wants/*",
    "etc/systemd/system/*.wants/*",
    "etc/hostname",
    "etc/resolv.conf",
    "etc/machine-id",
    "var/lib/dbus/machine-id",
    "var/lib/apt/lists/*",
    "var/cache/apt/*.bin",
    "var/cache/apt/archives/*.deb",
    "usr/share/doc/*",
    "usr/share/man/*",
    "usr/share/locale/*",
)
_PLACES = {
    "usr/bin": ("kubelet", "kubeadm", "kubectl"),
    "usr/local/bin": ("containerd", "containerd-shim-runc-v2", "ctr"),
    "opt/cni/bin": ("bridge", "host-local", "loopback"),
}
_SERVICES = ("kubelet.service", "containerd.service", "undo-mount-hacks.service")


def make_rootfs(root: Path, packages: Unpacked, toolchain: Toolchain, files: Path) -> None:
    """Fill the folder *root*. *files* is ``images/base/files`` of kind's module."""
    install_debian(root, packages, _PACKAGES)
    for file in _unwanted(root):
        shutil.rmtree(file) if file.is_dir() and not file.is_symlink() else file.unlink()
    _lay_files(root, files)
    _enable_services(root)
    copies: dict[int, Path] = {}  # by inode, because kubelet and kubectl are one file
    for folder, names in _PLACES.items():
        (root / folder).mkdir(parents=True, exist_ok=True)
        for name in names:
            source, target = toolchain.path(name), root / folder / name
            first = copies.setdefault(source.stat().st_ino, target)
            if first is target:
                shutil.copy2(source, target)
            else:
                target.hardlink_to(first)
    for name, text in _written(toolchain).items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text, encoding="utf-8")


def sandbox_name(root: Path) -> str:
    """Return the name of the sandbox image in the node's containerd."""
    text = (root / "etc/containerd/config.toml").read_text(encoding="utf-8")
    (name,) = re.findall(r'^\s*sandbox_image = "(.+)"', text, re.MULTILINE)
    return str(name)


def install_debian(root: Path, packages: Unpacked, include: Sequence[str] = ()) -> None:
    """Install a minimal Debian with the packages *include* into the folder *root*, by the debootstrap in *packages*."""
    mirror = run(
        ["apt-get", "indextargets", "--format", "$(REPO_URI)", "Created-By: Packages"], timeout=TimeLimits().command
    )
    command = [
        str(packages.path("usr/sbin/debootstrap")),
        "--variant=minbase",
        "--force-check-gpg",  # without a keyring, apt would not verify the packages
        *([f"--include={','.join(include)}"] if include else []),
        SUITE,
        str(root),
        *mirror.splitlines()[:1],
    ]
    run(command, timeout=TimeLimits().fetch, env={**os.environ, **packages.environment})


def _unwanted(root: Path) -> Iterator[Path]:
    for pattern in _UNWANTED:
        yield from root.glob(pattern)


def _lay_files(root: Path, files: Path) -> None:
    for folder in ("etc", "kind", "usr"):
        for source in (each for each in (files / folder).rglob("*") if each.is_file()):
            target = root / source.relative_to(files)
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(source, target)
            target.chmod(0o755 if target.parent.name == "bin" else 0o644)


def _enable_services(root: Path) -> None:
    wants = root / "etc/systemd/system/multi-user.target.wants"
    wants.mkdir(parents=True, exist_ok=True)
    for name in _SERVICES:
        (wants / name).symlink_to(f"/etc/systemd/system/{name}")
    (root / "etc/systemd/system/systemd-binfmt.service").symlink_to("/dev/null")  # would change the host's kernel
    (root / "sbin/init").unlink(missing_ok=True)
    (root / "sbin/init").symlink_to("/usr/lib/systemd/systemd")
    with (root / "etc/systemd/journald.conf").open("a") as file:
        file.write("ReadKMsg=no\n")
    (root / "etc/machine-id").touch()
    (root / "etc/kubernetes/manifests").mkdir(parents=True)


def _written(toolchain: Toolchain) -> dict[str, str]:
    """Return the files that kind's build of a node image generates.

    kindnet, the network of a real node image, is not available as a Go module. bridge and host-local replace it on one
    node. There is no CoreDNS image, because experiments do not resolve names.
    """
    return {
        "kind/version": f"v{toolchain.kubernetes}",
        "kind/manifests/default-cni.yaml": _NOTHING,
        "kind/manifests/default-storage.yaml": _STORAGE,
        "etc/containerd/cri-base.json": _base_runtime_spec(toolchain),
        "etc/cni/net.d/10-bridge.conflist": json.dumps(_NETWORK),
    }


def _base_runtime_spec(toolchain: Toolchain) -> str:
    spec = json.loads(run([str(toolchain.path("ctr")), "oci", "spec"], timeout=TimeLimits().command))
    spec.setdefault("hooks", {}).setdefault("createContainer", []).append({"path": "/kind/bin/mount-product-files.sh"})
    spec["process"].pop("rlimits", None)
    return json.dumps(spec)


_NETWORK = {
    "cniVersion": "1.0.0",
    "name": "canaryproof",
    "plugins": [
        {
            "type": "bridge",
            "bridge": "cni0",
            "isGateway": True,
            "ipMasq": True,
            "ipam": {
                "type": "host-local",
                "dataDir": "/run/cni-ipam-state",
                "ranges": [[{"subnet": "10.244.0.0/24"}]],
                "routes": [{"dst": "0.0.0.0/0"}],
            },
        }
    ],
}
_NOTHING = """\
apiVersion: v1
kind: ConfigMap
metadata: {name: static-network, namespace: kube-system}
"""
_STORAGE = """\
apiVersion: storage.k8s.io/v1
kind: StorageClass
metadata:
  name: standard
  annotations: {storageclass.kubernetes.io/is-default-class: "true"}
provisioner: kubernetes.io/no-provisioner
volumeBindingMode: WaitForFirstConsumer
"""
