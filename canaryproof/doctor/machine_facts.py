"""What is known of a machine; values without a way to find them out."""

from __future__ import annotations

from dataclasses import dataclass, field

from canaryproof.cluster.detection import Command
from canaryproof.cluster.embedded.rootless import Gap

Version = tuple[int, ...]


@dataclass(frozen=True)
class Kernel:
    """What the kernel has, and grants to this process."""

    namespaces: frozenset[str] = frozenset()
    """``pid``, ``mnt`` and so on, of those that processes may have of their own."""
    filesystems: frozenset[str] = frozenset()
    seccomp: bool = False
    inotify_instances: int | None = None
    """Of one user, at most; None where it does not say."""
    inotify_watches: int | None = None
    capabilities: frozenset[str] = frozenset()
    """Of those that matter here, what this process has: ``CAP_SYS_ADMIN``."""
    bounding: frozenset[str] = frozenset()
    """And what anybody on this machine can have."""


@dataclass(frozen=True)
class Cgroups:
    """The control groups: version 1 or 2, or 0 where none are mounted."""

    version: int = 0
    writable: bool = False
    controllers: frozenset[str] = frozenset()


@dataclass(frozen=True)
class Tools:
    """What the embedded cluster's tools are built with, and whether they are there already."""

    built: bool = False
    go: str = ""
    """Why no Go can be had; empty when one can."""
    runc: str = ""
    """Why no runc can be had that knows seccomp; empty when one can."""
    helm_built: bool = False
    kind_built: bool = False


@dataclass(frozen=True)
class Disk:
    """The cache folder, and the disk that it is on."""

    folder: str
    free: int
    """Bytes."""
    needed: int
    """Bytes, for what is not built yet."""
    against: str = ""
    """Why the folder does not do; empty when it does."""
    tools: str = ""
    """The folder of the tools that were built."""
    tools_size: int = 0
    """Bytes, with what an interrupted build left."""


@dataclass(frozen=True)
class Account:
    """The cluster that kubectl would go to, and what the account may do there."""

    context: str = ""
    server: str = ""
    error: str = ""
    """Why it cannot be asked; empty when it can."""
    is_local: bool = False
    version: str = ""
    lacking: tuple[str, ...] = ()
    """The rights that a run needs and the account has not."""


@dataclass(frozen=True)
class Facts:
    """Everything; `canaryproof.cluster.selection` can choose a provider by it."""

    platform: str
    root: bool
    kernel: Kernel
    cgroups: Cgroups
    disk: Disk
    tools: Tools
    account: Account
    rootless: tuple[Gap, ...] = ()
    """What a cluster without root lacks; nothing where this is root."""
    docker: Command = field(default_factory=Command)
    kind: Command = field(default_factory=Command)
    minikube: Command = field(default_factory=Command)
    helm: Command = field(default_factory=Command)
    kubectl: Command = field(default_factory=Command)

    @property
    def against_embedded(self) -> str:
        """Return why the embedded cluster cannot run here; empty when it can."""
        foreign = "" if self.platform == "linux" else f"this is {self.platform}"
        return "; ".join(filter(None, (foreign, self.disk.against, *map(str, self.rootless))))

    @property
    def tools_built(self) -> bool:
        """Report whether the embedded cluster's tools are there already."""
        return self.tools.built

    @property
    def against_docker(self) -> str:
        """Return why no Docker daemon answers; empty when one does."""
        return self.docker.against("docker")

    @property
    def has_kind(self) -> bool:
        """Report whether the command kind is there."""
        return bool(self.kind.path)

    @property
    def against_minikube(self) -> str:
        """Return why there is no minikube that runs; empty when there is one."""
        return self.minikube.against("minikube")
