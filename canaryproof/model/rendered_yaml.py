"""Reads the YAML that Helm renders into Kubernetes objects, with a limit for everything that a chart can ask for; pure.

Helm's reader is stricter than YAML in some ways and laxer in others (sigs.k8s.io/yaml, go.yaml.in/yaml/v2): what it
would take in another way than this one is refused.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import yaml

from canaryproof.errors import SubmissionError, UnsafeError
from canaryproof.model.causes import Cause, Code
from canaryproof.model.objects import Manifest, text_at
from canaryproof.model.well_formed import problems
from canaryproof.model.wording.cause_sentences import describe

VALUES_LIMIT = 200_000
"""Values in all documents together; YAML's aliases can make billions of a few lines."""
CHARACTERS_LIMIT = 4 * 2**20
"""Characters of texts in all documents together, keys not counted: four times what Helm may print."""
DEEPEST = 100
"""Levels of maps and lists in one document; reading takes stack for each, and the API server stops at 10 000."""

SHORT = 1_000
"""Characters of a document that need no measuring: too few for levels that hurt, or that libyaml refuses."""
_ALIASES = "are there aliases (&, *) in it?"
TOO_DEEP = "exceeded maximum nesting depth"
"""How libyaml refuses more than 1000 levels (yaml_parser_increase_flow_level in its scanner.c), in PyYAML since 6.0.4.

Its scanner reads ahead of the events that are counted here, so it can meet its own limit first.
"""

_TAGS = "tag:yaml.org,2002:"
_MERGE = f"{_TAGS}merge"
LARGEST_INTEGER = 2**64 - 1
"""The largest whole number of Helm's reader."""
_SEPARATOR = re.compile(r"^---(?=\s|$)", re.MULTILINE)
_SOURCE = re.compile(r"^# Source: (\S+)\s*$", re.MULTILINE)


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


@dataclass
class _Weight:
    """The size of the documents so far, aliases included."""

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
    """A document is valid YAML, and Helm's reader takes it in another way."""

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
