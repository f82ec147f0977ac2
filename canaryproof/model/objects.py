"""Kubernetes objects as the harness sees them: rendered by Helm, or seen live."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import msgspec
import yaml

from canaryproof.errors import SubmissionError, UnsafeError
from canaryproof.model.causes import Cause, Code
from canaryproof.model.wording.cause_sentences import describe

Body = dict[str, Any]
BODIES = msgspec.json.Decoder(Body)
"""Reads an object from JSON."""

HOOK = "helm.sh/hook"
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

VALUES_LIMIT = 200_000
"""Values in all documents together; YAML's aliases can make billions of a few lines."""
CHARACTERS_LIMIT = 4 * 2**20
"""Characters of texts in all documents together, keys not counted: four times what Helm may print."""
DEEPEST = 100
"""Levels of maps and lists in one document; reading takes stack for each, and the API server stops at 10 000."""

SHORT = 1_000
"""Characters of a document that nobody has to measure: too few levels to hurt, or to meet the limit of libyaml."""
_ALIASES = "are there aliases (&, *) in it?"
TOO_DEEP = "exceeded maximum nesting depth"
"""How libyaml refuses more than 1000 levels (yaml_parser_increase_flow_level in its scanner.c), in PyYAML since 6.0.4.

Its scanner reads ahead of the events that are counted here, so it can meet its own limit first.
"""

_TAGS = "tag:yaml.org,2002:"
_MERGE = f"{_TAGS}merge"
LARGEST_INTEGER = 2**64 - 1
"""What Helm's reader takes for a whole number."""
_SEPARATOR = re.compile(r"^---(?=\s|$)", re.MULTILINE)
_SOURCE = re.compile(r"^# Source: (\S+)\s*$", re.MULTILINE)


@dataclass(frozen=True)
class ObjectKey:
    """What identifies an object across versions of its API."""

    kind: str
    name: str
    namespace: str = ""

    def __str__(self) -> str:
        """Read as kubectl writes it: ``Service/upcommerce-service``."""
        return f"{self.kind}/{self.name}"


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
    """What it runs instead of its image's own command, arguments included; empty where it leaves that to the image."""


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
        return int(replicas) if _is_number(replicas) else 1

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


def picks(selector: Mapping[str, Any], labels: Mapping[str, Any]) -> bool:
    """Report whether a selector picks pods with *labels*; one that says nothing picks none (Service API)."""
    return bool(selector) and all(labels.get(key) == value for key, value in selector.items())


def pairs(labels: Mapping[str, Any]) -> str:
    """Write labels as kubectl does: ``app=upcommerce-app,tier=web``."""
    return ",".join(f"{key}={value}" for key, value in labels.items()) or "nothing"


def service_ports(service: Manifest, containers: Iterable[Container]) -> tuple[tuple[int, int], ...]:
    """Return pairs of a Service's port and the container port it leads to, 0 where its name is none of *containers*'.

    A number need not be declared by any container, and without ``targetPort`` it is the port itself (Service API).
    Only TCP counts: nobody asks an app over UDP whether it answers.
    """
    numbers = {port.name: port.number for container in containers for port in container.ports if port.name}
    found = []
    for body in maps_at(service.body, "spec", "ports"):
        port = body.get("port")
        target = body.get("targetPort") or port
        if _is_number(port) and body.get("protocol", "TCP") == "TCP":
            found.append((int(port or 0), numbers.get(target, 0) if isinstance(target, str) else int(target or 0)))
    return tuple(found)


def added(baseline: Iterable[Manifest], chart: Iterable[Manifest]) -> tuple[ObjectKey, ...]:
    """Return the keys of what *chart* has and *baseline* has not, by kind and name."""
    known = {(manifest.kind, manifest.name) for manifest in baseline}
    return tuple(manifest.key for manifest in chart if (manifest.kind, manifest.name) not in known)


def parse(stream: str) -> tuple[Manifest, ...]:
    """Read what ``helm template`` prints; lists are flattened, empty documents dropped.

    Raises SubmissionError when a document is no YAML, has a key twice, or is no well-formed object (`problems`), and
    UnsafeError when there is no end to it.
    """
    weight = _Weight()
    manifests = tuple(each for document in _SEPARATOR.split(stream) for each in _parse_document(document, weight))
    if faults := [fault for manifest in manifests for fault in problems(manifest)]:
        raise _malformed(*faults)
    counts = Counter((manifest.api_version, manifest.key) for manifest in manifests if not manifest.is_hook)
    for (_, key), count in counts.items():
        if count > 1:
            files = tuple(manifest.template for manifest in manifests if manifest.key == key)
            raise _malformed(Cause(code="object-repeated", object=str(key), count=count, files=files, file=files[0]))
    return manifests


