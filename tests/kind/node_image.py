"""Builds a node image for kind from Debian packages and the toolchain's Go modules, if none can be pulled.

The build takes a minute.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
import subprocess
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from canaryproof.cluster.embedded.toolchain import EMBEDDED, Machine, Toolchain, provide
from canaryproof.cluster.embedded.toolchain.build_lock import locked, work_folder
from canaryproof.cluster.embedded.toolchain.golang import find_go
from canaryproof.cluster.embedded.toolchain.recipes import tool_of
from canaryproof.cluster.kind.docker import Docker
from canaryproof.errors import CanaryproofError, CommandError
from canaryproof.system.process import run
from canaryproof.system.progress import Progress
from canaryproof.system.wait import Ticks, wait_for
from canaryproof.timeouts import TimeLimits
from tests.kind.archives import Image
from tests.kind.packages import unpacked_package
from tests.kind.rootfs import make_rootfs, sandbox_name

REPOSITORY = "canaryproof/kind-node"
TOOLS = (*EMBEDDED, "kind", "kubeadm", "kube-proxy", "ctr", "bridge", "host-local", "loopback")
_MADE_BY = ("archives.py", "node_image.py", "rootfs.py")
_KUBERNETES = ("kube-apiserver", "kube-controller-manager", "kube-scheduler", "kube-proxy")
"""One binary that acts by the name with which it is started."""
_IPTABLES = ("iptables", "iptables-save", "iptables-restore", "ip6tables", "ip6tables-save", "ip6tables-restore")


def provide_node_image(docker: Docker, cache: Path, progress: Progress) -> str:
    """Return the name of a node image in *docker*: kind's own if it can be pulled, or else a new one."""
    files = _kinds_files(cache, progress)
    return _pulled(docker, files, progress) or _made(docker, files, cache, progress)


def _pulled(docker: Docker, files: Path, progress: Progress) -> str:
    """Return the image that kind uses by default, or an empty string if it cannot be pulled."""
    source = (files.parents[2] / "pkg/apis/config/defaults/image.go").read_text(encoding="utf-8")
    (name,) = re.findall(r'^const Image = "(.+)"', source, re.MULTILINE)
    if docker("image", "ls", "--quiet", name).strip():
        return str(name)
    try:
        with progress.step("pulling kind's node image"):
            docker("pull", "--quiet", name, timeout=TimeLimits().fetch)
    except CommandError:
        return ""
    return str(name)


def _made(docker: Docker, files: Path, cache: Path, progress: Progress) -> str:
    toolchain = provide(cache=cache, progress=progress, tools=TOOLS, machine=Machine(TimeLimits()))
    name = f"{REPOSITORY}:v{toolchain.kubernetes}-{_key()}"
    if not docker("image", "ls", "--quiet", name).strip():
        if outdated := docker("image", "ls", "--quiet", REPOSITORY).split():
            docker("image", "rm", "--force", *outdated)
        with progress.step("making a node image for kind") as say, _scratch(cache) as work:
            root = work / "root"
            say("Debian")
            make_rootfs(root, unpacked_package("debootstrap", cache, progress), toolchain, files)
            say("Kubernetes' images")
            _preload(list(_images(root, toolchain)), root, work, toolchain)
            say("into Docker")
            import_image(root, name, docker, *_CHANGES)
    return name


def _key() -> str:
    """Return a short hash of everything that determines the image."""
    parts = [tool_of(it).key for it in TOOLS if it != "runc"]
    parts += [(Path(__file__).parent / it).read_text(encoding="utf-8") for it in _MADE_BY]
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()[:12]


@contextmanager
def _scratch(cache: Path) -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="kind-node-", dir=cache) as folder:
        yield Path(folder)


def _kinds_files(cache: Path, progress: Progress) -> Path:
    """Return the files that kind's own build puts into a node image, from its pinned module."""
    tool, machine, folder = tool_of("kind"), Machine(TimeLimits()), cache.absolute() / "toolchain"
    with locked(folder / "lock", progress, within=60), work_folder(folder) as work:
        go = find_go(tool.go_version, folder, work, progress=progress, machine=machine)
        env = {**os.environ, "GOFLAGS": "-mod=readonly", "GOWORK": "off", "GOTOOLCHAIN": "local"}
        told = run(
            [str(go), "mod", "download", "-json", tool.module], timeout=TimeLimits().fetch, env=env, cwd=tool.pins
        )
    return Path(json.loads(told)["Dir"], "images", "base", "files")


