"""Formats the findings of a diagnosis as text."""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Mapping

from canaryproof.cluster.embedded.toolchain import InstalledWheel
from canaryproof.doctor.diagnosis import Code, Finding, works
from canaryproof.doctor.machine_facts import Disk

DEBIAN = "sudo apt-get install"
PRIVILEGED = "run the container with --privileged"
SYSCTL = "sudo sysctl --write fs.inotify.{name}={needed}"
PAGES = {
    "helm": "https://helm.sh/docs/intro/install",
    "kind": "https://kind.sigs.k8s.io/docs/user/quick-start",
}
"""The installation pages of the commands that canaryproof can also build."""

NO_WHEEL = InstalledWheel()

TEXTS: Mapping[Code, tuple[str, str]] = {
    "account-unusable": ("{detail}", "give --kubeconfig FILE and --kube-context NAME, or set KUBECONFIG"),
    "cgroups-incapable": ("the cgroups cannot limit {names}", "boot with {enable} on the kernel's line"),
    "cgroups-missing": ("no cgroups are mounted at /sys/fs/cgroup", "mount --type cgroup2 none /sys/fs/cgroup"),
    "cgroups-read-only": ("/sys/fs/cgroup cannot be written to", f"{PRIVILEGED}, or with --cgroupns=private"),
    "cluster-elsewhere": (
        "context {name} leads to {found}, which is not on this machine",
        "give --yes, or answer yes when asked",
    ),
    "command-built-later": (
        "there is no command {name}: the first run builds it, in a few minutes",
        "to avoid that, install it: {page}",
    ),
    "command-missing": ("there is no command {name}, and canaryproof cannot build it: {detail}", "{page}"),
    "docker-forbidden": ("Docker: {detail}", "sudo usermod --append --groups docker $USER, and log in again"),
    "docker-missing": (
        "there is no command docker",
        f"{DEBIAN} docker.io, or see https://docs.docker.com/get-docker",
    ),
    "docker-silent": (
        "no Docker daemon answers: {detail}",
        "sudo systemctl start docker, or start Docker Desktop",
    ),
    "folder-unusable": ("{detail}", "set XDG_CACHE_HOME to another folder"),
    "helm-silent": ("{name} does not tell its version: {detail}", "give --helm PATH of a Helm 3 or 4"),
    "helm-too-old": (
        "Helm {found} is too old, {needed} is needed",
        f"install a newer one: {PAGES['helm']}, or give --helm PATH",
    ),
    "inotify-low": ("fs.inotify.{name} is {found}: a node may run out of them (too many open files)", SYSCTL),
    "inotify-too-low": ("a user may have {found} inotify instances", SYSCTL),
    "kind-too-old": (
        "kind {found} is too old, {needed} is needed",
        f"install a newer one: {PAGES['kind']}, or give --kind-bin",
    ),
    "kubectl-skewed": (
        "kubectl {found} is more than one minor version from the cluster's {needed}",
        "install one that fits: https://kubernetes.io/docs/tasks/tools",
    ),
    "minikube-missing": ("there is no command minikube", "https://minikube.sigs.k8s.io/docs/start"),
    "minikube-stopped": ("none is running: {detail}", "minikube start"),
    "namespaces-missing": ("the kernel has no namespaces of kind {names}", "boot one that has (CONFIG_*_NS)"),
    "node-image-without-room": ("a node image takes {taken}, and {free} are free", "docker system prune"),
    "not-linux": ("it needs Linux, and this is {found}", "use kind, minikube or existing"),
    "overlay-missing": ("the kernel has no overlayfs", "sudo modprobe overlay"),
    "rights-missing": (
        "the account of context {name} may not {names}",
        "have somebody who may: canaryproof rights | kubectl apply -f - and bind it; to look only, rights --observe",
    ),
    "rootless-gap": ("without root: {detail}", "{remedy}"),
    "runc-unusable": ("{detail}", f"{DEBIAN} runc (Fedora: sudo dnf install runc)"),
    "seccomp-missing": ("the kernel cannot filter system calls", "boot one with CONFIG_SECCOMP_FILTER"),
    "service-addresses-missing": (
        "its Services will have no addresses, and NodePorts no effect: {detail}",
        f"{DEBIAN} nftables, on a kernel with CONFIG_NF_TABLES; or use kind",
    ),
    "sys-admin-missing": ("root here lacks CAP_SYS_ADMIN, as in an unprivileged container", PRIVILEGED),
    "sys-resource-missing": (
        "nobody on this machine can have CAP_SYS_RESOURCE, which Docker asks for with --privileged",
        "use embedded, or give Docker a runtime that leaves the capability out (dockerd --add-runtime)",
    ),
    "tools-not-buildable": (
        "its tools are not built yet, and {detail}",
        f"{DEBIAN} golang, or see https://go.dev/dl",
    ),
    "tools-not-built": (
        "its tools are not built yet: the first run builds them, about seven minutes on two cores",
        'pip install "canaryproof[embedded]", which contains them; or run canaryproof up, which builds them',
    ),
    "tools-without-room": (
        "its tools are not built yet: that takes {taken}, and {free} are free at {name}",
        "make room, or set XDG_CACHE_HOME, GOCACHE and GOMODCACHE to folders on another disk",
    ),
    "wheel-unusable": ("the installed canaryproof-toolchain {found} is not used: {detail}", "{remedy}"),
}
"""The problem and the remedy for each code, as format strings."""

Findings = Mapping[str, tuple[Finding, ...]]


def report(found: Findings, auto: str, disk: Disk, wheel: InstalledWheel = NO_WHEEL) -> Iterator[str]:
    """Yield the lines of the report.

    The report lists each provider with its problems and their remedies, then the choice of ``--cluster auto``, and last
    the installed *wheel* with the tools and the folder of the built tools, if any.
    """
    width = max(map(len, found))
    for provider, findings in found.items():
        yield f"{provider.ljust(width)}   {_verdict(findings)}"
        for finding in sorted(findings, key=lambda each: not each.stops):
            problem, remedy = describe(finding)
            yield f"  {'x' if finding.stops else '-'} {problem}"
            yield f"      {remedy}"
    yield ""
    yield f"--cluster auto: {auto}"
    if wheel.is_used:
        yield f"installed tools: canaryproof-toolchain {wheel.version} in {wheel.folder}"
    if disk.tools_size:
        yield f"built tools: {size(disk.tools_size)} in {disk.tools}; to remove them: rm -r {shlex.quote(disk.tools)}"


def describe(finding: Finding) -> tuple[str, str]:
    """Return the problem and the remedy."""
    values = {
        **vars(finding),
        "names": ", ".join(finding.names),
        "enable": " ".join(f"cgroup_enable={name}" for name in finding.names),
        "taken": size(finding.taken),
        "free": size(finding.free),
        "page": PAGES.get(finding.name, ""),
    }
    problem, remedy = (text.format_map(values) for text in TEXTS[finding.code])
    return problem, remedy


def size(number: int) -> str:
    """Return a number of bytes as text in GB, or in MB if it is small."""
    return f"{number / 10**9:.1f} GB" if number >= 10**8 else f"{number / 10**6:.0f} MB"


def _verdict(findings: tuple[Finding, ...]) -> str:
    if not works(findings):
        return "does not work here"
    return "works, with remarks" if findings else "works"


def exit_code(found: Findings) -> int:
    """Return 0 when at least one provider works, else 1."""
    return 0 if any(works(findings) for findings in found.values()) else 1
