"""Vets pods by Kubernetes' Pod Security Standard "baseline" and a list of volume types.  This module is pure.

Source: kubernetes.io, "Pod Security Standards", policy "baseline" of Kubernetes 1.37. The volume types are those of the
policy "restricted", and ``image``.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace

from canaryproof.model.objects import POD_PARENTS, Body, Manifest, mapping_at, maps_at, text_at, value_at
from canaryproof.model.refusals import VOLUME_TYPES, Policy, Refusal
from canaryproof.submissions.chart_safety.shared_cluster import (
    check_shared_container,
    check_shared_metadata,
    check_shared_pod,
)

POD_TEMPLATES: Mapping[str, tuple[str, ...]] = {
    **POD_PARENTS,
    "PodTemplate": ("template",),
    "ReplicationController": ("spec", "template"),
}
"""Maps each kind that contains a pod template to the path of the template."""
CONTAINER_LISTS = ("initContainers", "containers", "ephemeralContainers")

CAPABILITIES = frozenset(
    {
        "AUDIT_WRITE",
        "CHOWN",
        "DAC_OVERRIDE",
        "FOWNER",
        "FSETID",
        "KILL",
        "MKNOD",
        "NET_BIND_SERVICE",
        "SETFCAP",
        "SETGID",
        "SETPCAP",
        "SETUID",
        "SYS_CHROOT",
    }
)
SYSCTLS = frozenset(
    {
        "kernel.shm_rmid_forced",
        "net.ipv4.ip_local_port_range",
        "net.ipv4.ip_local_reserved_ports",
        "net.ipv4.ip_unprivileged_port_start",
        "net.ipv4.ping_group_range",
        "net.ipv4.tcp_fin_timeout",
        "net.ipv4.tcp_keepalive_intvl",
        "net.ipv4.tcp_keepalive_probes",
        "net.ipv4.tcp_keepalive_time",
        "net.ipv4.tcp_rmem",
        "net.ipv4.tcp_syncookies",
        "net.ipv4.tcp_wmem",
    }
)
SELINUX_TYPES = frozenset({"", "container_t", "container_init_t", "container_kvm_t", "container_engine_t"})
PROFILES = frozenset({"", "RuntimeDefault", "Localhost"})
"""The types of seccomp and AppArmor profiles."""
HOST_NAMESPACES = ("hostNetwork", "hostPID", "hostIPC")
PROBES = (("livenessProbe",), ("readinessProbe",), ("startupProbe",))
HANDLERS = (*PROBES, ("lifecycle", "postStart"), ("lifecycle", "preStop"))
"""The paths of a container's probes and lifecycle handlers. Without ``host``, the kubelet sends them to the pod."""
APPARMOR = "container.apparmor.security.beta.kubernetes.io/"

PROJECTED_SOURCES = ("configMap", "downwardAPI", "secret", "serviceAccountToken")
AUDIENCES = frozenset({"", "api"} | {f"https://kubernetes.default.svc{suffix}" for suffix in ("", ".cluster.local")})
"""The audiences of the API server. With a token for another audience, a pod could authenticate elsewhere."""

MOST_CONTAINERS = 10
"""The maximum number of containers of a pod, including init containers."""


def pod_template(manifest: Manifest) -> Body:
    """Return the pod template of an object, with ``metadata`` and ``spec``, or an empty map if its kind has none."""
    path = POD_TEMPLATES.get(manifest.kind)
    return {} if path is None else mapping_at(manifest.body, *path)


def check_pod(manifest: Manifest, policy: Policy) -> Iterator[Refusal]:
    """Yield the refusals that concern the pods of an object."""
    template = pod_template(manifest)
    spec = mapping_at(template, "spec")
    yield from _check_host(spec)
    yield from _check_volumes(spec)
    yield from _check_pod_context(mapping_at(spec, "securityContext"))
    for container in containers_of(spec):
        name = text_at(container, "name")
        found = [*_check_container(container), *(check_shared_container(container) if policy.shared_cluster else ())]
        yield from (replace(each, container=name) for each in found)
    yield from _check_annotations(mapping_at(template, "metadata", "annotations"))
    if (count := len(containers_of(spec))) > MOST_CONTAINERS:
        yield Refusal("too-many-containers", count=count, limit=MOST_CONTAINERS)
    if policy.shared_cluster:
        yield from check_shared_pod(spec)
        yield from check_shared_metadata(mapping_at(template, "metadata")) if manifest.kind != "Pod" else ()