def _images(root: Path, toolchain: Toolchain) -> Iterator[Image]:
    """Yield the images that kubeadm needs, made from static binaries."""
    version = f"--kubernetes-version=v{toolchain.kubernetes}"
    told = run([str(toolchain.path("kubeadm")), "config", "images", "list", version], timeout=TimeLimits().command)
    names = {name.rpartition(":")[0].rpartition("/")[2]: name for name in told.split()}
    pause = sorted({names["pause"], sandbox_name(root)})
    yield Image(pause, entrypoint=["/agnhost", "pause"], files={"agnhost": toolchain.path("agnhost")})
    yield Image([names["etcd"]], files={"usr/local/bin/etcd": toolchain.path("etcd")})
    files, links = _iptables(root)
    files["usr/local/bin/kubernetes"] = toolchain.path("kube-apiserver")
    links |= {f"usr/local/bin/{each}": "kubernetes" for each in _KUBERNETES}
    yield Image([names[each] for each in _KUBERNETES], files=files, links=links)


def _iptables(root: Path) -> tuple[dict[str, Path], dict[str, str]]:
    """Return Debian's iptables with its extensions and libraries from *root*."""
    extensions = sorted(root.glob("usr/lib/*-linux-gnu/xtables/*.so"))
    programs = [root / "usr/sbin/xtables-nft-multi", root / "usr/sbin/nft"]
    inside = [f"/{each.relative_to(root)}" for each in (*programs, *extensions)]
    listed = run(["chroot", str(root), "ldd", *inside], timeout=TimeLimits().command)
    libraries = {word for word in listed.split() if word.startswith("/") and not word.endswith(":")}
    files = {name.lstrip("/"): Path(os.path.realpath(root / name.lstrip("/"))) for name in sorted(libraries)}
    files |= {str(each.relative_to(root)): each for each in (*programs, *extensions) if not each.is_symlink()}
    links = {str(each.relative_to(root)): str(each.readlink()) for each in extensions if each.is_symlink()}
    return files, links | {f"usr/sbin/{name}": "xtables-nft-multi" for name in _IPTABLES}


def _preload(images: Sequence[Image], root: Path, work: Path, toolchain: Toolchain) -> None:
    """Import *images* into the node's containerd, and unpack them."""
    with _containerd(root / "var/lib/containerd", work, toolchain) as ctr:
        for number, image in enumerate(images):
            archive = work / f"{number}.tar"
            image.write(archive)
            labels = ["--label=io.cri-containerd.pinned=pinned", "--label=io.cri-containerd.image=managed"]
            ctr("images", "import", "--local", "--discard-unpacked-layers", *labels, str(archive))
            archive.unlink()
        ctr("content", "prune", "references")
    shutil.rmtree(root / "var/lib/containerd/tmpmounts", ignore_errors=True)


@contextmanager
def _containerd(data: Path, work: Path, toolchain: Toolchain) -> Iterator[_Ctr]:
    """Run a containerd with the data folder *data* until the block ends."""
    config = work / "containerd.toml"
    config.write_text(
        f'version = 3\nroot = "{data}"\nstate = "{work / "state"}"\ndisabled_plugins = {json.dumps(_NOT_NEEDED)}\n'
        f'[grpc]\naddress = "{work / "socket"}"\n[ttrpc]\naddress = "{work / "socket.ttrpc"}"\n'
    )
    ctr = _Ctr(toolchain.path("ctr"), work / "socket")
    with (work / "containerd.log").open("wb") as log:
        process = subprocess.Popen([toolchain.path("containerd"), "--config", config], stdout=log, stderr=log)
    try:
        wait_for("containerd", ctr.answers, within=TimeLimits().cluster_start, changes=Ticks())
        yield ctr
    finally:
        process.terminate()
        process.wait()


_CHANGES = ('ENTRYPOINT ["/usr/local/bin/entrypoint", "/sbin/init"]', "ENV container=docker")
_NOT_NEEDED = [
    "io.containerd.cri.v1.images",
    "io.containerd.cri.v1.runtime",
    "io.containerd.grpc.v1.cri",
    "io.containerd.internal.v1.opt",
    "io.containerd.nri.v1.nri",
    *(f"io.containerd.snapshotter.v1.{name}" for name in ("blockfile", "btrfs", "devmapper", "erofs", "zfs")),
]


class _Ctr:
    """The client of containerd."""

    def __init__(self, binary: Path, socket: Path) -> None:
        self._command = [str(binary), "--address", str(socket), "--namespace", "k8s.io"]

    def __call__(self, *arguments: str) -> str:
        return run([*self._command, *arguments], timeout=TimeLimits().fetch)

    def answers(self) -> bool | None:
        try:
            return bool(self("version"))
        except CanaryproofError:
            return None


def import_image(root: Path, name: str, docker: Docker, *changes: str) -> None:
    """Import the folder *root* as the image *name*, with *changes*, which are instructions of a Dockerfile."""
    pipe = 'root=$1; shift; tar -C "$root" --numeric-owner -cf - . | docker import "$@"'
    options = [word for change in changes for word in ("--change", change)]
    command = ["sh", "-c", pipe, "sh", str(root), *options, "-", name]
    run(command, timeout=TimeLimits().fetch, env=docker.environment)
