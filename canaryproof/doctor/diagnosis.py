"""What a machine lacks for each provider; pure."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass

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

DEBIAN = "sudo apt-get install"


@dataclass(frozen=True)
class Finding:
    """Something that a machine lacks, or has and should not, and what to do about it."""

    problem: str
    remedy: str
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
        yield Finding(f"it needs Linux, and this is {facts.platform}", "use kind, minikube or existing")
        return
    if facts.root:
        yield from _as_root(facts)
    else:
        yield from (Finding(f"without root: {gap.problem}", gap.remedy) for gap in facts.rootless)
    yield from _kernel(facts)
    yield from _tools(facts)


def _as_root(facts: Facts) -> Iterator[Finding]:
    privileged = "run the container with --privileged"
    if "CAP_SYS_ADMIN" not in facts.kernel.capabilities:
        yield Finding("root here lacks CAP_SYS_ADMIN, as in an unprivileged container", privileged)
    if not facts.cgroups.version:
        yield Finding("no cgroups are mounted at /sys/fs/cgroup", "mount --type cgroup2 none /sys/fs/cgroup")
    elif not facts.cgroups.writable:
        yield Finding("/sys/fs/cgroup cannot be written to", f"{privileged}, or with --cgroupns=private")
    elif missing := sorted(CONTROLLERS - facts.cgroups.controllers):
        remedy = f"boot with {' '.join(f'cgroup_enable={it}' for it in missing)} on the kernel's line"
        yield Finding(f"the cgroups cannot limit {', '.join(missing)}", remedy)


def _kernel(facts: Facts) -> Iterator[Finding]:
    kernel = facts.kernel
    if missing := sorted(NAMESPACES - kernel.namespaces):
        yield Finding(f"the kernel has no namespaces of kind {', '.join(missing)}", "boot one that has (CONFIG_*_NS)")
    if "overlay" not in kernel.filesystems:
        yield Finding("the kernel has no overlayfs", "sudo modprobe overlay")
    if not kernel.seccomp:
        yield Finding("the kernel cannot filter system calls", "boot one with CONFIG_SECCOMP_FILTER")
    instances = kernel.inotify_instances
    if instances is not None and instances < FEW_INSTANCES:
        yield Finding(f"a user may have {instances} inotify instances", _sysctl("max_user_instances", INSTANCES))


def _tools(facts: Facts) -> Iterator[Finding]:
    tools, disk = facts.tools, facts.disk
    if disk.against:
        yield Finding(disk.against, "set XDG_CACHE_HOME to another folder")
    if tools.runc:
        yield Finding(tools.runc, f"{DEBIAN} runc (Fedora: sudo dnf install runc)")
    if not tools.built:
        if tools.go:
            yield Finding(f"its tools are not built yet, and {tools.go}", f"{DEBIAN} golang, or see https://go.dev/dl")
        if disk.free < disk.needed:
            yield Finding(
                f"its tools are not built yet: that takes {_size(disk.needed)}, and {_size(disk.free)} are free at"
                f" {disk.folder}",
                "make room, or set XDG_CACHE_HOME, GOCACHE and GOMODCACHE to folders on another disk",
            )
        yield Finding(
            "its tools are not built yet: the first run does that, about ten minutes on two cores",
            "canaryproof up, whenever there is time",
            stops=False,
        )


def _kind(facts: Facts) -> Iterator[Finding]:
    yield from _docker(facts)
    yield from _missing(
        "kind", facts, facts.kind, facts.tools.kind_built, "https://kind.sigs.k8s.io/docs/user/quick-start"
    )
    if _is_older(facts.kind.version, KIND_OLDEST):
        problem = f"kind {facts.kind.version} is too old, {'.'.join(map(str, KIND_OLDEST))} is needed"
        yield Finding(
            problem, "install a newer one: https://kind.sigs.k8s.io/docs/user/quick-start, or give --kind-bin"
        )
    if facts.disk.free < KIND_IMAGE:
        yield Finding(
            f"a node image takes {_size(KIND_IMAGE)}, and {_size(facts.disk.free)} are free",
            "docker system prune",
            stops=False,
        )
    if facts.platform == "linux":
        yield from _node_in_a_container(facts)
    yield from _helm(facts)


def _docker(facts: Facts) -> Iterator[Finding]:
    docker = facts.docker
    if not docker.path:
        yield Finding("there is no command docker", f"{DEBIAN} docker.io, or see https://docs.docker.com/get-docker")
    elif "permission denied" in docker.error.lower():
        yield Finding(f"Docker: {docker.error}", "sudo usermod --append --groups docker $USER, and log in again")
    elif docker.error:
        yield Finding(
            f"no Docker daemon answers: {docker.error}", "sudo systemctl start docker, or start Docker Desktop"
        )


def _node_in_a_container(facts: Facts) -> Iterator[Finding]:
    kernel = facts.kernel
    if "CAP_SYS_RESOURCE" not in kernel.bounding:
        yield Finding(
            "nobody on this machine can have CAP_SYS_RESOURCE, which Docker asks for with --privileged",
            "use embedded, or give Docker a runtime that leaves the capability out (dockerd --add-runtime)",
            stops=False,
        )
    for name, seen, wanted in (
        ("max_user_instances", kernel.inotify_instances, INSTANCES),
        ("max_user_watches", kernel.inotify_watches, WATCHES),
    ):
        if seen is not None and seen < wanted:
            problem = f"fs.inotify.{name} is {seen}: a node may run out of them (too many open files)"
            yield Finding(problem, _sysctl(name, wanted), stops=False)


def _minikube(facts: Facts) -> Iterator[Finding]:
    if not facts.minikube.path:
        yield Finding("there is no command minikube", "https://minikube.sigs.k8s.io/docs/start")
    elif facts.minikube.error:
        yield Finding(f"none is running: {facts.minikube.error}", "minikube start", stops=False)
        if facts.platform == "linux":
            yield from (Finding(it.problem, it.remedy, stops=False) for it in _docker(facts))
    yield from _helm(facts)


def _existing(facts: Facts) -> Iterator[Finding]:
    account = facts.account
    if account.error:
        yield Finding(account.error, "give --kubeconfig FILE and --kube-context NAME, or set KUBECONFIG")
        return
    if account.lacking:
        yield Finding(
            f"the account of context {account.context} may not {', '.join(account.lacking)}",
            "have somebody who may: canaryproof rights | kubectl apply -f - and bind it; to look only,"
            " rights --observe",
        )
    if not account.is_local:
        problem = f"context {account.context} leads to {account.server}, which is not on this machine"
        yield Finding(problem, "give --yes, or answer yes when asked", stops=False)
    yield from _helm(facts)
    yield from _kubectl(facts.kubectl, account.version)


def _helm(facts: Facts) -> Iterator[Finding]:
    """On clusters that were there: PATH's Helm, else one that is built."""
    helm = facts.helm
    if helm.path and not helm.version:
        yield Finding(f"{helm.path} does not tell its version: {helm.error}", "give --helm PATH of a Helm 3 or 4")
    elif helm.path and _is_older(helm.version, HELM_OLDEST):
        oldest = ".".join(map(str, HELM_OLDEST))
        remedy = "install a newer one: https://helm.sh/docs/intro/install, or give --helm PATH"
        yield Finding(f"Helm {helm.version} is too old, {oldest} is needed", remedy)
    yield from _missing("helm", facts, helm, facts.tools.helm_built, "https://helm.sh/docs/intro/install")


