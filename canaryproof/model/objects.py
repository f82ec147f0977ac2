"""Models Kubernetes objects, both rendered by Helm and observed in the cluster."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Literal, get_args

import msgspec

Body = dict[str, Any]
BODIES = msgspec.json.Decoder(Body)
"""Decodes an object from JSON."""

WorkloadKind = Literal["Deployment", "StatefulSet", "DaemonSet"]
"""The kinds whose pods a canary can be."""
WORKLOADS: tuple[WorkloadKind, ...] = get_args(WorkloadKind)
REVISION_LABELS = ("pod-template-hash", "controller-revision-hash")
"""The labels that tell the pods of one pod template from those of another one.

Deployments set the first one, StatefulSets and DaemonSets the second one (Kubernetes, "Well-Known Labels").
"""

HOOK = "helm.sh/hook"
RESOURCE_POLICY = "helm.sh/resource-policy"
"""Annotations that Helm interprets."""
TEST_EVENTS = frozenset({"test", "test-success"})
"""The two names of the same hook event (Helm, "Chart Tests")."""
POD_PARENTS: Mapping[str, tuple[str, ...]] = {
    "Deployment": ("spec", "template"),
    "ReplicaSet": ("spec", "template"),
    "StatefulSet": ("spec", "template"),
    "DaemonSet": ("spec", "template"),
    "Job": ("spec", "template"),
    "CronJob": ("spec", "jobTemplate", "spec", "template"),
    "Pod": (),
}
"""Maps each kind that runs pods to the path of its pod template."""


@dataclass(frozen=True)
class ObjectKey:
    """The identity of an object, independent of its API version."""

    kind: str
    name: str
    namespace: str = ""

    def __str__(self) -> str:
        """Return the kind and the name, such as ``Service/upcommerce-service``."""
        return f"{self.kind}/{self.name}"

    @property
    def local(self) -> ObjectKey:
        """Return the key without its namespace."""
        return ObjectKey(self.kind, self.name)


@dataclass(frozen=True)
class Owner:
    """The owner of an object. Kubernetes deletes the object with its owner."""

    key: ObjectKey
    uid: str


@dataclass(frozen=True)
class ContainerPort:
    """A port that a container declares."""

    number: int
    name: str = ""


@dataclass(frozen=True)
class RestartRule:
    """A rule that decides by exit code whether a container restarts (Pod API, ``restartPolicyRules``)."""

    action: str
    """``Restart`` or ``RestartAllContainers``."""
    operator: str
    """``In`` or ``NotIn``."""
    values: tuple[int, ...]

    def applies_to(self, exit_code: int) -> bool:
        """Report whether the rule applies to a run that ended with *exit_code*."""
        return (exit_code in self.values) == (self.operator == "In")


@dataclass(frozen=True)
class Container:
    """A container in the spec of a pod."""

    name: str
    image: str
    ports: tuple[ContainerPort, ...] = ()
    init: bool = False
    """True if the container must end before the next ones start. This excludes sidecars, which restart always."""
    sidecar: bool = False
    """True if the container starts before the containers that are not init containers, and runs beside them."""
    killing_probe: bool = False
    """True if the container has a liveness or startup probe, for which the kubelet can kill it."""
    probes: tuple[tuple[str, int | str], ...] = ()
    """The names of the probes, each with the number or the name of its port."""
    never_pulled: bool = False
    """True if the image must already be on the node: ``imagePullPolicy: Never``."""
    command: tuple[str, ...] = ()
    """The command and its arguments that override those of the image, or an empty tuple."""
    post_start: bool = False
    """True if the container has a ``postStart`` hook. If the hook fails, the kubelet kills the container."""
    restart_policy: str = ""
    """The restart policy of the container itself, or an empty string if that of its pod applies."""
    restart_rules: tuple[RestartRule, ...] = ()

    def restarts_after(self, exit_code: int) -> bool:
        """Report whether the kubelet restarts the container of a Deployment's pod, whose own policy is ``Always``.

        Source: ``pkg/kubelet/container/helpers.go``, ``ShouldContainerBeRestarted``.
        """
        if any(rule.applies_to(exit_code) for rule in self.restart_rules):
            return True
        return self.restart_policy != "Never" and (self.restart_policy != "OnFailure" or exit_code != 0)


@dataclass(frozen=True)
class Manifest:
    """One object. *source* is the template of a rendered object.

    No property raises, regardless of the shape of the body. A missing value, or one of the wrong type, reads as empty.
    """

    body: Body
    source: str = ""

    @property
    def kind(self) -> str:
        """Return its kind."""
        return text_at(self.body, "kind")

    @property
    def api_version(self) -> str:
        """Return its API version, such as ``apps/v1``."""
        return text_at(self.body, "apiVersion")

    @property
    def name(self) -> str:
        """Return its name."""
        return text_at(self.body, "metadata", "name")

    @property
    def namespace(self) -> str:
        """Return its explicit namespace, or an empty string if Helm sets the namespace."""
        return text_at(self.body, "metadata", "namespace")

    @property
    def uid(self) -> str:
        """Return its uid, which distinguishes it from earlier and later objects of the same name."""
        return text_at(self.body, "metadata", "uid")

    @property
    def key(self) -> ObjectKey:
        """Return its identity."""
        return ObjectKey(self.kind, self.name, self.namespace)

    @property
    def labels(self) -> Body:
        """Return its labels."""
        return mapping_at(self.body, "metadata", "labels")

    @property
    def annotations(self) -> Body:
        """Return its annotations."""
        return mapping_at(self.body, "metadata", "annotations")

    @property
    def owners(self) -> tuple[Owner, ...]:
        """Return its owners, which are in the same namespace or cluster-scoped."""
        owners = maps_at(self.body, "metadata", "ownerReferences")
        return tuple(
            Owner(ObjectKey(text_at(each, "kind"), text_at(each, "name")), text_at(each, "uid")) for each in owners
        )

    @property
    def finalizers(self) -> tuple[str, ...]:
        """Return its finalizers. Kubernetes deletes the object only after all of them are removed."""
        return tuple(map(str, values_at(self.body, "metadata", "finalizers")))

    @property
    def is_hook(self) -> bool:
        """Report whether it is a Helm hook.

        A hook is not part of the release, so that no rollback removes it (Helm, "Chart Hooks").
        """
        return HOOK in self.annotations

    @property
    def hook_events(self) -> frozenset[str]:
        """Return the events of a hook, parsed like Helm does (``pkg/release/util/manifest_sorter.go``)."""
        return frozenset(each.strip().lower() for each in str(self.annotations.get(HOOK, "")).split(","))

    @property
    def is_test(self) -> bool:
        """Report whether only ``helm test`` runs it. A hook for tests and upgrades runs during an upgrade, too."""
        return self.is_hook and self.hook_events <= TEST_EVENTS

    @property
    def is_going(self) -> bool:
        """Report whether it is being deleted."""
        return bool(text_at(self.body, "metadata", "deletionTimestamp"))

    @property
    def pod_template(self) -> Body:
        """Return its pod template, with ``metadata`` and ``spec``. A pod is its own template."""
        path = POD_PARENTS.get(self.kind)
        return {} if path is None else mapping_at(self.body, *path)

    @property
    def pod_labels(self) -> Body:
        """Return the labels of its pods."""
        return mapping_at(self.pod_template, "metadata", "labels")

    @cached_property
    def containers(self) -> tuple[Container, ...]:
        """Return the containers of its pods in the order in which the kubelet starts them: init containers first."""
        spec = mapping_at(self.pod_template, "spec")
        init = (_container(body, before=True) for body in maps_at(spec, "initContainers"))
        return (*init, *(_container(body, before=False) for body in maps_at(spec, "containers")))

    @property
    def volume_images(self) -> tuple[str, ...]:
        """Return the images that its pods mount as volumes."""
        volumes = maps_at(self.pod_template, "spec", "volumes")
        return tuple(filter(None, (text_at(each, "image", "reference") for each in volumes)))

    @property
    def selector(self) -> Body:
        """Return the labels by which it selects pods: a Service's selector, or a workload's ``matchLabels``.

        A Service of type ``ExternalName`` selects no pods, even if it has a selector (Service API).
        """
        if self.kind != "Service":
            return mapping_at(self.body, "spec", "selector", "matchLabels")
        return {} if self.is_external_name else mapping_at(self.body, "spec", "selector")

    @property
    def is_external_name(self) -> bool:
        """Report whether it is a Service that leads to a DNS name, and not to pods."""
        return self.kind == "Service" and text_at(self.body, "spec", "type") == "ExternalName"

    @property
    def replicas(self) -> int:
        """Return the number of pods that it requests. The default is 1 (Deployment API)."""
        replicas = value_at(self.body, "spec", "replicas")
        return int(replicas) if is_number(replicas) else 1

    @property
    def template(self) -> str:
        """Return *source* relative to the chart's folder, such as ``templates/service.yaml``."""
        chart, _, template = self.source.partition("/")
        return template if template and chart != "templates" else self.source


