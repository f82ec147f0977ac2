"""Parses the YAML that Helm renders into Kubernetes objects, with limits on its size and depth.  This module is pure.

Helm's parser is stricter than YAML in some ways and more lenient in others (sigs.k8s.io/yaml, go.yaml.in/yaml/v2).
This module refuses YAML that Helm's parser would read differently.
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
"""The maximum number of values in all documents together. Aliases in YAML can make billions from a few lines."""
CHARACTERS_LIMIT = 4 * 2**20
"""The maximum number of characters of all strings together, without keys. It is four times Helm's output limit."""
DEEPEST = 100
"""The maximum depth of maps and lists in one document.

The parser needs stack for each level. The API server has a limit of 10 000.
"""

SHORT = 1_000
"""The maximum number of characters of a document that is not measured.

A document of this size cannot reach a harmful depth, or one that libyaml refuses.
"""
_ALIASES = "are there aliases (&, *) in it?"
TOO_DEEP = "exceeded maximum nesting depth"
"""The error of libyaml for more than 1000 levels (yaml_parser_increase_flow_level in its scanner.c).

PyYAML has this error since 6.0.4. The scanner reads ahead of the events that this module counts, so it can reach its
own limit first.
"""

_TAGS = "tag:yaml.org,2002:"
_MERGE = f"{_TAGS}merge"
LARGEST_INTEGER = 2**64 - 1
"""The largest integer of Helm's parser."""
_SEPARATOR = re.compile(r"^---(?=\s|$)", re.MULTILINE)
_SOURCE = re.compile(r"^# Source: (\S+)\s*$", re.MULTILINE)


def parse(stream: str) -> tuple[Manifest, ...]:
    """Parse the output of ``helm template``. Flattens Kubernetes lists and skips empty documents.

    Raises SubmissionError when a document is not YAML, repeats a key, or is not a well-formed object (`problems`), and
    when an object occurs twice. Raises UnsafeError when the output exceeds a limit.
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
    """The size of all documents so far, including expanded aliases."""

    values: int = 0
    characters: int = 0

    def add(self, body: object, where: str) -> None:
        """Add the size of *body*.

        Raises UnsafeError when a limit for size or depth is exceeded, which includes a body that contains itself.
        """
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
        # Skip the text before the template's output, so that line numbers count from the start of that output.
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
    """Parse *text* as events only, without constructing values.

    The YAML constructor recurses in C for each level, and 100 000 levels crash the process.

    Raises UnsafeError when *text* has too many values or is nested too deep.
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
    if depth > DEEPEST + 1:  # a scalar may lie below the deepest map
        raise _nested_too_deep(where)


def _nested_too_deep(where: str) -> UnsafeError:
    return UnsafeError(f"{where} renders to maps and lists that are nested more than {DEEPEST} levels deep")


_MALFORMED: Code = "yaml-malformed"
_REPEATED: Code = "yaml-key-repeated"


class _LoadingError(yaml.MarkedYAMLError):
    """A document is valid YAML, but Helm's parser would read it differently."""

    def __init__(self, code: Code, problem: str, mark: yaml.Mark) -> None:
        super().__init__(problem=problem, problem_mark=mark)
        self.code = code


class _Loader(yaml.CSafeLoader):
    """Loads YAML as JSON-compatible values, like Kubernetes: keys and dates are strings, and repeated keys are errors.

    PyYAML copies the keys of merged maps recursively, so that ten short lines could fill the memory. This loader
    therefore counts the resulting keys first.
    """

    yaml_implicit_resolvers = {  # noqa: RUF012 - an attribute of PyYAML, never modified
        first: [(tag, pattern) for tag, pattern in resolvers if tag != "tag:yaml.org,2002:timestamp"]
        for first, resolvers in yaml.CSafeLoader.yaml_implicit_resolvers.items()
    }

    def __init__(self, stream: str, where: str) -> None:
        """Load *stream*. Messages refer to it as *where*."""
        super().__init__(stream)
        self._where = where
        self._keys: dict[int, frozenset[str]] = {}
        self._sizes: dict[int, int] = {}
        """The number of keys of each map in ``_keys``, including copies."""
        self._size = 0

    def construct_object(self, node: yaml.Node, deep: bool = False) -> Any:  # noqa: FBT001, FBT002 - PyYAML's signature
        """Construct the value of *node*.

        Raises MarkedYAMLError for a tag that Helm's parser interprets differently.
        """
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
        """Report whether the tag of *node*, explicit or not, is a string or the tag that its value implies.

        A float tag on an integer is plain, too.
        """
        if isinstance(node, yaml.MappingNode):
            return bool(node.tag == f"{_TAGS}map")
        if isinstance(node, yaml.SequenceNode):
            return bool(node.tag == f"{_TAGS}seq")
        looks = self.resolve(yaml.ScalarNode, node.value, (True, False))  # type: ignore[no-untyped-call]  # no stub
        whole_float = node.tag == f"{_TAGS}float" and looks == f"{_TAGS}int"
        return whole_float or node.tag in {looks, f"{_TAGS}str"}

    def _keys_of(self, node: yaml.MappingNode) -> frozenset[str]:
        """Return the keys of a map, including those of the maps that it merges, before they are actually merged.

        Raises MarkedYAMLError when a key is repeated, or precedes a merge that also sets it. In that case, the merge
        wins in Helm's parser, and the key wins in others (sigs.k8s.io/yaml 1.6, go.yaml.in/yaml/v2, ``decode.go``).
        Raises UnsafeError when the merges result in too many keys.
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
        """Return the keys of *value*, which is the map or the list of maps that another map merges."""
        return {key for each in _maps_in(value) for key in self._keys_of(each)}


def _maps_in(value: yaml.Node) -> list[yaml.MappingNode]:
    """Return the maps of a merged value: the map itself, or the maps in the list."""
    each = value.value if isinstance(value, yaml.SequenceNode) else [value]
    return [one for one in each if isinstance(one, yaml.MappingNode)]


def _construct_int(loader: _Loader, node: yaml.ScalarNode) -> int:
    """Return the integer of *node*.

    Raises MarkedYAMLError for a number of more than 64 bits. No field can hold it, and Python may refuse to convert it
    to a string.
    """
    number: int = loader.construct_yaml_int(node)
    if not -LARGEST_INTEGER <= number <= LARGEST_INTEGER:
        raise _LoadingError("yaml-number-too-large", "the number has more than 64 bits", node.start_mark)
    return number


_Loader.add_constructor(f"{_TAGS}int", _construct_int)
