"""Reads YAML nodes as the types of a file's format, and collects all faults instead of ending at the first one."""

from __future__ import annotations

import difflib
import re
from collections.abc import Callable, Collection, Iterable, Iterator
from pathlib import Path
from typing import Any

import msgspec
import yaml
from msgspec import inspect

from canaryproof.scenario.scalars import ambiguity, found, kind_of, value_of
from canaryproof.scenario.yaml_source import DEEPEST, Fault, FaultError, place_of

NUMBERS = (inspect.IntType, inspect.FloatType)
MOST_VALUES = 20_000
"""The maximum number of values of a file. Aliases in YAML can make billions from a few lines."""
EXPECTED, CHECK = "expected", "check"
"""Keys of `msgspec.Meta.extra`: the words for a valid value, and a function that yields the problems of a value."""
Check = Callable[[Any, Path], Iterable[str]]
"""Yields the problems of a value in a file of this folder."""
INVALID: Any = object()
"""Stands for a value with a fault."""


class Form(msgspec.Struct, forbid_unknown_fields=True, rename="camel", frozen=True, kw_only=True):
    """A map with known keys."""

    def problems(self, folder: Path) -> Iterator[tuple[str, str]]:
        """Yield the problems that concern several keys, each with the key at which it is reported.

        The file is in *folder*. An empty key stands for the whole map.
        """
        del folder
        yield from ()