def value_at(body: object, *path: str) -> Any:
    """Return the value at *path*, or None if the path does not exist."""
    for step in path:
        if not isinstance(body, dict):
            return None
        body = body.get(step)
    return body


def mapping_at(body: object, *path: str) -> Body:
    """Return the map at *path*, or an empty map if there is none."""
    found = value_at(body, *path)
    return found if isinstance(found, dict) else {}


def maps_at(body: object, *path: str) -> tuple[Body, ...]:
    """Return the maps in the list at *path*. Other items are left out."""
    found = value_at(body, *path)
    return tuple(each for each in found if isinstance(each, dict)) if isinstance(found, list) else ()


def values_at(body: object, *path: str) -> tuple[Any, ...]:
    """Return the items of the list at *path*, or an empty tuple if there is no list."""
    found = value_at(body, *path)
    return tuple(found) if isinstance(found, list) else ()


def text_at(body: object, *path: str) -> str:
    """Return the string at *path*, or an empty string if there is none."""
    found = value_at(body, *path)
    return found if isinstance(found, str) else ""


def integer_at(body: object, *path: str) -> int:
    """Return the integer at *path*, or 0 if there is none."""
    found = value_at(body, *path)
    return found if isinstance(found, int) else 0


def picks(selector: Mapping[str, Any], labels: Mapping[str, Any]) -> bool:
    """Report whether a selector selects pods with *labels*. An empty selector selects none (Service API)."""
    return bool(selector) and all(labels.get(key) == value for key, value in selector.items())


