"""Defines the builds: the programs, their pinned Go modules and their flags.

Each folder in ``pins`` is a Go module. Its ``go.mod`` requires upstream releases, and its ``go.sum`` pins every byte.
To move a pin, run ``go get -tool <package>@<version>`` in that folder. Edit the versions of Kubernetes' staging modules
(``v0.X`` for Kubernetes ``v1.X``) by hand, in both the requirements and the replacements.

``embedded`` contains Helm and everything that the embedded cluster needs. Its tools share one module graph, so that Go
compiles shared packages once. Each tool is the named release, but some of its dependencies are newer than in that
release. ``kubernetes-1.36`` is an older minor version of Kubernetes. Tools that the embedded cluster does not need are
built only on request.

Four programs have a ``main`` in this repository, beside their pins, which uses upstream's packages:

- ``kubernetes`` contains all commands of Kubernetes in one file, with one file name per command. CoreDNS, with only the
  plugins that serve the names of a cluster, is one more: it shares most of its packages with them.
- agnhost contains only the commands that need no Kubernetes client. It starts for each container. Without the packages
  of the other commands, it starts in a tenth of the time and has an eighth of the size.
- For containerd's shim, ``docs/explanation/toolchain.md`` describes the differences from upstream's.
- The CNI plugin namespace-ptp isolates the pods of each namespace from those of others. It is one process, where
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
"""The compiler flags. Compiling without debugging information, which the linker omits anyway, saves 10% of the time."""


@dataclass(frozen=True)
class Space:
    """The maximum disk space of a build from empty caches, in megabytes, by location.

    Measured with Go 1.26.8 on linux/amd64, when each tool had its own module. Tools of one module share packages: all
    of them together took 5 GB, which is less than the sum.
    """

    build: int
    """Go's build cache, ``GOCACHE``."""
    modules: int
    """Go's module cache, ``GOMODCACHE``."""
    binaries: int
    """The toolchain's own folder, including the linker's temporary files."""


@dataclass(frozen=True)
class Tool:
    """A group of programs from one pinned module."""

    name: str
    """The prefix of the name of the tool's folder in the cache."""
    module: str
    """The module whose version is the version of the tool."""
    packages: Mapping[str, str]
    """The Go package (or single Go file) of each program. Programs of one package are one file with several names."""
    space: Space
    stamps: Mapping[str, str] = field(default_factory=dict)
    """Go variables that the linker sets. ``{version}`` is the tool's version, ``{minor}`` Kubernetes' minor version."""
    kubernetes: str = ""
    """The module that determines ``{minor}``: 37 for Kubernetes ``v1.37.2`` or for its libraries ``v0.37.2``."""
    tags: tuple[str, ...] = ()
    """Go's build tags."""
    folder: str = ""
    """The folder in ``pins``. If empty, the name of the tool."""
    root: Path = _PINS

    @property
    def pins(self) -> Path:
        """Return the folder of the tool's ``go.mod``."""
        return self.root / (self.folder or self.name)

    @property
    def version(self) -> str:
        """Return the tool's version without the ``v``."""
        return self._version_of(self.module)

    @property
    def go_version(self) -> str:
        """Return the oldest Go version that can build the tool."""
        return self._pinned(r"^go (\S+)$")

    @property
    def linker_flags(self) -> str:
        """Return the value of ``-ldflags`` for ``go build``."""
        minor = self._version_of(self.kubernetes).split(".")[1] if self.kubernetes else ""
        values = {name: text.format(version=f"v{self.version}", minor=minor) for name, text in self.stamps.items()}
        return " ".join(["-s", "-w", *(f"-X {name}={value}" for name, value in values.items())])

    @property
    def key(self) -> str:
        """Return a short hash of everything that determines the result of the build."""
        files = [self.pins / name for name in ("go.mod", "go.sum")]
        for package in sorted(set(self.packages.values())):  # packages of this repository are beside the pins
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
    """One run of ``go build``, for programs of tools that share pins and tags."""

    pins: Path
    tags: tuple[str, ...]
    programs: dict[str, Tool] = field(default_factory=dict)
    """The tool of each program, by program name."""

    @property
    def arguments(self) -> list[str]:
        """Return the flags and packages for ``go build`` and ``go list``."""
        flags = {tool.packages[name]: tool.linker_flags for name, tool in self.programs.items()}
        of_all = len(set(flags.values())) == 1
        linked = [f"-ldflags={'' if of_all else f'{package}='}{each}" for package, each in flags.items()]
        tags = [f"-tags={','.join(self.tags)}"] if self.tags else []
        return [*_COMPILER_FLAGS, *tags, *dict.fromkeys(linked), *flags]


