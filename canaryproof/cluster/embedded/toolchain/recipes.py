"""What is built: which binaries, from which pinned Go modules, with which flags.

Each tool has a folder in ``pins``: its ``go.mod`` names it in a ``tool`` directive, its ``go.sum`` pins every byte.
To move a pin, in that folder: ``go get -tool <package>@<version>``; the lines that replace Kubernetes' staging modules
(``v0.X`` for Kubernetes ``v1.X``) are moved by hand.  Of Kubernetes there are several minor versions side by side:
``kubernetes`` is the newest, ``kubernetes-1.36`` an older one, of which only the components are built; what talks to
them (kubectl) or knows nothing of them (agnhost, etcd, Helm) is the same for all.

Three have a ``main`` of ours beside their pins, made of upstream's own packages.  agnhost has those of its commands
that need no Kubernetes client: it starts for each container, and without what the others bring along it does so in a
tenth of the time, and is an eighth as large.  The shim starts no runc where there is nothing for it to do.  The CNI
plugin namespace-ptp keeps the pods of each namespace to themselves; it is one process where upstream's bridge starts a
second one for the address.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

from canaryproof.errors import ToolchainError

_PINS = Path(__file__).parent / "pins"


@dataclass(frozen=True)
class Space:
    """Megabytes of disk that a build from nothing takes, by where it takes them.

    Measured with Go 1.26.8 on linux/amd64, the tools built in the order of ``TOOLS``, and rounded up.
    """

    build: int
    """Go's build cache, ``GOCACHE``."""
    modules: int
    """Go's module cache, ``GOMODCACHE``."""
    binaries: int
    """The toolchain's own folder, what the linker leaves there in between included."""


@dataclass(frozen=True)
class Tool:
    """Binaries that come from one pinned module."""

    name: str
    """The folder in ``pins``."""
    module: str
    """The module whose version is the tool's."""
    packages: Mapping[str, str]
    """The Go package of each binary."""
    space: Space
    stamps: Mapping[str, str] = field(default_factory=dict)
    """Go variables set by the linker; ``{version}`` is the tool's, ``{minor}`` Kubernetes' minor version."""
    kubernetes: str = ""
    """The module whose version tells ``{minor}``: ``v1.37.2`` or, of its libraries, ``v0.37.2`` for 1.37."""
    tags: tuple[str, ...] = ()
    """Go's build tags."""
    root: Path = _PINS

    @property
    def pins(self) -> Path:
        """Return the folder of its ``go.mod``."""
        return self.root / self.name

    @property
    def version(self) -> str:
        """Return its version without the ``v``."""
        return self._version_of(self.module)

    @property
    def go_version(self) -> str:
        """Return the oldest Go that builds it."""
        return self._pinned(r"^go (\S+)$")

    @property
    def linker_flags(self) -> str:
        """Return ``go build``'s ``-ldflags``."""
        minor = self._version_of(self.kubernetes).split(".")[1] if self.kubernetes else ""
        values = {name: text.format(version=f"v{self.version}", minor=minor) for name, text in self.stamps.items()}
        return " ".join(["-s", "-w", *(f"-X {name}={value}" for name, value in values.items())])

    @property
    def key(self) -> str:
        """Return a short hash of all that decides what is built."""
        files = [self.pins / name for name in ("go.mod", "go.sum")]
        for package in self.packages.values():  # those that are no module's lie beside the pins
            files += sorted((self.pins / package).glob("*.go"))
        parts = [file.read_text() for file in files]
        parts += [self.linker_flags, *self.tags, *map(str, sorted(self.packages.items()))]
        return hashlib.sha256("\0".join(parts).encode()).hexdigest()[:12]

    def _version_of(self, module: str) -> str:
        return self._pinned(rf"^\t{re.escape(module)} v(\S+)")

    def _pinned(self, pattern: str) -> str:
        found = re.search(pattern, (self.pins / "go.mod").read_text(), re.MULTILINE)
        if not found:
            raise ToolchainError(f"{self.pins / 'go.mod'} has no line like {pattern!r}; install canaryproof again")
        return found[1]


def _kubernetes(folder: str, *further: str, space: Space) -> Tool:
    """Return the components of a minor version of Kubernetes, and *further* binaries of it by their packages."""
    components = (f"cmd/{it}" for it in ("kube-apiserver", "kube-controller-manager", "kube-scheduler", "kubelet"))
    return Tool(
        name=folder,
        module="k8s.io/kubernetes",
        packages={it.rpartition("/")[2]: f"k8s.io/kubernetes/{it}" for it in (*components, *further)},
        space=space,
        stamps={
            "k8s.io/component-base/version.gitVersion": "{version}",
            "k8s.io/component-base/version.gitMajor": "1",
            "k8s.io/component-base/version.gitMinor": "{minor}",
            "k8s.io/component-base/version.gitTreeState": "clean",
            "k8s.io/client-go/pkg/version.gitVersion": "{version}",
        },
        kubernetes="k8s.io/kubernetes",
    )


