"""Defines the facts about a machine, as plain values. :mod:`machine_probes` collects them."""

from __future__ import annotations

from dataclasses import dataclass, field

from canaryproof.cluster.detection import Command
from canaryproof.cluster.embedded.rootless import Gap
from canaryproof.cluster.embedded.toolchain import InstalledWheel

Version = tuple[int, ...]


@dataclass(frozen=True)
class Kernel:
    """The features of the kernel, and the capabilities of this process."""

    namespaces: frozenset[str] = frozenset()
    """The kinds of namespaces that the kernel supports, such as ``pid`` and ``mnt``."""
    filesystems: frozenset[str] = frozenset()
    seccomp: bool = False
    inotify_instances: int | None = None
    """The maximum number of inotify instances per user. None if unknown."""
    inotify_watches: int | None = None
    """The maximum number of inotify watches per user. None if unknown."""
    capabilities: frozenset[str] = frozenset()
    """The relevant capabilities that this process has, such as ``CAP_SYS_ADMIN``."""
    bounding: frozenset[str] = frozenset()
    """The relevant capabilities that a process on this machine can have."""


@dataclass(frozen=True)
class Cgroups:
    """The cgroups of the machine. The version is 1 or 2, or 0 if none are mounted."""

    version: int = 0
    writable: bool = False
    controllers: frozenset[str] = frozenset()


@dataclass(frozen=True)
class Tools:
    """The tools that canaryproof builds, and the prerequisites of their build."""

    built: bool = False
    """Whether the tools of the embedded cluster are built."""
    go: str = ""
    """The reason why no Go is available. Empty if one is."""
    runc: str = ""
    """The reason why no runc with support for seccomp is available. Empty if one is."""
    nft: str = ""
    """The reason why Services would have no addresses in the embedded cluster. Empty if none is known."""
    helm_built: bool = False
    kind_built: bool = False
    wheel: InstalledWheel = field(default_factory=InstalledWheel)
    """The installed wheel with the tools."""


@dataclass(frozen=True)
class Disk:
    """The cache folder, and the disk that contains it."""

    folder: str
    """The cache folder, or the nearest parent folder that exists."""
    free: int
    """The free disk space, in bytes."""
    needed: int
    """The disk space that the missing tools need, in bytes."""
    against: str = ""
    """The reason why the cache folder cannot be used. Empty if it can."""
    tools: str = ""
    """The folder of the built tools."""
    tools_size: int = 0
    """The size of that folder in bytes, including the files of an interrupted build."""


@dataclass(frozen=True)
class Account:
    """The cluster that kubectl would use, and the rights of the account there."""

    context: str = ""
    server: str = ""
    error: str = ""
    """The reason why the cluster cannot be used. Empty if it can."""
    is_local: bool = False
    """Whether the cluster runs on this machine."""
    version: str = ""
    """The version of the API server."""
    lacking: tuple[str, ...] = ()
    """The rights that a run needs and the account lacks."""


@dataclass(frozen=True)
class Facts:
    """All facts about a machine. `canaryproof.cluster.selection` can choose a provider from them."""

    platform: str
    root: bool
    kernel: Kernel
    cgroups: Cgroups
    disk: Disk
    tools: Tools
    account: Account
    rootless: tuple[Gap, ...] = ()
    """The problems of a cluster without root. Empty if this process runs as root."""
    docker: Command = field(default_factory=Command)
    kind: Command = field(default_factory=Command)
    minikube: Command = field(default_factory=Command)
    helm: Command = field(default_factory=Command)
    kubectl: Command = field(default_factory=Command)

    @property
    def against_embedded(self) -> str:
        """Return why the embedded cluster cannot run here. Empty if it can."""
        foreign = "" if self.platform == "linux" else f"this is {self.platform}"
        return "; ".join(filter(None, (foreign, self.disk.against, *map(str, self.rootless))))

    @property
    def tools_built(self) -> bool:
        """Report whether the tools of the embedded cluster exist already."""
        return self.tools.built

    @property
    def against_docker(self) -> str:
        """Return why no Docker daemon answers. Empty if one answers."""
        return self.docker.against("docker")

    @property
    def has_kind(self) -> bool:
        """Report whether PATH has the command kind."""
        return bool(self.kind.path)

    @property
    def against_minikube(self) -> str:
        """Return why no minikube cluster runs. Empty if one runs."""
        return self.minikube.against("minikube")
