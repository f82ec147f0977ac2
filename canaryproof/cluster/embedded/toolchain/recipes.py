"""What is built: which programs, from which pinned Go modules, with which flags.

Each folder in ``pins`` is a Go module: its ``go.mod`` requires upstream releases, its ``go.sum`` pins every byte.  To
move a pin, in that folder: ``go get -tool <package>@<version>``; the versions of Kubernetes' staging modules (``v0.X``
for Kubernetes ``v1.X``), required and replaced, are moved by hand.

``embedded`` has all that the embedded cluster needs, and Helm: with one module graph, what they have in common is
compiled once.  Each is the release that it is called; some of the modules that it depends on are newer than in that
release.  ``kubernetes-1.36`` is an older minor version of Kubernetes.  What is not of the embedded cluster is built
when it is asked for.

Four programs have a ``main`` of ours beside their pins, made of upstream's own packages.  ``kubernetes`` is all
commands of Kubernetes in one file, which has the name of each.  agnhost has those of its commands that need no
Kubernetes client: it starts for each container, and without what the others bring along it does so in a tenth of the
time, and is an eighth as large.  ``docs/explanation/toolchain.md`` says how containerd's shim differs from
upstream's.  The CNI plugin namespace-ptp keeps the pods of each namespace to themselves; it is one process where
upstream's bridge starts a second one for the address.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

from canaryproof.errors import ToolchainError

_PINS = Path(__file__).parent / "pins"
_EMBEDDED = "embedded"
_COMPILER_FLAGS = ("-trimpath", "-gcflags=all=-dwarf=false")
"""The linker leaves debugging information out: compilers that write none take a tenth less time."""


@dataclass(frozen=True)
class Space:
    """Megabytes of disk that a build from nothing takes at most, by where it takes them.

    Measured with Go 1.26.8 on linux/amd64 when each tool had a module of its own.  Tools of one module share packages:
    all of them together took 5 GB, which is less than the sum.
    """

    build: int
    """Go's build cache, ``GOCACHE``."""
    modules: int
    """Go's module cache, ``GOMODCACHE``."""
    binaries: int
    """The toolchain's own folder, what the linker leaves there in between included."""


@dataclass(frozen=True)
class Tool:
    """Programs that come from one pinned module."""

    name: str
    """The start of the name of its folder in the cache."""
    module: str
    """The module whose version is the tool's."""
    packages: Mapping[str, str]
    """The Go package of each program, or its one file; programs of the same package are one file with several names."""
    space: Space
    stamps: Mapping[str, str] = field(default_factory=dict)
    """Go variables set by the linker; ``{version}`` is the tool's, ``{minor}`` Kubernetes' minor version."""
    kubernetes: str = ""
    """The module whose version tells ``{minor}``: ``v1.37.2`` or, of its libraries, ``v0.37.2`` for 1.37."""
    tags: tuple[str, ...] = ()
    """Go's build tags."""
    folder: str = ""
    """The folder in ``pins``; its name, if there is nothing else."""
    root: Path = _PINS

    @property
    def pins(self) -> Path:
        """Return the folder of its ``go.mod``."""
        return self.root / (self.folder or self.name)

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
        for package in sorted(set(self.packages.values())):  # those that are no module's lie beside the pins
            place = self.pins / package
            files += [place] if place.is_file() else sorted(place.glob("*.go"))
        parts = [file.read_text() for file in files]
        parts += [*_COMPILER_FLAGS, self.linker_flags, *self.tags, *map(str, sorted(self.packages.items()))]
        return hashlib.sha256("\0".join(parts).encode()).hexdigest()[:12]

    def _version_of(self, module: str) -> str:
        return self._pinned(rf"^\t{re.escape(module)} v(\S+)")

    def _pinned(self, pattern: str) -> str:
        found = re.search(pattern, (self.pins / "go.mod").read_text(), re.MULTILINE)
        if not found:
            raise ToolchainError(f"{self.pins / 'go.mod'} has no line like {pattern!r}; install canaryproof again")
        return found[1]


@dataclass(frozen=True)
class Build:
    """What one ``go build`` makes: programs of tools that have their pins and tags in common."""

    pins: Path
    tags: tuple[str, ...]
    programs: dict[str, Tool] = field(default_factory=dict)
    """By their names."""

    @property
    def arguments(self) -> list[str]:
        """Return the flags and packages for ``go build`` and ``go list``."""
        flags = {tool.packages[name]: tool.linker_flags for name, tool in self.programs.items()}
        of_all = len(set(flags.values())) == 1
        linked = [f"-ldflags={'' if of_all else f'{package}='}{each}" for package, each in flags.items()]
        tags = [f"-tags={','.join(self.tags)}"] if self.tags else []
        return [*_COMPILER_FLAGS, *tags, *dict.fromkeys(linked), *flags]


