"""Reads YAML scalars as Helm reads them, and refuses those that other parsers read differently."""

from __future__ import annotations

import re

import yaml

_TAGS = "tag:yaml.org,2002:"
_NAMES = {f"{_TAGS}{name}": name for name in ("str", "int", "float", "bool", "null", "timestamp", "map", "seq")}
_NUMBER_OF_GO = re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?")
"""A floating-point number for Helm (go.yaml.in/yaml/v2, ``resolve.go``)."""
_LOSSY = re.compile(r"[-+]?[0-9_]*\.[0-9_]*0")
"""A number whose last digit is lost: 1.10 becomes 1.1."""
LONGEST_SHOWN = 60
"""The maximum number of characters of a value that a message shows."""
_CONSTRUCTOR = yaml.constructor.SafeConstructor()


def kind_of(node: yaml.Node) -> str:
    """Return the name of the node's tag, such as ``str``. Returns an empty string for a tag that is not supported."""
    return _NAMES.get(node.tag, "")


def value_of(node: yaml.ScalarNode) -> str | int | float | bool | None:
    """Return the value of a scalar. A date is a string, as for Kubernetes.

    Raises ValueError when the value cannot be represented.
    """
    if kind_of(node) in {"str", "timestamp"}:
        return str(node.value)
    value: str | int | float | bool | None = _CONSTRUCTOR.construct_object(node)
    return value


def ambiguity(node: yaml.ScalarNode) -> str:
    """Return the problem of a scalar that loses digits or is read differently by Helm. Empty if there is none."""
    text, kind = node.value, kind_of(node)
    if node.style in {"'", '"', "|", ">"}:
        return ""
    if kind == "float" and _LOSSY.fullmatch(text):
        number = text.rstrip("0").removesuffix(".") or "0"
        return f'{text} is the number {number}; write "{text}" for the text, or {number} for the number'
    if kind == "str" and _NUMBER_OF_GO.fullmatch(text):
        return f'Helm reads {text} as a number; write "{text}" for the text'
    if kind in {"int", "float"} and ":" in text:
        return f'{text} is a number in base 60; write "{text}" for the text'
    return ""


def found(node: yaml.Node) -> str:
    """Describe a node in a message about the value that was found."""
    if isinstance(node, yaml.MappingNode):
        return "a map"
    if isinstance(node, yaml.SequenceNode):
        return "a list"
    text = node.value if len(node.value) <= LONGEST_SHOWN else f"{node.value[:LONGEST_SHOWN]}..."
    forms = {"str": f'the string "{text}"', "bool": f"the boolean {text}", "null": "nothing"}
    return forms.get(kind_of(node), f"the number {text}" if kind_of(node) in {"int", "float"} else str(text))
