"""Kubernetes objects as the harness sees them: rendered by Helm, or seen live."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import msgspec

Body = dict[str, Any]
BODIES = msgspec.json.Decoder(Body)
"""Reads an object from JSON."""

HOOK = "helm.sh/hook"
RESOURCE_POLICY = "helm.sh/resource-policy"
"""Annotations that Helm reads."""
TEST_EVENTS = frozenset({"test", "test-success"})
"""Both are names of one event (Helm, "Chart Tests")."""
POD_PARENTS: Mapping[str, tuple[str, ...]] = {
    "Deployment": ("spec", "template"),
    "ReplicaSet": ("spec", "template"),
    "StatefulSet": ("spec", "template"),
    "DaemonSet": ("spec", "template"),
    "Job": ("spec", "template"),
    "CronJob": ("spec", "jobTemplate", "spec", "template"),
    "Pod": (),
}
"""The kinds that run pods, and where each keeps what its pods look like."""


@dataclass(frozen=True)
class ObjectKey:
    """The identity of an object across versions of its API."""

    kind: str
    name: str
    namespace: str = ""

    def __str__(self) -> str:
        """Read as kubectl writes it: ``Service/upcommerce-service``."""
        return f"{self.kind}/{self.name}"

    @property
    def local(self) -> ObjectKey:
        """Return it as seen from the namespace that the object lies in."""
        return ObjectKey(self.kind, self.name)


@dataclass(frozen=True)
class Owner:
    """An object that owns another one, which ends with it."""

    key: ObjectKey
    uid: str


@dataclass(frozen=True)
class ContainerPort:
    """A port that a container declares."""

    number: int
    name: str = ""


@dataclass(frozen=True)
class Container:
    """A container of a pod, as written in its spec."""

    name: str
    image: str
    ports: tuple[ContainerPort, ...] = ()
    init: bool = False
    """Whether it must end before the others start; a sidecar (an init container that restarts always) need not."""
    killing_probe: bool = False
    """Whether it has a probe that the kubelet kills it for: liveness or startup."""
    probes: tuple[tuple[str, int | str], ...] = ()
    """Its probes by name, each with the port that it asks, a number or the name of one."""
    never_pulled: bool = False
    """Whether its image must be on the node already: ``imagePullPolicy: Never``."""
    command: tuple[str, ...] = ()
    """The command, with its arguments, that it runs instead of the image's; empty where the image decides."""


@dataclass(frozen=True)
class Manifest:
    """One object; *source* is the template it was rendered from, where it was.

    No property raises, whatever the shape of the body: what is not there, or of the wrong type, reads as empty.
    """

    body: Body
    source: str = ""

    @property
    def kind(self) -> str:
        """Return its kind."""
        return text_at(self.body, "kind")

    @property
    def api_version(self) -> str:
        """Return the version of the API that it is written for, ``apps/v1``."""
        return text_at(self.body, "apiVersion")

    @property
    def name(self) -> str:
        """Return its name."""
        return text_at(self.body, "metadata", "name")

    @property
    def namespace(self) -> str:
        """Return the namespace that it names itself; empty where it leaves that to Helm."""
        return text_at(self.body, "metadata", "namespace")

    @property
    def uid(self) -> str:
        """Return what tells a live object from another of the same name, before or after it."""
        return text_at(self.body, "metadata", "uid")

    @property
    def key(self) -> ObjectKey:
        """Return what identifies it."""
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
        """Return the objects that own it; they lie in its namespace, or in none."""
        owners = maps_at(self.body, "metadata", "ownerReferences")
        return tuple(
            Owner(ObjectKey(text_at(each, "kind"), text_at(each, "name")), text_at(each, "uid")) for each in owners
        )

    @property
    def finalizers(self) -> tuple[str, ...]:
        """Return its finalizers: Kubernetes deletes it only when none is left."""
        return tuple(map(str, values_at(self.body, "metadata", "finalizers")))

    @property
    def is_hook(self) -> bool:
        """Report whether it is a Helm hook: no part of the release, so no rollback removes it (Helm, "Chart Hooks")."""
        return HOOK in self.annotations

    @property
    def hook_events(self) -> frozenset[str]:
        """Return the events of a hook, read as Helm reads them (``pkg/release/util/manifest_sorter.go``)."""
        return frozenset(each.strip().lower() for each in str(self.annotations.get(HOOK, "")).split(","))

    @property
    def is_test(self) -> bool:
        """Report whether only ``helm test`` runs it; an upgrade runs hooks for tests and upgrades."""
        return self.is_hook and self.hook_events <= TEST_EVENTS

    @property
    def is_going(self) -> bool:
        """Report whether it is being deleted."""
        return bool(text_at(self.body, "metadata", "deletionTimestamp"))

    @property
    def pod_template(self) -> Body:
        """Return what its pods look like, with ``metadata`` and ``spec``; the pod itself is its own template."""
        path = POD_PARENTS.get(self.kind)
        return {} if path is None else mapping_at(self.body, *path)

    @property
    def pod_labels(self) -> Body:
        """Return the labels of its pods."""
        return mapping_at(self.pod_template, "metadata", "labels")

    @cached_property
    def containers(self) -> tuple[Container, ...]:
        """Return the containers of its pods, init containers first, as the kubelet starts them."""
        spec = mapping_at(self.pod_template, "spec")
        init = (
            _container(body, init=body.get("restartPolicy") != "Always") for body in maps_at(spec, "initContainers")
        )
        return (*init, *(_container(body, init=False) for body in maps_at(spec, "containers")))

    @property
    def selector(self) -> Body:
        """Return the labels by which it picks pods: a Service's selector, a workload's ``matchLabels``.

        A Service that stands for a name elsewhere picks none, whatever its selector says (Service API, "ExternalName").
        """
        if self.kind != "Service":
            return mapping_at(self.body, "spec", "selector", "matchLabels")
        return {} if self.is_external_name else mapping_at(self.body, "spec", "selector")

    @property
    def is_external_name(self) -> bool:
        """Report whether it is a Service that leads to a name of DNS, and to no pods."""
        return self.kind == "Service" and text_at(self.body, "spec", "type") == "ExternalName"

    @property
    def replicas(self) -> int:
        """Return how many pods it asks for; 1 where it does not say (Deployment API)."""
        replicas = value_at(self.body, "spec", "replicas")
        return int(replicas) if is_number(replicas) else 1

    @property
    def template(self) -> str:
        """Return *source* as seen from the chart's folder: ``templates/service.yaml``."""
        chart, _, template = self.source.partition("/")
        return template if template and chart != "templates" else self.source


