"""Refuses rendered objects that reach out of their namespace, before anything is applied; pure.

What is refused for a pod is what Kubernetes' Pod Security Standard "baseline" refuses, and `canaryproof.confinement`
holds in the cluster as well, should a chart render to something else there than it did here.
What stays inside the namespace harms nobody else and is allowed, Roles and ServiceAccounts among it.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

from canaryproof.manifests import POD_PARENTS, Body, Manifest, mapping_at, maps_at, text_at, value_at


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


CLUSTER_SCOPED = _words(
    "APIService CSIDriver CSINode CertificateSigningRequest ClusterRole ClusterRoleBinding ClusterTrustBundle"
    " CustomResourceDefinition DeviceClass FlowSchema IPAddress IngressClass MutatingAdmissionPolicy"
    " MutatingAdmissionPolicyBinding MutatingWebhookConfiguration Namespace Node PersistentVolume PodSecurityPolicy"
    " PriorityClass PriorityLevelConfiguration ResourceSlice RuntimeClass ServiceCIDR StorageClass"
    " ValidatingAdmissionPolicy ValidatingAdmissionPolicyBinding ValidatingWebhookConfiguration VolumeAttachment"
    " VolumeAttributesClass"
)
"""Kinds of the whole cluster, whether or not the cluster at hand has them (Kubernetes API 1.37)."""

CAPABILITIES = _words(
    "AUDIT_WRITE CHOWN DAC_OVERRIDE FOWNER FSETID KILL MKNOD NET_BIND_SERVICE SETFCAP SETGID SETPCAP SETUID SYS_CHROOT"
)
SYSCTLS = _words(
    "kernel.shm_rmid_forced net.ipv4.ip_local_port_range net.ipv4.ip_local_reserved_ports"
    " net.ipv4.ip_unprivileged_port_start net.ipv4.ping_group_range net.ipv4.tcp_fin_timeout"
    " net.ipv4.tcp_keepalive_intvl net.ipv4.tcp_keepalive_probes net.ipv4.tcp_keepalive_time net.ipv4.tcp_rmem"
    " net.ipv4.tcp_syncookies net.ipv4.tcp_wmem"
)
SELINUX_TYPES = frozenset({"container_t", "container_init_t", "container_kvm_t", "container_engine_t"})
HOST_NAMESPACES = ("hostNetwork", "hostPID", "hostIPC")
GROUPS = ("initContainers", "containers", "ephemeralContainers")

SHOWN = 5
"""Reasons that a message gives."""
MOST_PODS = 20
"""Pods of a chart: the course asks for two, and a node takes 110 of all submissions together (kubelet's maxPods)."""
MOST_OBJECTS = 100
MOST_BYTES = 256 * 2**10
"""Of one object, as JSON: etcd takes 1.5 MiB, and the release with all of them must fit into one Secret of 1 MiB."""

Namespaced = Callable[[Manifest], bool | None]
"""Whether objects of this kind live in a namespace; None where the cluster has no such kind."""


@dataclass(frozen=True)
class _Place:
    namespaces: tuple[str, ...]
    namespaced: Namespaced


def refusal(manifests: Iterable[Manifest], namespaces: tuple[str, ...], namespaced: Namespaced) -> str:
    """Return what must not be applied, and why, in one line; empty where everything may.

    *namespaces* are those that objects may name, the course's last; hooks, and objects of sub-charts, count as all
    others do.
    """
    manifests = tuple(manifests)
    place = _Place(namespaces, namespaced)
    found = [f"{_place(each)} {reason}" for each in manifests for reason in _reasons(each, place)]
    if len(manifests) > MOST_OBJECTS:
        found.append(f"the chart has {len(manifests)} objects; at most {MOST_OBJECTS} are tried")
    if (pods := sum(_pods(each) for each in manifests)) > MOST_PODS:
        found.append(f"the chart asks for {pods} pods; at most {MOST_PODS} are tried")
    found = list(dict.fromkeys(found))
    more = [f"and {len(found) - SHOWN} more"] if len(found) > SHOWN else []
    return "; ".join(found[:SHOWN] + more)


def _place(manifest: Manifest) -> str:
    return f"{manifest.key} ({manifest.template})" if manifest.template else str(manifest.key)


def _reasons(manifest: Manifest, place: _Place) -> Iterator[str]:
    yield from _scope(manifest, place)
    yield from _smuggling(manifest)
    yield from _service(manifest)
    spec = mapping_at(manifest.pod_template, "spec") if manifest.kind in POD_PARENTS else {}
    spec = mapping_at(manifest.body, "template", "spec") if manifest.kind == "PodTemplate" else spec
    if manifest.kind == "ReplicationController":
        spec = mapping_at(manifest.body, "spec", "template", "spec")
    for rule in (_host, _volumes, _pod_security, _containers):
        yield from rule(spec)
    yield from _apparmor(manifest)


def _scope(manifest: Manifest, place: _Place) -> Iterator[str]:
    own = place.namespaces[-1]
    if manifest.kind == "Namespace" and manifest.name == own and not manifest.is_hook:
        return  # the course's: it is there already, and Helm refuses to take it over
    if manifest.kind in CLUSTER_SCOPED or place.namespaced(manifest) is False:
        yield "belongs to the whole cluster, not to a namespace; a chart may only have what lives in its namespace"
    elif manifest.namespace and manifest.namespace not in place.namespaces:
        yield f"is for the namespace {manifest.namespace!r:.60}; leave metadata.namespace out, or use {own}"


def _smuggling(manifest: Manifest) -> Iterator[str]:
    """Yield where one object holds others (client-go takes everything with ``items`` for a list), or plays Helm."""
    if isinstance(manifest.body.get("items"), list):
        yield "has a list of items like a List, which kubectl and Helm would apply each for itself"
    if manifest.kind == "Secret" and text_at(manifest.body, "type") == "helm.sh/release.v1":
        yield "has the type of Helm's own records, helm.sh/release.v1"
    if manifest.name.startswith("sh.helm.release."):
        yield "has a name that Helm keeps for its own records"
    if (size := len(json.dumps(manifest.body, default=str))) > MOST_BYTES:
        yield f"is {size / 2**10:.0f} KiB large; at most {MOST_BYTES / 2**10:.0f} KiB are tried"


def _service(manifest: Manifest) -> Iterator[str]:
    if manifest.kind == "Service" and value_at(manifest.body, "spec", "externalIPs"):
        yield "has externalIPs, which would take over traffic of the whole cluster"


def _host(spec: Body) -> Iterator[str]:
    for name in HOST_NAMESPACES:
        if spec.get(name):
            yield f"has {name}: its pods would share that with the node"
    if text_at(spec, "priorityClassName").startswith("system-"):
        yield "has a system priority class: its pods would push out those of others"


def _volumes(spec: Body) -> Iterator[str]:
    for volume in maps_at(spec, "volumes"):
        if volume.get("hostPath") is not None:
            path = text_at(volume, "hostPath", "path") or "?"
            yield f"mounts the folder {path!r:.60} of the node (hostPath)"


def _pod_security(spec: Body) -> Iterator[str]:
    context = mapping_at(spec, "securityContext")
    yield from _context(context)
    for sysctl in maps_at(context, "sysctls"):
        if text_at(sysctl, "name") not in SYSCTLS:
            yield f"sets the sysctl {text_at(sysctl, 'name')!r:.60} of the node"


def _containers(spec: Body) -> Iterator[str]:
    for group in GROUPS:
        for container in maps_at(spec, group):
            name, context = text_at(container, "name"), mapping_at(container, "securityContext")
            yield from (f"container {name}: {reason}" for reason in (*_context(context), *_container(context)))
            for port in maps_at(container, "ports"):
                if port.get("hostPort"):
                    yield f"container {name}: takes port {port['hostPort']} of the node (hostPort)"


def _container(context: Body) -> Iterator[str]:
    if context.get("privileged"):
        yield "is privileged: it would be root on the node"
    capabilities = value_at(context, "capabilities", "add")
    for capability in capabilities if isinstance(capabilities, list) else ():
        if str(capability).upper().removeprefix("CAP_") not in CAPABILITIES:
            yield f"adds the capability {capability!r:.60}"
    if text_at(context, "procMount") not in {"", "Default"}:
        yield "unmasks /proc (procMount)"


def _context(context: Body) -> Iterator[str]:
    """Yield what a pod's security context and a container's may both say."""
    if text_at(context, "seccompProfile", "type") == "Unconfined":
        yield "turns seccomp off (seccompProfile: Unconfined)"
    if text_at(context, "appArmorProfile", "type") == "Unconfined":
        yield "turns AppArmor off (appArmorProfile: Unconfined)"
    if value_at(context, "windowsOptions", "hostProcess"):
        yield "runs as a process of the node (hostProcess)"
    options = mapping_at(context, "seLinuxOptions")
    if options.get("user") or options.get("role") or text_at(options, "type") not in {"", *SELINUX_TYPES}:
        yield "changes its SELinux type, user or role (seLinuxOptions)"


def _apparmor(manifest: Manifest) -> Iterator[str]:
    annotations = mapping_at(manifest.pod_template, "metadata", "annotations")
    for key, value in annotations.items():
        if key.startswith("container.apparmor.security.beta.kubernetes.io/") and value == "unconfined":
            yield "turns AppArmor off (annotation)"


def _pods(manifest: Manifest) -> int:
    """Return how many pods an object asks for: as replicas, as a Job's pods at once, as an autoscaler's least."""
    path = {
        "Job": ("spec", "parallelism"),
        "CronJob": ("spec", "jobTemplate", "spec", "parallelism"),
        "HorizontalPodAutoscaler": ("spec", "minReplicas"),
    }.get(manifest.kind)
    if path is None:
        return manifest.replicas if manifest.kind in {*POD_PARENTS, "ReplicationController"} else 0
    number = value_at(manifest.body, *path)
    least = 0 if manifest.kind == "HorizontalPodAutoscaler" else 1
    return int(number) if isinstance(number, (int, float)) and number > least else least


def node_ports(manifests: Iterable[Manifest]) -> frozenset[int]:
    """Return the ports of the node that Services ask for by number: nobody else in the cluster can have them."""
    services = (each for each in manifests if each.kind == "Service")
    ports = (port for each in services for port in maps_at(each.body, "spec", "ports"))
    numbers = [port.get("nodePort") for port in ports] + [
        value_at(each.body, "spec", "healthCheckNodePort") for each in manifests if each.kind == "Service"
    ]
    return frozenset(int(number) for number in numbers if isinstance(number, (int, float)) and number)