def _malformed(*faults: Cause) -> SubmissionError:
    cause = Cause(code="chart-malformed", parts=faults)
    return SubmissionError(describe(cause), cause=cause)


def problems(manifest: Manifest) -> tuple[Cause, ...]:
    """Return why an object is not well-formed: what the API asks of all objects, and the shapes that checks rely on."""
    missing = [name for name in ("kind", "apiVersion") if not text_at(manifest.body, name)]
    if not manifest.name:
        missing.append("metadata.name")
    if missing:
        return (Cause(code="object-incomplete", file=manifest.template, field=" and ".join(missing)),)
    key = str(manifest.key)
    return tuple(replace(fault, file=manifest.template, object=key) for fault in _misshapen(manifest))


def _misshapen(manifest: Manifest) -> Iterator[Cause]:
    body = manifest.body
    yield from _wrong(body, dict, "metadata", "labels")
    yield from _wrong(body, dict, "metadata", "annotations")
    yield from _wrong(body, dict, "spec") if manifest.kind in {*POD_PARENTS, "Service"} else ()
    if manifest.kind == "Service":
        yield from _wrong(body, dict, "spec", "selector")
        yield from _wrong_items(body, ("port",), "spec", "ports")
        for port in maps_at(body, "spec", "ports"):
            if not isinstance(port.get("targetPort"), str):
                yield from _below("spec.ports", _wrong(port, int, "targetPort"))
    elif manifest.kind in POD_PARENTS:
        yield from _wrong(body, int, "spec", "replicas")
        yield from _misshapen_template(manifest)


def _misshapen_template(manifest: Manifest) -> Iterator[Cause]:
    yield from _wrong(manifest.pod_template, dict, "metadata", "labels")
    spec = mapping_at(manifest.pod_template, "spec")
    if not value_at(spec, "containers"):
        yield Cause(code="no-containers")
    for group in ("initContainers", "containers"):
        yield from _wrong_items(spec, (), group)
        for container in maps_at(spec, group):
            if not text_at(container, "name"):
                yield Cause(code="container-unnamed", field=group)
            yield from _wrong_items(container, ("containerPort",), "ports")


def _below(path: str, faults: Iterable[Cause]) -> Iterator[Cause]:
    """Yield *faults* of an item of the list at *path*."""
    return (replace(fault, field=f"{path}[].{fault.field}") for fault in faults)


def _wrong(body: object, wanted: type, *path: str) -> Iterator[Cause]:
    """Yield what is wrong with the value at *path*; what is not there is not wrong."""
    found = value_at(body, *path)
    fits = _is_number(found) if wanted is int else isinstance(found, wanted)
    if found is not None and not fits:
        name = {dict: "a map", list: "a list", int: "a number"}[wanted]
        yield Cause(code="field-of-wrong-type", field=".".join(path), expected=name, detail=f"{found!r:.60}")
    elif isinstance(found, dict) and path[-1] in {"labels", "annotations", "selector"}:
        for key, value in found.items():
            if not isinstance(value, str) and path[-1] != "selector":
                yield Cause(code="label-not-text", field=f"{'.'.join(path)}.{key}", detail=f"{value!r:.60}")


def _wrong_items(body: object, numbers: tuple[str, ...], *path: str) -> Iterator[Cause]:
    yield from _wrong(body, list, *path)
    found = value_at(body, *path)
    for item in found if isinstance(found, list) else ():
        if not isinstance(item, dict):
            yield Cause(code="items-not-maps", field=".".join(path), detail=f"{item!r:.60}")
        for name in numbers:
            yield from _below(".".join(path), _wrong(item, int, name))


def _is_number(value: object) -> bool:
    """Report whether the API takes *value* for a whole number: ``1.0`` it does, ``"1"`` and ``true`` it does not."""
    return (isinstance(value, int) and not isinstance(value, bool)) or (isinstance(value, float) and value.is_integer())


