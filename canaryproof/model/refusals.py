"""Defines the input and the output of the vetting of rendered objects: policy and refusals.  This module is pure."""

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
"""The reasons of refusals. `canaryproof.model.wording.refusal_sentences` contains the sentence for each code."""

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
"""The allowed volume types. They contain data of the namespace, or storage that the cluster provisions."""


@dataclass(frozen=True)
class Refusal:
    """The refusal of one object, field or amount in a submission."""

    code: Code
    field: str = ""
    """The name of the field, such as ``hostPID``, if the code stands for several fields."""
    value: str = ""
    """The value of the field, or the API group or the namespace of the object."""
    count: int = 0
    """The actual amount, such as a number of pods, objects or bytes, if *code* concerns a limit."""
    limit: int = 0
    """The maximum that is allowed, in the unit of *count*."""
    container: str = ""
    """The name of the container, if the field belongs to a container."""
    key: ObjectKey | None = None
    """The object, or None if the refusal concerns the chart as a whole."""
    template: str = ""
    """The template of the object, relative to the chart's folder."""


@dataclass(frozen=True)
class Policy:
    """The properties of the cluster and the namespace to which the objects will be applied."""

    namespaces: tuple[str, ...]
    """The namespaces that objects may name. The last one is the scenario's."""
    namespaced: Callable[[Manifest], bool | None]
    """Reports whether the kind of an object is namespaced, or None if the cluster does not know the kind."""
    shared_cluster: bool = False
    """True if the cluster belongs to others (provider ``existing``), so that additional rules apply."""
    nodes: int = 1
    """The number of nodes in the cluster. A DaemonSet runs a pod on each of them."""