def builds_of(programs: Mapping[str, Tool]) -> list[Build]:
    """Return how to build *programs*, each of which comes with the tool that it is one of."""
    builds: dict[tuple[Path, tuple[str, ...]], Build] = {}
    for name, tool in programs.items():
        build = builds.setdefault((tool.pins, tool.tags), Build(tool.pins, tool.tags))
        build.programs[name] = tool
    return list(builds.values())


def go_name(package: str) -> str:
    """Return the name that ``go build`` gives the program of *package*: ``helm`` for ``helm.sh/helm/v4/cmd/helm``."""
    parts = [it for it in package.removesuffix(".go").split("/") if not re.fullmatch(r"v\d+", it)]
    return parts[-1]


_KUBERNETES = Tool(
    name="kubernetes",
    folder=_EMBEDDED,
    module="k8s.io/kubernetes",
    packages=dict.fromkeys(
        ("kube-apiserver", "kube-controller-manager", "kube-scheduler", "kubelet", "kube-proxy", "kubectl"),
        "./kubernetes",
    ),
    space=Space(build=4300, modules=650, binaries=350),
    stamps={
        "k8s.io/component-base/version.gitVersion": "{version}",
        "k8s.io/component-base/version.gitMajor": "1",
        "k8s.io/component-base/version.gitMinor": "{minor}",
        "k8s.io/component-base/version.gitTreeState": "clean",
        "k8s.io/client-go/pkg/version.gitVersion": "{version}",
    },
    kubernetes="k8s.io/kubernetes",
)
_OLDER = (
    replace(
        _KUBERNETES,
        name="kubernetes-1.36",
        folder="",
        packages=dict.fromkeys(_KUBERNETES.packages, f"../{_EMBEDDED}/kubernetes/main.go"),
    ),
)
_AGNHOST = Tool(
    name="kubernetes",
    folder=_EMBEDDED,
    module="k8s.io/kubernetes",
    packages={"agnhost": "./agnhost"},
    space=Space(build=10, modules=0, binaries=20),
)
_ETCD = Tool(
    name="etcd",
    folder=_EMBEDDED,
    module="go.etcd.io/etcd/server/v3",
    packages={"etcd": "go.etcd.io/etcd/server/v3"},
    space=Space(build=250, modules=170, binaries=100),
)
_CONTAINERD = Tool(
    name="containerd",
    folder=_EMBEDDED,
    module="github.com/containerd/containerd/v2",
    packages={"containerd": "github.com/containerd/containerd/v2/cmd/containerd"},
    space=Space(build=500, modules=550, binaries=150),
    stamps={"github.com/containerd/containerd/v2/version.Version": "{version}"},
)
_CTR = replace(
    _CONTAINERD,  # its client, for kind nodes that the tests make
    packages={"ctr": "github.com/containerd/containerd/v2/cmd/ctr"},
    space=Space(build=50, modules=0, binaries=50),
)
_SHIM = replace(
    _CONTAINERD,
    packages={"containerd-shim-runc-v2": "./shim"},
    space=Space(build=10, modules=0, binaries=20),
    tags=("no_grpc",),  # as containerd's own Makefile has it: the shim starts several times for each pod
)
_UPSTREAM_SHIM = replace(
    _SHIM,  # for a benchmark of ours
    packages={"upstream-shim": "github.com/containerd/containerd/v2/cmd/containerd-shim-runc-v2"},
)
_CNI = Tool(
    name="cni",
    folder=_EMBEDDED,
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
_HELM = Tool(
    name="helm",
    folder=_EMBEDDED,
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
    name="kubernetes",
    folder=_EMBEDDED,
    module="k8s.io/kubernetes",
    packages={"kubeadm": "k8s.io/kubernetes/cmd/kubeadm"},
    space=Space(build=100, modules=0, binaries=150),
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
    _HELM,
    _KIND,
    _NODE,
    _NODE_CNI,
    _CTR,
    _UPSTREAM_SHIM,
    _HELM3,
)
RUNC = "runc"
"""Not built: with seccomp it needs C, and every distribution has it."""
_NOT_EMBEDDED = (*_OLDER, _KIND, _NODE, _NODE_CNI, _CTR, _UPSTREAM_SHIM, _HELM3)
_UNUSED = ("kube-proxy",)
EMBEDDED = (
    *(name for tool in TOOLS if tool not in _NOT_EMBEDDED for name in tool.packages if name not in _UNUSED),
    RUNC,
)
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
