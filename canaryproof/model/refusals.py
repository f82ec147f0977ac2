"""The types of a decision about rendered objects: what is asked, and what is refused; pure."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from canaryproof.model.objects import Manifest, ObjectKey

Code = Literal[
    "added-capability",
    "annotation",
    "apparmor",
    "claim-source",
    "cluster-role-binding",
    "cluster-scoped",
    "device-claim",
    "extended-resource",
    "external-ips",
    "foreign-namespace",
    "guard-name",
    "helm-record-label",
    "helm-record-name",
    "helm-record-type",
    "host-in-handler",
    "host-namespace",
    "host-path",
    "host-port",
    "host-process",
    "ingress",
    "kind",
    "list-in-object",
    "load-balancer",
    "node-name",
    "priority-class",
    "privileged",
    "proc-mount",
    "projected-audience",
    "projected-source",
    "role-resource",
    "role-verb",
    "runtime-class",
    "scheduler",
    "seccomp",
    "selinux",
    "size",
    "sysctl",
    "system-priority-class",
    "toleration",
    "too-many-bytes",
    "too-many-containers",
    "too-many-node-ports",
    "too-many-objects",
    "too-many-pods",
    "too-many-services",
    "too-much-cpu",
    "too-much-memory",
    "too-much-storage",
    "volume-type",
]
"""Why something is refused; `canaryproof.model.wording.refusal_sentences` has the sentence of each."""

VOLUME_TYPES = (
    "configMap",
    "downwardAPI",
    "emptyDir",
    "ephemeral",
    "image",
    "persistentVolumeClaim",
    "projected",
    "secret",
)
"""Types of volumes that hold what is the namespace's own, or what the cluster's storage hands out."""


@dataclass(frozen=True)
class Refusal:
    """One thing that a submission may not have."""

    code: Code
    field: str = ""
    """The name of the field, where the code leaves it open: ``hostPID``."""
    value: str = ""
    """The value of the field, or the API group or the namespace of the object."""
    count: int = 0
    """The counted number of pods, objects, containers or bytes, where *code* is about a limit."""
    limit: int = 0
    """The most that is allowed, in the unit of *count*."""
    container: str = ""
    """The name of the container, where the field is one of a container."""
    key: ObjectKey | None = None
    """The object; None where the refusal is about the chart as a whole."""
    template: str = ""
    """The template of the object, as seen from the chart's folder."""


@dataclass(frozen=True)
class Policy:
    """On which cluster, and in which namespace, the objects are going to be applied."""

    namespaces: tuple[str, ...]
    """The namespaces that objects may name; the last one is the course's own."""
    namespaced: Callable[[Manifest], bool | None]
    """Reports whether objects of a kind live in a namespace; None where the cluster does not know the kind."""
    shared_cluster: bool = False
    """Whether the cluster belongs to others (provider ``existing``), so that further rules hold."""
    nodes: int = 1
    """Nodes of the cluster: a DaemonSet runs a pod on each."""
