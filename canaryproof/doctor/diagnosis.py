"""What a machine lacks for each provider; pure."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Literal

from canaryproof.cluster.detection import Command
from canaryproof.doctor.machine_facts import Facts, Version

NAMESPACES = frozenset({"pid", "mnt", "net", "uts", "ipc", "cgroup"})
CONTROLLERS = frozenset({"cpu", "memory", "pids"})
"""Without these, kubelet does not start."""
INSTANCES, WATCHES = 512, 524_288
"""Of inotify, for a node in a container (kind, "Known Issues": pod errors due to "too many open files")."""
FEW_INSTANCES = 64
"""Kubelet, containerd and a shim for each pod watch files; below this, an embedded cluster of some pods runs out."""
HELM_OLDEST = (3, 6)
"""The first Helm 3 that renders for a given version of Kubernetes (helm/helm#9040)."""
KIND_OLDEST = (0, 20)
"""Older ones make nodes of Kubernetes 1.26 and older by default; pytest-kind alone would fetch 0.17.0."""
KIND_IMAGE = 1_500_000_000
"""Bytes of a node image when unpacked."""
SKEW = 1
"""Minor versions between kubectl and the API server (Kubernetes, "Version Skew Policy")."""


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
    "sys-admin-missing",
    "tools-not-buildable",
    "tools-not-built",
    "tools-without-room",
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
"""What a machine lacks, or has and should not; `canaryproof.doctor.diagnosis_text` has the words."""


@dataclass(frozen=True, kw_only=True)
class Finding:
    """Something that a machine lacks, or has and should not."""

    code: Code
    name: str = ""
    """Of a command, a context, a setting of the kernel, or a folder."""
    names: tuple[str, ...] = ()
    """Namespaces of the kernel, controllers of cgroups, or rights."""
    found: str = ""
    """The version, the value or the server that there is."""
    needed: str = ""
    """The oldest version or the least value that works."""
    free: int = 0
    """Bytes."""
    taken: int = 0
    """Bytes that are needed."""
    detail: str = ""
    """The text of a command, or of what else was asked."""
    remedy: str = ""
    """What closes a gap of a machine without root."""
    stops: bool = True
    """Whether the provider does not work for it; else it may be trouble later on."""


def works(findings: Iterable[Finding]) -> bool:
    """Report whether a provider with these findings works."""
    return not any(finding.stops for finding in findings)


def examine(facts: Facts) -> Mapping[str, tuple[Finding, ...]]:
    """Return what was found for each provider."""
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
    """On clusters that were there: PATH's Helm, else one that is built."""
    helm = facts.helm
    if helm.path and not helm.version:
        yield Finding(code="helm-silent", name=str(helm.path), detail=helm.error)
    elif helm.path and _is_older(helm.version, HELM_OLDEST):
        yield Finding(code="helm-too-old", found=helm.version, needed=".".join(map(str, HELM_OLDEST)))
    yield from _missing("helm", facts, helm, facts.tools.helm_built)


def _missing(name: Literal["helm", "kind"], facts: Facts, command: Command, built: bool) -> Iterator[Finding]:  # noqa: FBT001
    """Yield what becomes of a command that is not on PATH: canaryproof builds it, where that is possible."""
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
    """Return the numbers of a version; empty where there are none."""
    found = re.match(r"v?(\d+(?:\.\d+)*)", text)
    return tuple(map(int, found[1].split("."))) if found else ()


def _is_older(version: str, oldest: Version) -> bool:
    """Report whether *version* is known, and older than *oldest*."""
    numbers = version_of(version)
    return bool(numbers) and numbers[: len(oldest)] < oldest


RULES: Mapping[str, Callable[[Facts], Iterator[Finding]]] = {
    "embedded": _embedded,
    "kind": _kind,
    "minikube": _minikube,
    "existing": _existing,
}