_KUBERNETES = _kubernetes("kubernetes", "cmd/kubectl", space=Space(build=4300, modules=650, binaries=850))
_OLDER = (_kubernetes("kubernetes-1.36", space=Space(build=4300, modules=650, binaries=700)),)  # at most the newest's
_AGNHOST = Tool(
    name="kubernetes",
    module="k8s.io/kubernetes",
    packages={"agnhost": "./agnhost"},
    space=Space(build=10, modules=0, binaries=20),
)
_ETCD = Tool(
    name="etcd",
    module="go.etcd.io/etcd/server/v3",
    packages={"etcd": "go.etcd.io/etcd/server/v3"},
    space=Space(build=250, modules=170, binaries=100),
)
_CONTAINERD = Tool(
    name="containerd",
    module="github.com/containerd/containerd/v2",
    packages={
        "containerd": "github.com/containerd/containerd/v2/cmd/containerd",
        "ctr": "github.com/containerd/containerd/v2/cmd/ctr",
    },
    space=Space(build=500, modules=550, binaries=150),
    stamps={"github.com/containerd/containerd/v2/version.Version": "{version}"},
)
_SHIM = replace(
    _CONTAINERD,
    packages={"containerd-shim-runc-v2": "./shim"},
    space=Space(build=10, modules=0, binaries=20),
    tags=("no_grpc",),  # as containerd's own Makefile has it: the shim starts several times for each pod
)
_CNI = Tool(
    name="cni",
    module="github.com/containernetworking/plugins",
    packages={"namespace-ptp": "./namespace-ptp"},
    space=Space(build=80, modules=20, binaries=10),
)
_NODE_CNI = replace(
    _CNI,  # upstream's plugins, for kind nodes that the tests make
    packages={
        "bridge": "github.com/containernetworking/plugins/plugins/main/bridge",
        "host-local": "github.com/containernetworking/plugins/plugins/ipam/host-local",
        "loopback": "github.com/containernetworking/plugins/plugins/main/loopback",
    },
    space=Space(build=20, modules=0, binaries=40),
)
_SLEEP = Tool(
    name="sleep",
    module="github.com/u-root/u-root",
    packages={"sleep": "github.com/u-root/u-root/cmds/core/sleep"},
    space=Space(build=60, modules=210, binaries=5),
)
_HELM = Tool(
    name="helm",
    module="helm.sh/helm/v4",
    packages={"helm": "helm.sh/helm/v4/cmd/helm"},
    space=Space(build=1100, modules=300, binaries=150),
    stamps={"helm.sh/helm/v4/internal/version.version": "{version}"},
)
_HELM3 = Tool(
    name="helm3",
    module="helm.sh/helm/v3",
    packages={"helm3": "helm.sh/helm/v3/cmd/helm"},
    space=Space(build=600, modules=250, binaries=150),
    stamps={
        "helm.sh/helm/v3/internal/version.version": "{version}",
        # Without these it takes itself for a client of Kubernetes 1.20, and refuses charts whose kubeVersion is newer.
        "helm.sh/helm/v3/pkg/chartutil.k8sVersionMajor": "1",
        "helm.sh/helm/v3/pkg/chartutil.k8sVersionMinor": "{minor}",
        "helm.sh/helm/v3/pkg/lint/rules.k8sVersionMajor": "1",
        "helm.sh/helm/v3/pkg/lint/rules.k8sVersionMinor": "{minor}",
    },
    kubernetes="k8s.io/client-go",
)

_KIND = Tool(
    name="kind",
    module="sigs.k8s.io/kind",
    packages={"kind": "sigs.k8s.io/kind"},
    space=Space(build=130, modules=20, binaries=30),
)
_NODE = Tool(
    name="kubernetes",  # the same pins; apart, because the embedded cluster does without
    module="k8s.io/kubernetes",
    packages={"kubeadm": "k8s.io/kubernetes/cmd/kubeadm", "kube-proxy": "k8s.io/kubernetes/cmd/kube-proxy"},
    space=Space(build=200, modules=0, binaries=250),
    stamps=_KUBERNETES.stamps,
    kubernetes=_KUBERNETES.kubernetes,
)

TOOLS = (
    _KUBERNETES,
    *_OLDER,
    _AGNHOST,
    _ETCD,
    _CONTAINERD,
    _SHIM,
    _CNI,
    _SLEEP,
    _HELM,
    _KIND,
    _NODE,
    _NODE_CNI,
    _HELM3,
)
RUNC = "runc"
"""Not built: with seccomp it needs C, and every distribution has it."""
_NOT_EMBEDDED = (_KIND, _NODE, _NODE_CNI, _HELM3)
EMBEDDED = (*(name for tool in TOOLS if tool not in _NOT_EMBEDDED for name in tool.packages), RUNC)
"""All that the embedded cluster needs, and Helm."""


def kubernetes_minors() -> tuple[str, ...]:
    """Return the minor versions of Kubernetes that can be built, the newest first: ``1.37``, ``1.36``."""
    return tuple(minor_of(it.version) for it in (_KUBERNETES, *_OLDER))


def minor_of(version: str) -> str:
    """Return the minor version of a version of Kubernetes: ``1.37`` for ``1.37.2``."""
    return ".".join(version.split(".")[:2])


def tool_of(binary: str, kubernetes: str = "") -> Tool:
    """Return the tool that *binary* is one of, where *kubernetes* is a minor version; without it, the newest.

    Raises ToolchainError when there is no such tool or version.
    """
    for tool in (_kubernetes_tool(kubernetes), *TOOLS):
        if binary in tool.packages:
            return tool
    known = ", ".join(dict.fromkeys([*(name for tool in TOOLS for name in tool.packages), RUNC]))
    raise ToolchainError(f"no tool is called {binary!r}; there are {known}")


def pinned_kubernetes(kubernetes: str = "") -> str:
    """Return the version that is built of the minor version *kubernetes*, ``1.37.2``; without it, of the newest."""
    return _kubernetes_tool(kubernetes).version


def pinned_helm() -> str:
    """Return the version of the Helm that is built, ``4.3.1``."""
    return _HELM.version


def _kubernetes_tool(minor: str) -> Tool:
    for tool in (_KUBERNETES, *_OLDER):
        if minor in {"", minor_of(tool.version)}:
            return tool
    raise ToolchainError(f"there is no Kubernetes {minor} to build; choose one of {', '.join(kubernetes_minors())}")