def containers_of(spec: Body) -> tuple[Body, ...]:
    """Return all containers in the spec of a pod, including init containers, sidecars and ephemeral containers."""
    return tuple(container for group in CONTAINER_LISTS for container in maps_at(spec, group))


def _check_host(spec: Body) -> Iterator[Refusal]:
    for name in HOST_NAMESPACES:
        if spec.get(name):
            yield Refusal("host-namespace", field=name)
    if text_at(spec, "priorityClassName").startswith("system-"):
        yield Refusal("system-priority-class", value=text_at(spec, "priorityClassName"))
    if spec.get("resourceClaims"):
        yield Refusal("device-claim")


def _check_volumes(spec: Body) -> Iterator[Refusal]:
    for volume in maps_at(spec, "volumes"):
        name = text_at(volume, "name")
        for kind in (each for each, source in volume.items() if source is not None and each != "name"):
            if kind == "hostPath":
                yield Refusal("host-path", value=text_at(volume, "hostPath", "path") or "?")
            elif kind not in VOLUME_TYPES:
                yield Refusal("volume-type", field=kind, value=name)
        for source in maps_at(volume, "projected", "sources"):
            yield from _check_projected(source, name)


def _check_projected(source: Body, volume: str) -> Iterator[Refusal]:
    for kind in (each for each, what in source.items() if what is not None):
        if kind not in PROJECTED_SOURCES:
            yield Refusal("projected-source", field=kind, value=volume)
    audience = str(value_at(source, "serviceAccountToken", "audience") or "")
    if audience not in AUDIENCES:
        yield Refusal("projected-audience", value=audience)


def _check_pod_context(context: Body) -> Iterator[Refusal]:
    yield from _check_context(context)
    for sysctl in maps_at(context, "sysctls"):
        if text_at(sysctl, "name") not in SYSCTLS:
            yield Refusal("sysctl", value=text_at(sysctl, "name"))


def _check_container(container: Body) -> Iterator[Refusal]:
    context = mapping_at(container, "securityContext")
    yield from _check_context(context)
    if context.get("privileged"):
        yield Refusal("privileged")
    capabilities = value_at(context, "capabilities", "add")
    for capability in capabilities if isinstance(capabilities, list) else ():
        if str(capability).upper().removeprefix("CAP_") not in CAPABILITIES:
            yield Refusal("added-capability", value=str(capability))
    if text_at(context, "procMount") not in {"", "Default"}:
        yield Refusal("proc-mount")
    for port in maps_at(container, "ports"):
        if port.get("hostPort"):
            yield Refusal("host-port", value=str(port["hostPort"]))
    for path in HANDLERS:
        for way in ("httpGet", "tcpSocket"):
            if host := value_at(container, *path, way, "host"):
                yield Refusal("host-in-handler", field=".".join((*path, way, "host")), value=str(host))


def _check_context(context: Body) -> Iterator[Refusal]:
    """Yield the refusals that apply to the security contexts of both pods and containers."""
    if (profile := text_at(context, "seccompProfile", "type")) not in PROFILES:
        yield Refusal("seccomp", value=profile)
    if (profile := text_at(context, "appArmorProfile", "type")) not in PROFILES:
        yield Refusal("apparmor", field="appArmorProfile", value=profile)
    if value_at(context, "windowsOptions", "hostProcess"):
        yield Refusal("host-process")
    options = mapping_at(context, "seLinuxOptions")
    if options.get("user") or options.get("role") or text_at(options, "type") not in SELINUX_TYPES:
        yield Refusal("selinux")


def _check_annotations(annotations: Body) -> Iterator[Refusal]:
    for key, value in annotations.items():
        if key.startswith(APPARMOR) and not str(value).startswith(("runtime/default", "localhost/")):
            yield Refusal("apparmor", field="annotation", value=str(value))
