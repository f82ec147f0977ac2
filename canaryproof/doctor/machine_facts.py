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
    """Everything."""

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