def pairs(labels: Mapping[str, Any]) -> str:
    """Format labels like kubectl: ``app=upcommerce-app,tier=web``."""
    return ",".join(f"{key}={value}" for key, value in labels.items()) or "nothing"


def service_ports(service: Manifest, containers: Iterable[Container]) -> tuple[tuple[int, int], ...]:
    """Return pairs of a Service's port and the container port to which it leads.

    The container port is 0 if no port of *containers* has the name in ``targetPort``. Containers need not declare a
    numeric ``targetPort``. It defaults to the Service's port (Service API). Only TCP ports are included, because
    availability is not measured over UDP.
    """
    numbers = {port.name: port.number for container in containers for port in container.ports if port.name}
    found = []
    for body in maps_at(service.body, "spec", "ports"):
        port = body.get("port")
        target = body.get("targetPort") or port
        if is_number(port) and body.get("protocol", "TCP") == "TCP":
            found.append((int(port or 0), numbers.get(target, 0) if isinstance(target, str) else int(target or 0)))
    return tuple(found)


def added(baseline: Iterable[Manifest], chart: Iterable[Manifest]) -> tuple[ObjectKey, ...]:
    """Return the keys of the objects in *chart* whose kind and name do not occur in *baseline*."""
    known = {(manifest.kind, manifest.name) for manifest in baseline}
    return tuple(manifest.key for manifest in chart if (manifest.kind, manifest.name) not in known)


def is_number(value: object) -> bool:
    """Report whether the API accepts *value* as an integer. It accepts ``1.0``, but not ``"1"`` or ``true``."""
    return (isinstance(value, int) and not isinstance(value, bool)) or (isinstance(value, float) and value.is_integer())


def _container(body: Body, *, before: bool) -> Container:
    """Return a container, which starts *before* the others if it is an init container."""
    stays = body.get("restartPolicy") == "Always"
    return Container(
        name=text_at(body, "name"),
        image=text_at(body, "image"),
        ports=tuple(
            ContainerPort(int(port["containerPort"]), text_at(port, "name"))
            for port in maps_at(body, "ports")
            if is_number(port.get("containerPort"))
        ),
        init=before and not stays,
        sidecar=before and stays,
        probes=tuple(_probes(body)),
        never_pulled=body.get("imagePullPolicy") == "Never",
        killing_probe=bool(body.get("livenessProbe") or body.get("startupProbe")),
        command=tuple(str(each) for name in ("command", "args") for each in values_at(body, name)),
        post_start=bool(mapping_at(body, "lifecycle", "postStart")),
        restart_policy=text_at(body, "restartPolicy"),
        restart_rules=tuple(map(_restart_rule, maps_at(body, "restartPolicyRules"))),
    )


def _restart_rule(body: Body) -> RestartRule:
    values = tuple(each for each in values_at(body, "exitCodes", "values") if isinstance(each, int))
    return RestartRule(text_at(body, "action"), text_at(body, "exitCodes", "operator"), values)


def _probes(container: Body) -> Iterator[tuple[str, int | str]]:
    for name in ("startupProbe", "livenessProbe", "readinessProbe"):
        for way in ("httpGet", "tcpSocket", "grpc"):
            port = value_at(container, name, way, "port")
            if isinstance(port, (int, str)):
                yield name, port