class TypedReader:
    """Reads nodes of a file in *folder*. The faults that it finds are in *faults*."""

    def __init__(self, folder: Path) -> None:
        """Start without faults."""
        self.faults: list[Fault] = []
        self._folder = folder
        self._values = 0
        self._root: inspect.Type | None = None

    def read(  # noqa: PLR0911 - one return for each type
        self,
        node: yaml.Node,
        kind: inspect.Type,
        path: str = "",
        depth: int = 0,
        shown: inspect.Type | None = None,
    ) -> Any:
        """Return the value of *node* as the type *kind*, or `INVALID` after a fault.

        Messages describe the type *shown*, which is *kind* by default.

        Raises FaultError when the file has too many values.
        """
        self._values += 1
        if self._values > MOST_VALUES or depth > DEEPEST:
            message = f"expected at most {MOST_VALUES:,} values, found more; look for aliases (*)"
            raise FaultError(*place_of(node.start_mark), message)
        self._root = self._root or kind
        if isinstance(kind, inspect.Metadata):
            return self._with_metadata(node, kind, path, depth, shown)
        if isinstance(kind, inspect.UnionType):
            fitting = [each for each in kind.types if _fits(node, each)]
            shown = shown or kind
            return self.read(node, fitting[0], path, depth, shown) if fitting else self._unexpected(node, shown, path)
        if not kind_of(node):
            return self._fault(node, path, f"the tag {node.tag} is not supported; delete it")
        match kind, node:
            case inspect.StructType(), yaml.MappingNode():
                return self._struct(node, kind, path, depth)
            case inspect.DictType(), yaml.MappingNode():
                return self._table(node, kind.value_type, path, depth)
            case ((inspect.ListType() | inspect.VarTupleType()), yaml.SequenceNode()):
                return self._list(node, kind, path, depth)
            case inspect.AnyType(), _:
                return self._any(node, path, depth)
            case _, yaml.ScalarNode():
                return self._scalar(node, kind, path, shown or kind)
        return self._unexpected(node, shown or kind, path)

    def _with_metadata(
        self, node: yaml.Node, kind: inspect.Metadata, path: str, depth: int, shown: inspect.Type | None
    ) -> Any:
        extra = kind.extra or {}
        value = self.read(node, kind.type, path, depth, shown or (kind if EXPECTED in extra else None))
        if value is not INVALID and CHECK in extra:
            check: Check = extra[CHECK]
            for problem in list(check(value, self._folder)):
                value = self._fault(node, path, problem)
        return value

    def _struct(self, node: yaml.MappingNode, kind: inspect.StructType, path: str, depth: int) -> Any:
        fields = {each.encode_name: each for each in kind.fields}
        nodes = self._members(node, path)
        values = {}
        meant = set()
        for name, (key, value) in nodes.items():
            if name in fields:
                values[fields[name].name] = self.read(value, fields[name].type, _join(path, name), depth + 1)
            else:
                meant.add(nearest(name, fields.keys() - nodes.keys()))
                self._fault(key, path, f"unknown key {name!r}; {_instead(name, fields, self._root)}")
        for name, field in fields.items():
            if field.required and name not in nodes and name not in meant:
                self._fault(node, path, f"the key {name!r} is missing; expected {expected(field.type)}")
                values[field.name] = INVALID
        if any(value is INVALID for value in values.values()) or not nodes.keys() <= fields.keys():
            return INVALID
        result: Any = kind.cls(**values)
        form: Form = result
        for name, problem in form.problems(self._folder):
            place, where = (nodes[name][1], _join(path, name)) if name in nodes else (node, path)
            result = self._fault(place, where, problem)
        return result

    def _table(self, node: yaml.MappingNode, kind: inspect.Type, path: str, depth: int) -> Any:
        faults = len(self.faults)
        values = {
            name: self.read(value, kind, _join(path, name), depth + 1)
            for name, (_, value) in self._members(node, path).items()
        }
        return values if len(self.faults) == faults else INVALID

    def _list(
        self, node: yaml.SequenceNode, kind: inspect.ListType | inspect.VarTupleType, path: str, depth: int
    ) -> Any:
        if not node.value and kind.min_length:
            return self._fault(node, path, f"expected at least {kind.min_length} entry, found an empty list")
        values = [
            self.read(each, kind.item_type, f"{path}[{number}]", depth + 1) for number, each in enumerate(node.value)
        ]
        return INVALID if any(value is INVALID for value in values) else tuple(values)

    def _any(self, node: yaml.Node, path: str, depth: int) -> Any:
        if isinstance(node, yaml.MappingNode):
            return self._table(node, inspect.AnyType(), path, depth)
        if isinstance(node, yaml.SequenceNode):
            values = self._list(node, inspect.ListType(inspect.AnyType()), path, depth)
            return values if values is INVALID else list(values)
        assert isinstance(node, yaml.ScalarNode)  # noqa: S101 - there are three kinds of nodes
        if problem := ambiguity(node):
            return self._fault(node, path, problem)
        return self._value(node, path)

    def _scalar(self, node: yaml.ScalarNode, kind: inspect.Type, path: str, shown: inspect.Type) -> Any:
        value = self._value(node, path)
        if value is not INVALID and not _matches(value, kind_of(node), kind):
            return self._unexpected(node, shown, path)
        return value

    def _value(self, node: yaml.ScalarNode, path: str) -> Any:
        try:
            return value_of(node)
        except ValueError as error:
            return self._fault(node, path, f"{found(node)} cannot be read: {error}")

    def _members(self, node: yaml.MappingNode, path: str) -> dict[str, tuple[yaml.Node, yaml.Node]]:
        """Return the key and the value of each entry by the text of the key, and report invalid keys."""
        members: dict[str, tuple[yaml.Node, yaml.Node]] = {}
        for key, value in node.value:
            if key.tag.endswith(":merge"):
                self._fault(key, path, "merge keys (<<) are not supported; write the keys out, or name a values file")
            elif not isinstance(key, yaml.ScalarNode) or kind_of(key) != "str":
                advice = f'; write "{key.value}"' if isinstance(key, yaml.ScalarNode) else ""
                self._fault(key, path, f"expected a string as the key, found {found(key)}{advice}")
            elif key.value in members:
                first = members[key.value][0].start_mark.line + 1
                self._fault(key, path, f"the key {key.value!r} is already on line {first}; delete one of them")
            else:
                members[key.value] = key, value
        return members

    def _unexpected(self, node: yaml.Node, kind: inspect.Type, path: str) -> Any:
        advice = _advice(node, kind)
        return self._fault(node, path, f"expected {expected(kind)}, found {found(node)}{advice and f'; {advice}'}")

    def _fault(self, node: yaml.Node, path: str, message: str) -> Any:
        self.faults.append(Fault(*place_of(node.start_mark), f"{path}: {message}" if path else message))
        return INVALID


def _instead(name: str, keys: Collection[str], root: inspect.Type | None) -> str:
    """Return the advice for an unknown key: a similar key, the place of this key below *root*, or all valid keys."""
    if root and (place := next((at for key, at in places(root) if key == name), "")):
        return f"move it into {place!r}"
    if near := nearest(name, keys):
        return f"did you mean {near!r}?"
    return f"the keys are {', '.join(keys)}"


def nearest(name: str, known: Iterable[str]) -> str:
    """Return the one of *known* that is most similar to *name*, or the empty string if none is similar."""
    folded = {_folded(each): each for each in known}
    close = difflib.get_close_matches(_folded(name), folded, n=1)
    return folded[close[0]] if close else ""


