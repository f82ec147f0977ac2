"""Removes credentials and the data of Secrets from complete evidence.  This module is pure.

Experiments use the real values to apply charts and to compare objects. The stored evidence, and everything derived from
it, contains none of them.

The source text of a chart is kept as submitted, except values that end up in a Secret and text that has the shape of a
credential (`canaryproof.redaction`). A password in ``values.yaml`` that the chart writes into the plain environment of
a container is not redacted, because it is not a secret for Kubernetes either.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import fields, is_dataclass, replace
from typing import Any

from canaryproof.model.evidence import ChartFile, ContainerLog, Evidence
from canaryproof.model.helm_text import is_success
from canaryproof.model.objects import Body, Manifest
from canaryproof.redaction import Redactor, identifiers_of, object_values

IDENTIFIERS = frozenset(
    (
        *("name", "source", "namespace", "fingerprint", "provider", "kubernetes", "helm", "images", "outcome"),
        *("path", "deployment", "pod", "container", "kind", "status", "chart", "change", "code", "id"),
        *("check", "also_selects", "unpulled", "foreign", "object", "file", "image", "probe", "ended", "why"),
        *("field", "expected", "held_by", "during", "probed_through", "service"),
    )
)
"""Fields of the evidence that contain identifiers, which are compared, and no messages."""


class SecretValues:
    """The data of all Secrets that an experiment has encountered."""

    def __init__(self) -> None:
        """Start without values."""
        self._values: frozenset[str] = frozenset()

    def learn(self, bodies: Iterable[Body], *, among: Iterable[Body] = ()) -> None:
        """Add the data of the Secrets in *bodies*, except identifiers that occur in *bodies* or *among*."""
        objects = tuple(bodies)
        self._values |= object_values(objects, identifiers_of((*objects, *among)))

    def redactor(self, general: Redactor) -> Redactor:
        """Return *general*, extended by the values that are known so far."""
        return general.knowing(self._values)


def bodies_of(manifests: Iterable[Manifest]) -> tuple[Body, ...]:
    """Return the bodies of rendered objects."""
    return tuple(manifest.body for manifest in manifests)


def without_secrets(evidence: Evidence, redactor: Redactor) -> Evidence:
    """Return *evidence* without credentials and without the data of Secrets."""
    found: Evidence = _value(evidence, "", redactor)
    return found


def _value(value: Any, name: str, redactor: Redactor) -> Any:
    """Return *value* of the field *name* without credentials. If nothing changes, returns the same object."""
    if isinstance(value, str):
        kept = name in IDENTIFIERS or (name == "description" and is_success(value))
        return value if kept else redactor.cut_text(value)
    if isinstance(value, Manifest):
        body = redactor.body(value.body)
        return value if body is value.body else Manifest(body, value.source)
    if isinstance(value, ChartFile):
        return replace(value, text=redactor.text(value.text, keep_lines=True))
    return _parts(value, name, redactor)


def _parts(value: Any, name: str, redactor: Redactor) -> Any:
    if isinstance(value, tuple):
        items = tuple(_value(each, name, redactor) for each in value)
        return items if any(new is not old for new, old in zip(items, value, strict=True)) else value
    if isinstance(value, dict):
        return {key: _value(each, str(key), redactor) for key, each in value.items()}
    if not is_dataclass(value) or isinstance(value, type):
        return value
    parts = {each.name: getattr(value, each.name) for each in fields(value)}
    clean = {key: _value(part, key, redactor) for key, part in parts.items()}
    changed = {key: part for key, part in clean.items() if part is not parts[key]}
    return replace(value, **changed) if changed else value


def without_secrets_in_log(log: ContainerLog, redactor: Redactor) -> ContainerLog:
    """Return a container log without credentials. Messages quote parts of it before the evidence is complete."""
    return replace(log, text=redactor.cut_text(log.text))