def _container(body: Body, *, init: bool) -> Container:
    return Container(
        name=text_at(body, "name"),
        image=text_at(body, "image"),
        ports=tuple(
            ContainerPort(int(port["containerPort"]), text_at(port, "name"))
            for port in maps_at(body, "ports")
            if _is_number(port.get("containerPort"))
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


@dataclass
class _Weight:
    """What the documents so far hold, aliases included."""

    values: int = 0
    characters: int = 0

    def add(self, body: object, where: str) -> None:
        """Walk through *body*; raise UnsafeError when there is too much, it is too deep or holds itself."""
        waiting = [(body, 1)]
        while waiting:
            each, depth = waiting.pop()
            inside = each.values() if isinstance(each, dict) else each if isinstance(each, list) else ()
            self.values += len(inside)
            self.characters += len(each) if isinstance(each, str) else 0
            _check_size(self.values, depth, where)
            if self.characters > CHARACTERS_LIMIT:
                raise UnsafeError(f"{where} renders to more than {CHARACTERS_LIMIT >> 20} MiB of text", _ALIASES)
            waiting.extend((one, depth + 1) for one in inside)


def _parse_document(document: str, weight: _Weight) -> Iterator[Manifest]:
    named = _SOURCE.search(document)
    source = named.group(1) if named else ""
    place = source.partition("/")[2] or source
    where = place or "the rendering"
    try:
        # Without the text that goes before the template's own, so that lines count as in what the template renders to.
        text = document[named.end() + 1 :] if named else document
        _measure(text, where)
        body = _Loader(text, where).get_single_data()
        weight.add(body, where)
    except yaml.MarkedYAMLError as error:
        if error.problem == TOO_DEEP:
            raise _nested_too_deep(where) from error
        line = error.problem_mark.line + 1 if error.problem_mark else 0
        code = error.code if isinstance(error, _LoadingError) else "yaml-malformed"
        raise _malformed(
            Cause(code=code, file=place, line=line, detail=error.problem or error.context or "")
        ) from error
    except (yaml.YAMLError, RecursionError, ValueError) as error:
        raise _malformed(Cause(code="not-yaml", file=place, detail=str(error))) from error
    yield from _flatten(body, source, place)


def _flatten(body: object, source: str, place: str) -> Iterator[Manifest]:
    if body is None or body == {}:
        return
    if not isinstance(body, dict):
        raise _malformed(Cause(code="not-an-object", file=place, detail=f"{body!r:.60}"))
    if text_at(body, "kind").endswith("List") and isinstance(body.get("items"), list):
        for item in body["items"]:
            yield from _flatten(item, source, place)
    else:
        yield Manifest(body, source)


def _measure(text: str, where: str) -> None:
    """Read *text* without making anything of it; raise UnsafeError when it holds too much, or is too deep to be read.

    The reader of YAML calls itself for each level, in C: 100 000 of them end the whole process.
    """
    if len(text) <= SHORT:
        return
    depth = 0
    for count, event in enumerate(yaml.parse(text, yaml.CSafeLoader)):
        depth += isinstance(event, yaml.CollectionStartEvent) - isinstance(event, yaml.CollectionEndEvent)
        _check_size(count, depth, where)


def _check_size(count: int, depth: int, where: str) -> None:
    if count > VALUES_LIMIT:
        raise UnsafeError(f"{where} renders to more than {VALUES_LIMIT} values", _ALIASES)
    if depth > DEEPEST + 1:  # a text below so many maps is fine
        raise _nested_too_deep(where)


def _nested_too_deep(where: str) -> UnsafeError:
    return UnsafeError(f"{where} renders to maps and lists that are nested more than {DEEPEST} levels deep")


_MALFORMED: Code = "yaml-malformed"
_REPEATED: Code = "yaml-key-repeated"


class _LoadingError(yaml.MarkedYAMLError):
    """What YAML allows, and Helm's reader takes in another way."""

    def __init__(self, code: Code, problem: str, mark: yaml.Mark) -> None:
        super().__init__(problem=problem, problem_mark=mark)
        self.code = code


class _Loader(yaml.CSafeLoader):
    """Reads YAML into what JSON can hold, as Kubernetes does: keys are text, dates too, and no key comes twice.

    PyYAML copies what a map merges, and copies of copies with it, so that ten short lines fill all memory: the keys
    that there will be are counted first.
    """

    yaml_implicit_resolvers = {  # noqa: RUF012 - PyYAML's own way of naming them, never changed
        first: [(tag, pattern) for tag, pattern in resolvers if tag != "tag:yaml.org,2002:timestamp"]
        for first, resolvers in yaml.CSafeLoader.yaml_implicit_resolvers.items()
    }

    def __init__(self, stream: str, where: str) -> None:
        """Read *stream*, which messages call *where*."""
        super().__init__(stream)
        self._where = where
        self._keys: dict[int, frozenset[str]] = {}
        self._sizes: dict[int, int] = {}
        """How many keys each of these maps has, copies included."""
        self._size = 0

    def construct_object(self, node: yaml.Node, deep: bool = False) -> Any:  # noqa: FBT001, FBT002 - PyYAML's signature
        """Make what *node* stands for; raise MarkedYAMLError for tags that Helm's reader follows in another way."""
        if not self._is_plain(node):
            tag = node.tag.replace(_TAGS, "!!")
            raise _LoadingError("yaml-tag", f"the tag {tag} is not one of Kubernetes; leave it out", node.start_mark)
        return super().construct_object(node, deep)

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:  # noqa: FBT001, FBT002 - PyYAML's signature
        self._keys_of(node)
        for key, _ in node.value:
            if isinstance(key, yaml.ScalarNode) and key.tag != _MERGE and self._is_plain(key):
                key.tag = f"{_TAGS}str"
        return super().construct_mapping(node, deep)

    def _is_plain(self, node: yaml.Node) -> bool:
        """Report whether the tag of *node*, written or not, is what its value looks like, or text."""
        if isinstance(node, yaml.MappingNode):
            return bool(node.tag == f"{_TAGS}map")
        if isinstance(node, yaml.SequenceNode):
            return bool(node.tag == f"{_TAGS}seq")
        looks = self.resolve(yaml.ScalarNode, node.value, (True, False))  # type: ignore[no-untyped-call]  # no stub
        whole_float = node.tag == f"{_TAGS}float" and looks == f"{_TAGS}int"
        return whole_float or node.tag in {looks, f"{_TAGS}str"}

    def _keys_of(self, node: yaml.MappingNode) -> frozenset[str]:
        """Return the keys of a map with those that it merges; merged maps are not yet part of it.

        Raises MarkedYAMLError when a key comes twice, or before a merge that sets it too: for Helm's reader the merge
        wins, for others the key (sigs.k8s.io/yaml 1.6, go.yaml.in/yaml/v2, ``decode.go``).  Raises UnsafeError
        when merging makes too many keys.
        """
        if id(node) not in self._keys:
            size = 0
            own: set[str] = set()
            merged: set[str] = set()
            for key, value in node.value:
                if key.tag == _MERGE:
                    keys = self._merged_keys(value)
                    size += sum(self._sizes[id(each)] for each in _maps_in(value))
                    code, again, why = _MALFORMED, own & keys, "before a merge (<<) that sets it, too; put << first"
                    merged |= keys
                else:
                    keys = {key.value} if isinstance(key, yaml.ScalarNode) else set()
                    size += 1
                    code, again, why = _REPEATED, own & keys, "twice"
                    own |= keys
                if again:
                    raise _LoadingError(code, f"the key {min(again)!r} comes {why}", key.start_mark)
            self._keys[id(node)], self._sizes[id(node)] = frozenset(own | merged), size
            self._size += size
            _check_size(self._size, 1, self._where)
        return self._keys[id(node)]

    def _merged_keys(self, value: yaml.Node) -> set[str]:
        """Return the keys that *value* brings, the map or the list of maps that a map merges."""
        return {key for each in _maps_in(value) for key in self._keys_of(each)}


def _maps_in(value: yaml.Node) -> list[yaml.MappingNode]:
    """Return the maps that *value* stands for where it is merged: itself, or those in it."""
    each = value.value if isinstance(value, yaml.SequenceNode) else [value]
    return [one for one in each if isinstance(one, yaml.MappingNode)]


def _construct_int(loader: _Loader, node: yaml.ScalarNode) -> int:
    """Return a number; raise MarkedYAMLError for one that no field holds, and that could not be written as text."""
    number: int = loader.construct_yaml_int(node)
    if not -LARGEST_INTEGER <= number <= LARGEST_INTEGER:
        raise _LoadingError("yaml-number-too-large", "the number has more than 64 bits", node.start_mark)
    return number


_Loader.add_constructor(f"{_TAGS}int", _construct_int)