def _folded(name: str) -> str:
    return re.sub("[-_ ]", "", name).lower()


def places(kind: inspect.Type, path: str = "") -> Iterator[tuple[str, str]]:
    """Yield each key below a type, with the path of the map that contains it."""
    for each in _alternatives(kind):
        if isinstance(each, inspect.StructType):
            for field in each.fields:
                yield field.encode_name, path
                yield from places(field.type, _join(path, field.encode_name))
        elif isinstance(each, inspect.ListType | inspect.VarTupleType):
            yield from places(each.item_type, path)


def expected(kind: inspect.Type) -> str:  # noqa: PLR0911 - one return for each type
    """Describe the valid values of a type."""
    match kind:
        case inspect.Metadata():
            words: str = (kind.extra or {}).get(EXPECTED, "")
            return words or expected(kind.type)
        case inspect.UnionType():
            return " or ".join(map(expected, kind.types))
        case inspect.LiteralType():
            one_of = "one of " if len(kind.values) > 1 else ""
            return one_of + ", ".join(map(str, kind.values))
        case inspect.IntType() | inspect.FloatType():
            number = "an integer" if isinstance(kind, inspect.IntType) else "a number"
            if kind.le is None:
                return f"{number} of at least {kind.ge}"
            return f"{number} from {kind.ge} to {kind.le:,}"
        case inspect.BoolType():
            return "true or false"
        case inspect.StrType():
            return "a string"
        case inspect.ListType() | inspect.VarTupleType():
            return "a list"
    return "a map"


def _advice(node: yaml.Node, kind: inspect.Type) -> str:  # noqa: PLR0911 - one return for each advice
    """Return the correction of a value that only its form makes invalid."""
    if not isinstance(node, yaml.ScalarNode):
        return ""
    types = tuple(_alternatives(kind))
    if kind_of(node) == "null":
        return "delete the key if it asks for nothing"
    if kind_of(node) != "str" and any(_matches(node.value, "str", each) for each in types):
        return f'quote it: "{node.value}"'
    choices = [str(value) for each in types if isinstance(each, inspect.LiteralType) for value in each.values]
    if near := nearest(node.value, choices):
        return f"did you mean {near!r}?"
    if all(isinstance(each, inspect.ListType | inspect.VarTupleType) for each in types):
        return f"write [{node.value}]"
    if kind_of(node) == "str" and node.value.isdecimal() and any(isinstance(each, NUMBERS) for each in types):
        return f"write {node.value} without quotes"
    return ""


def _alternatives(kind: inspect.Type) -> Iterator[inspect.Type]:
    """Yield the types that a value may have, without metadata."""
    if isinstance(kind, inspect.Metadata):
        yield from _alternatives(kind.type)
    elif isinstance(kind, inspect.UnionType):
        for each in kind.types:
            yield from _alternatives(each)
    else:
        yield kind


def _fits(node: yaml.Node, kind: inspect.Type) -> bool:
    """Report whether a node may be meant as a type of a union."""
    types: tuple[type[inspect.Type], ...] = ()
    if isinstance(node, yaml.MappingNode):
        types = (inspect.StructType, inspect.DictType)
    elif isinstance(node, yaml.SequenceNode):
        types = (inspect.ListType, inspect.VarTupleType)
    elif kind_of(node) in {"int", "float"}:
        types = (inspect.IntType, inspect.FloatType)
    elif kind_of(node) == "str":
        types = (inspect.StrType, inspect.LiteralType)
    return any(isinstance(each, types) for each in _alternatives(kind))


def _matches(value: Any, tag: str, kind: inspect.Type) -> bool:
    match kind:
        case inspect.LiteralType():
            return value in kind.values
        case inspect.StrType():
            length = len(value) if tag == "str" else 0
            fits = (kind.min_length or 0) <= length <= (kind.max_length or length)
            return tag == "str" and fits and bool(re.search(kind.pattern or "", value))
        case inspect.IntType():
            return tag == "int" and _in_range(value, kind)
        case inspect.FloatType():
            return tag in {"int", "float"} and _in_range(value, kind)
    return isinstance(kind, inspect.BoolType) and tag == "bool"


def _in_range(value: float, kind: inspect.IntType | inspect.FloatType) -> bool:
    """Report whether a number is in the range of a type. Infinity and NaN never are."""
    least = float("-inf") if kind.ge is None else kind.ge
    most = float("inf") if kind.le is None else kind.le
    return least <= value <= most and abs(value) != float("inf")


def _join(path: str, name: str) -> str:
    return f"{path}.{name}" if path else name