def builds_of(programs: Mapping[str, Tool]) -> list[Build]:
    """Return the builds for *programs*, which maps each program name to its tool."""
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
        ("kube-apiserver", "kube-controller-manager", "kube-scheduler", "kubelet", "kube-proxy", "kubectl", "coredns"),
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
        packages={name: f"../{_EMBEDDED}/kubernetes/main.go" for name in _KUBERNETES.packages if name != "coredns"},
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
    _CONTAINERD,  # containerd's client, for kind nodes that the tests create
    packages={"ctr": "github.com/containerd/containerd/v2/cmd/ctr"},
    space=Space(build=50, modules=0, binaries=50),
)
_SHIM = replace(
    _CONTAINERD,
    packages={"containerd-shim-runc-v2": "./shim"},
    space=Space(build=10, modules=0, binaries=20),
    tags=("no_grpc",),  # as in containerd's Makefile: the shim starts several times for each pod
)
_UPSTREAM_SHIM = replace(
    _SHIM,  # for a benchmark in this repository
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
    _CNI,  # upstream's plugins, for kind nodes that the tests create
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
        # Without these, Helm assumes Kubernetes 1.20 and refuses charts whose kubeVersion is newer.
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
"""The only binary that is not built: its seccomp support needs C, and every distribution has runc."""
_NOT_EMBEDDED = (*_OLDER, _KIND, _NODE, _NODE_CNI, _CTR, _UPSTREAM_SHIM, _HELM3)
EMBEDDED = (
    *(name for tool in TOOLS if tool not in _NOT_EMBEDDED for name in tool.packages),
    RUNC,
)
"""The binaries of the embedded cluster, and Helm."""


def kubernetes_minors() -> tuple[str, ...]:
    """Return the minor versions of Kubernetes that can be built, such as ``1.37``, newest first."""
    return tuple(minor_of(it.version) for it in (_KUBERNETES, *_OLDER))


def minor_of(version: str) -> str:
    """Return the minor version of a Kubernetes version: ``1.37`` for ``1.37.2``."""
    return ".".join(version.split(".")[:2])


def tool_of(binary: str, kubernetes: str = "") -> Tool:
    """Return the tool that contains *binary*. *kubernetes* is a minor version; empty means the newest.

    Raises ToolchainError when there is no such tool or version.
    """
    for tool in (_kubernetes_tool(kubernetes), *TOOLS):
        if binary in tool.packages:
            return tool
    known = ", ".join(dict.fromkeys([*(name for tool in TOOLS for name in tool.packages), RUNC]))
    raise ToolchainError(f"no tool is called {binary!r}; there are {known}")


def pinned_kubernetes(kubernetes: str = "") -> str:
    """Return the pinned patch version of the minor version *kubernetes*, such as ``1.37.2``; empty means the newest."""
    return _kubernetes_tool(kubernetes).version


def pinned_helm() -> str:
    """Return the pinned version of Helm, such as ``4.3.1``."""
    return _HELM.version


def _kubernetes_tool(minor: str) -> Tool:
    for tool in (_KUBERNETES, *_OLDER):
        if minor in {"", minor_of(tool.version)}:
            return tool
    raise ToolchainError(f"there is no Kubernetes {minor} to build; choose one of {', '.join(kubernetes_minors())}")