def _missing(name: str, facts: Facts, command: Command, built: bool, where: str) -> Iterator[Finding]:  # noqa: FBT001
    """Say what becomes of a command that is not on PATH: it is built, where that is possible."""
    if command.path or built:
        return
    if facts.tools.go:
        yield Finding(f"there is no command {name}, and none can be built: {facts.tools.go}", where)
    else:
        problem = f"there is no command {name}: the first run builds it, in a few minutes"
        yield Finding(problem, f"to be spared that: {where}", stops=False)


def _kubectl(kubectl: Command, server: str) -> Iterator[Finding]:
    own, theirs = version_of(kubectl.version), version_of(server)
    if len(own) > 1 and len(theirs) > 1 and (own[0] != theirs[0] or abs(own[1] - theirs[1]) > SKEW):
        problem = f"kubectl {kubectl.version} is more than one minor version from the cluster's {server}"
        yield Finding(problem, "install one that fits: https://kubernetes.io/docs/tasks/tools", stops=False)


def version_of(text: str) -> Version:
    """Return the numbers of a version; empty where there are none."""
    found = re.match(r"v?(\d+(?:\.\d+)*)", text)
    return tuple(map(int, found[1].split("."))) if found else ()


def _is_older(version: str, oldest: Version) -> bool:
    """Report whether *version* is known, and older than *oldest*."""
    numbers = version_of(version)
    return bool(numbers) and numbers[: len(oldest)] < oldest


def _sysctl(name: str, value: int) -> str:
    return f"sudo sysctl --write fs.inotify.{name}={value}"


def _size(number: int) -> str:
    return f"{number / 10**9:.1f} GB"


RULES: Mapping[str, Callable[[Facts], Iterator[Finding]]] = {
    "embedded": _embedded,
    "kind": _kind,
    "minikube": _minikube,
    "existing": _existing,
}
