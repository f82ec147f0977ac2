"""Derives the findings for each provider from the facts about a machine."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Literal

from canaryproof.cluster.detection import Command
from canaryproof.doctor.machine_facts import Facts, Version

NAMESPACES = frozenset({"pid", "mnt", "net", "uts", "ipc", "cgroup"})
CONTROLLERS = frozenset({"cpu", "memory", "pids"})
"""The cgroup controllers without which kubelet does not start."""
INSTANCES, WATCHES = 512, 524_288
"""The inotify limits that a node in a container needs (kind, "Known Issues": pod errors due to "too many open
files")."""
FEW_INSTANCES = 64
"""The minimum of inotify instances per user for an embedded cluster with some pods.

kubelet, containerd and the shim of each pod watch files.
"""
HELM_OLDEST = (3, 6)
"""The first version of Helm 3 that can render for a given version of Kubernetes (helm/helm#9040)."""
KIND_OLDEST = (0, 20)
"""The oldest usable version of kind. Older ones create nodes of Kubernetes 1.26 and older by default.

pytest-kind by itself would download kind 0.17.0.
"""
KIND_IMAGE = 1_500_000_000
"""The size of an unpacked node image, in bytes."""
SKEW = 1
"""The maximum difference between the minor versions of kubectl and the API server (Kubernetes, "Version Skew
Policy")."""


Code = Literal[
    # embedded
    "cgroups-incapable",
    "cgroups-missing",
    "cgroups-read-only",
    "folder-unusable",
    "inotify-too-low",
    "namespaces-missing",
    "not-linux",
    "overlay-missing",
    "rootless-gap",
    "runc-unusable",
    "seccomp-missing",
    "service-addresses-missing",
    "sys-admin-missing",
    "tools-not-buildable",
    "tools-not-built",
    "tools-without-room",
    "wheel-unusable",
    # kind and minikube
    "docker-forbidden",
    "docker-missing",
    "docker-silent",
    "inotify-low",
    "kind-too-old",
    "minikube-missing",
    "minikube-stopped",
    "node-image-without-room",
    "sys-resource-missing",
    # existing
    "account-unusable",
    "cluster-elsewhere",
    "kubectl-skewed",
    "rights-missing",
    # commands
    "command-built-later",
    "command-missing",
    "helm-silent",
    "helm-too-old",
]
"""The codes of findings. `canaryproof.doctor.diagnosis_text` has the text for each."""


@dataclass(frozen=True, kw_only=True)
class Finding:
    """Something that a machine lacks, or has although it should not. Its code determines which fields are set."""

    code: Code
    name: str = ""
    """The name of a command, a kubeconfig context, a kernel setting, or a folder."""
    names: tuple[str, ...] = ()
    """Kernel namespaces, cgroup controllers, or rights."""
    found: str = ""
    """The actual platform, version, value or server."""
    needed: str = ""
    """The oldest version or the lowest value that works."""
    free: int = 0
    """The free disk space, in bytes."""
    taken: int = 0
    """The required disk space, in bytes."""
    detail: str = ""
    """The message of a command or another source."""
    remedy: str = ""
    """The remedy for a problem of a cluster without root, or of an installed wheel."""
    stops: bool = True
    """Whether the provider cannot work because of this finding. If false, the finding may cause problems later."""


def works(findings: Iterable[Finding]) -> bool:
    """Report whether a provider with *findings* works."""
    return not any(finding.stops for finding in findings)


def examine(facts: Facts) -> Mapping[str, tuple[Finding, ...]]:
    """Return the findings for each provider."""
    return {provider: tuple(rule(facts)) for provider, rule in RULES.items()}


def _embedded(facts: Facts) -> Iterator[Finding]:
    if facts.platform != "linux":
        yield Finding(code="not-linux", found=facts.platform)
        return
    if facts.root:
        yield from _as_root(facts)
    else:
        yield from (Finding(code="rootless-gap", detail=gap.problem, remedy=gap.remedy) for gap in facts.rootless)
    yield from _kernel(facts)
    yield from _tools(facts)


def _as_root(facts: Facts) -> Iterator[Finding]:
    if "CAP_SYS_ADMIN" not in facts.kernel.capabilities:
        yield Finding(code="sys-admin-missing")
    if not facts.cgroups.version:
        yield Finding(code="cgroups-missing")
    elif not facts.cgroups.writable:
        yield Finding(code="cgroups-read-only")
    elif missing := sorted(CONTROLLERS - facts.cgroups.controllers):
        yield Finding(code="cgroups-incapable", names=tuple(missing))


def _kernel(facts: Facts) -> Iterator[Finding]:
    kernel = facts.kernel
    if missing := sorted(NAMESPACES - kernel.namespaces):
        yield Finding(code="namespaces-missing", names=tuple(missing))
    if "overlay" not in kernel.filesystems:
        yield Finding(code="overlay-missing")
    if not kernel.seccomp:
        yield Finding(code="seccomp-missing")
    instances = kernel.inotify_instances
    if instances is not None and instances < FEW_INSTANCES:
        yield Finding(code="inotify-too-low", name="max_user_instances", found=str(instances), needed=str(INSTANCES))


def _tools(facts: Facts) -> Iterator[Finding]:
    tools, disk = facts.tools, facts.disk
    if disk.against:
        yield Finding(code="folder-unusable", detail=disk.against)
    if tools.runc:
        yield Finding(code="runc-unusable", detail=tools.runc)
    if tools.wheel.fault:
        yield Finding(
            code="wheel-unusable",
            found=tools.wheel.version,
            detail=tools.wheel.fault,
            remedy=tools.wheel.remedy,
            stops=False,
        )
    if tools.nft:
        yield Finding(code="service-addresses-missing", detail=tools.nft, stops=False)
    if not tools.built:
        if tools.go:
            yield Finding(code="tools-not-buildable", detail=tools.go)
        if disk.free < disk.needed:
            yield Finding(code="tools-without-room", taken=disk.needed, free=disk.free, name=str(disk.folder))
        yield Finding(code="tools-not-built", stops=False)


def _kind(facts: Facts) -> Iterator[Finding]:
    yield from _docker(facts)
    yield from _missing("kind", facts, facts.kind, facts.tools.kind_built)
    if _is_older(facts.kind.version, KIND_OLDEST):
        yield Finding(code="kind-too-old", found=facts.kind.version, needed=".".join(map(str, KIND_OLDEST)))
    if facts.disk.free < KIND_IMAGE:
        yield Finding(code="node-image-without-room", taken=KIND_IMAGE, free=facts.disk.free, stops=False)
    if facts.platform == "linux":
        yield from _node_in_a_container(facts)
    yield from _helm(facts)


def _docker(facts: Facts) -> Iterator[Finding]:
    docker = facts.docker
    if not docker.path:
        yield Finding(code="docker-missing")
    elif docker.error:
        forbidden = "permission denied" in docker.error.lower()
        yield Finding(code="docker-forbidden" if forbidden else "docker-silent", detail=docker.error)


def _node_in_a_container(facts: Facts) -> Iterator[Finding]:
    kernel = facts.kernel
    if "CAP_SYS_RESOURCE" not in kernel.bounding:
        yield Finding(code="sys-resource-missing", stops=False)
    for name, seen, wanted in (
        ("max_user_instances", kernel.inotify_instances, INSTANCES),
        ("max_user_watches", kernel.inotify_watches, WATCHES),
    ):
        if seen is not None and seen < wanted:
            yield Finding(code="inotify-low", name=name, found=str(seen), needed=str(wanted), stops=False)


def _minikube(facts: Facts) -> Iterator[Finding]:
    if not facts.minikube.path:
        yield Finding(code="minikube-missing")
    elif facts.minikube.error:
        yield Finding(code="minikube-stopped", detail=facts.minikube.error, stops=False)
        if facts.platform == "linux":
            yield from (replace(it, stops=False) for it in _docker(facts))
    yield from _helm(facts)


def _existing(facts: Facts) -> Iterator[Finding]:
    account = facts.account
    if account.error:
        yield Finding(code="account-unusable", detail=account.error)
        return
    if account.lacking:
        yield Finding(code="rights-missing", name=account.context, names=tuple(account.lacking))
    if not account.is_local:
        yield Finding(code="cluster-elsewhere", name=account.context, found=account.server, stops=False)
    yield from _helm(facts)
    yield from _kubectl(facts.kubectl, account.version)


def _helm(facts: Facts) -> Iterator[Finding]:
    """Yield findings about Helm, for the providers that use the Helm on PATH, or else a built one."""
    helm = facts.helm
    if helm.path and not helm.version:
        yield Finding(code="helm-silent", name=str(helm.path), detail=helm.error)
    elif helm.path and _is_older(helm.version, HELM_OLDEST):
        yield Finding(code="helm-too-old", found=helm.version, needed=".".join(map(str, HELM_OLDEST)))
    yield from _missing("helm", facts, helm, facts.tools.helm_built)


def _missing(name: Literal["helm", "kind"], facts: Facts, command: Command, built: bool) -> Iterator[Finding]:  # noqa: FBT001
    """Yield a finding if the command *name* is neither on PATH nor built. canaryproof builds it if possible."""
    if command.path or built:
        return
    if facts.tools.go:
        yield Finding(code="command-missing", name=name, detail=facts.tools.go)
    else:
        yield Finding(code="command-built-later", name=name, stops=False)


def _kubectl(kubectl: Command, server: str) -> Iterator[Finding]:
    own, theirs = version_of(kubectl.version), version_of(server)
    if len(own) > 1 and len(theirs) > 1 and (own[0] != theirs[0] or abs(own[1] - theirs[1]) > SKEW):
        yield Finding(code="kubectl-skewed", found=kubectl.version, needed=server, stops=False)


def version_of(text: str) -> Version:
    """Return the numbers of a version. Empty if *text* does not start with a version."""
    found = re.match(r"v?(\d+(?:\.\d+)*)", text)
    return tuple(map(int, found[1].split("."))) if found else ()


def _is_older(version: str, oldest: Version) -> bool:
    """Report whether *version* is older than *oldest*. False if *version* is unknown."""
    numbers = version_of(version)
    return bool(numbers) and numbers[: len(oldest)] < oldest


RULES: Mapping[str, Callable[[Facts], Iterator[Finding]]] = {
    "embedded": _embedded,
    "kind": _kind,
    "minikube": _minikube,
    "existing": _existing,
}