def value_at(body: object, *path: str) -> Any:
    """Return what lies at *path*; None where the path ends early."""
    for step in path:
        if not isinstance(body, dict):
            return None
        body = body.get(step)
    return body


def mapping_at(body: object, *path: str) -> Body:
    """Return the map at *path*; an empty one where there is none."""
    found = value_at(body, *path)
    return found if isinstance(found, dict) else {}


def maps_at(body: object, *path: str) -> tuple[Body, ...]:
    """Return the maps in the list at *path*; anything else in it is left out."""
    found = value_at(body, *path)
    return tuple(each for each in found if isinstance(each, dict)) if isinstance(found, list) else ()


def values_at(body: object, *path: str) -> tuple[Any, ...]:
    """Return the list at *path*; an empty one where there is none."""
    found = value_at(body, *path)
    return tuple(found) if isinstance(found, list) else ()


def text_at(body: object, *path: str) -> str:
    """Return the text at *path*; empty where there is none."""
    found = value_at(body, *path)
    return found if isinstance(found, str) else ""


def integer_at(body: object, *path: str) -> int:
    """Return the whole number at *path*; 0 where there is none."""
    found = value_at(body, *path)
    return found if isinstance(found, int) else 0


def picks(selector: Mapping[str, Any], labels: Mapping[str, Any]) -> bool:
    """Report whether a selector picks pods with *labels*; one that says nothing picks none (Service API)."""
    return bool(selector) and all(labels.get(key) == value for key, value in selector.items())


def pairs(labels: Mapping[str, Any]) -> str:
    """Write labels as kubectl does: ``app=upcommerce-app,tier=web``."""
    return ",".join(f"{key}={value}" for key, value in labels.items()) or "nothing"


def service_ports(service: Manifest, containers: Iterable[Container]) -> tuple[tuple[int, int], ...]:
    """Return pairs of a Service's port and the container port it leads to, 0 where its name is none of *containers*'.

    A number need not be declared by any container, and without ``targetPort`` it is the port itself (Service API).
    Only TCP counts: availability is not measured over UDP.
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
    """Return the keys of what *chart* has and *baseline* has not, by kind and name."""
    known = {(manifest.kind, manifest.name) for manifest in baseline}
    return tuple(manifest.key for manifest in chart if (manifest.kind, manifest.name) not in known)


def is_number(value: object) -> bool:
    """Report whether the API takes *value* for a whole number: ``1.0`` it does, ``"1"`` and ``true`` it does not."""
    return (isinstance(value, int) and not isinstance(value, bool)) or (isinstance(value, float) and value.is_integer())


def _container(body: Body, *, init: bool) -> Container:
    return Container(
        name=text_at(body, "name"),
        image=text_at(body, "image"),
        ports=tuple(
            ContainerPort(int(port["containerPort"]), text_at(port, "name"))
            for port in maps_at(body, "ports")
            if is_number(port.get("containerPort"))
        ),
        init=init,
        probes=tuple(_probes(body)),
        never_pulled=body.get("imagePullPolicy") == "Never",
        killing_probe=bool(body.get("livenessProbe") or body.get("startupProbe")),
        command=tuple(str(each) for name in ("command", "args") for each in values_at(body, name)),
    )


def _probes(container: Body) -> Iterator[tuple[str, int | str]]:
    for name in ("startupProbe", "livenessProbe", "readinessProbe"):
        for way in ("httpGet", "tcpSocket", "grpc"):
            port = value_at(container, name, way, "port")
            if isinstance(port, (int, str)):
                yield name, port
