"""Checks that a rendered object has the structure that the API and the checks require.  This module is pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace

from canaryproof.model.causes import Cause
from canaryproof.model.objects import POD_PARENTS, Manifest, is_number, mapping_at, maps_at, text_at, value_at


def problems(manifest: Manifest) -> tuple[Cause, ...]:
    """Return the defects of an object: missing fields that the API requires, and types that the checks cannot read."""
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
    """Yield *faults* of an item in the list at *path*, with the complete path of the field."""
    return (replace(fault, field=f"{path}[].{fault.field}") for fault in faults)


def _wrong(body: object, wanted: type, *path: str) -> Iterator[Cause]:
    """Yield the faults of the value at *path*. A missing value is not a fault."""
    found = value_at(body, *path)
    fits = is_number(found) if wanted is int else isinstance(found, wanted)
    if found is not None and not fits:
        name = {dict: "a map", list: "a list", int: "a number"}[wanted]
        yield Cause(code="field-of-wrong-type", field=".".join(path), expected=name, detail=f"{found!r:.60}")
    elif isinstance(found, dict) and path[-1] in {"labels", "annotations"}:
        for key, value in found.items():
            if not isinstance(value, str):
                yield Cause(code="label-not-text", field=f"{'.'.join(path)}.{key}", detail=f"{value!r:.60}")


def _wrong_items(body: object, numbers: tuple[str, ...], *path: str) -> Iterator[Cause]:
    yield from _wrong(body, list, *path)
    found = value_at(body, *path)
    for item in found if isinstance(found, list) else ():
        if not isinstance(item, dict):
            yield Cause(code="items-not-maps", field=".".join(path), detail=f"{item!r:.60}")
        for name in numbers:
            yield from _below(".".join(path), _wrong(item, int, name))
