"""Writes and reads the flight record of one experiment.  This module is pure.

A flight record has a head line, then one line for each observation and request in chronological order, then one line
for each container log. It contains the complete evidence. The evidence that is read equals the evidence that was
written, so the checks can be repeated without a cluster.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace
from heapq import merge
from operator import attrgetter
from typing import TypeVar

import msgspec

from canaryproof.errors import UsageError
from canaryproof.model.evidence import ContainerLog, Evidence, Probe
from canaryproof.model.objects import BODIES, Body, mapping_at
from canaryproof.model.timeline import Observation, Timeline

SCHEMA = 5
"""The version of the format. It increases with each change."""
OLDEST = 3
"""The oldest schema that can be read."""
TIMES = ("settled_at", "restored_at", "gone_at", "ended_at")

Content = TypeVar("Content")


class _Head(msgspec.Struct):
    """The first line: the evidence without the parts that have their own lines, and the number of these lines."""

    schema: int
    lines: int
    evidence: Evidence


class _Version(msgspec.Struct):
    schema: int


class _Line(msgspec.Struct, omit_defaults=True, forbid_unknown_fields=True):
    """One observation, request or container log."""

    observation: Observation | None = None
    probe: Probe | None = None
    log: ContainerLog | None = None


_HEADS = msgspec.json.Decoder(_Head)
_VERSIONS = msgspec.json.Decoder(_Version)
_LINES = msgspec.json.Decoder(_Line)


def to_lines(evidence: Evidence) -> bytes:
    """Encode evidence so that `from_lines` returns equal evidence."""
    lines = [*_seen(evidence.timeline.observations, evidence.probes), *(_Line(log=log) for log in evidence.logs)]
    rest = replace(evidence, timeline=Timeline(), probes=(), logs=())
    return msgspec.json.Encoder().encode_lines([_Head(SCHEMA, len(lines), rest), *lines])


def _seen(observations: Iterable[Observation], probes: Iterable[Probe]) -> Iterable[_Line]:
    """Return observations and requests in chronological order. Each kind keeps its own order."""
    both: Iterable[Observation | Probe] = merge(observations, probes, key=attrgetter("at"))
    return (_Line(observation=each) if isinstance(each, Observation) else _Line(probe=each) for each in both)


def from_lines(text: bytes) -> Evidence:
    """Decode the output of `to_lines`.

    Raises UsageError when *text* is not a flight record, is incomplete, or has an unsupported schema.
    """
    first, *others = text.splitlines() or [b""]
    head = _head(first)
    if len(others) != head.lines:
        raise UsageError(
            f"this flight record should have {head.lines + 1} lines, and has {len(others) + 1}: record again"
        )
    lines = [_decoded(line, _LINES, number) for number, line in enumerate(others, 2)]
    return replace(
        head.evidence,
        timeline=Timeline(tuple(line.observation for line in lines if line.observation)),
        probes=tuple(line.probe for line in lines if line.probe),
        logs=tuple(line.log for line in lines if line.log),
    )


def head_from_line(first: bytes) -> Evidence:
    """Return the evidence in the first line of a record, which lacks the timeline, the requests and the logs.

    Raises UsageError when the line is not the head of a flight record, or has an unsupported schema.
    """
    return _head(first).evidence


def _head(first: bytes) -> _Head:
    schema = _decoded(first, _VERSIONS, 1).schema
    if OLDEST <= schema < SCHEMA:
        head = _decoded(first, BODIES, 1)
        for migrate in MIGRATIONS[schema - OLDEST :]:
            migrate(mapping_at(head, "evidence"))
        return _decoded(msgspec.json.encode(head), _HEADS, 1)
    if schema != SCHEMA:
        raise UsageError(
            f"another version wrote this flight record: its schema {schema} cannot be read, only {OLDEST} to {SCHEMA}",
            "record again, or judge it with the version that wrote it",
        )
    return _decoded(first, _HEADS, 1)


def _told(sentence: str) -> dict[str, str]:
    return {"code": "told", "detail": sentence}


def _from_3(evidence: Body) -> None:
    """Convert evidence of schema 3, which has 0 and empty strings instead of null, and sentences instead of causes."""
    decision, observed = mapping_at(evidence, "decision"), mapping_at(evidence, "observed")
    _drop_zeros(evidence, TIMES)
    _drop_zeros(decision, ("at", "proven_at"))
    _drop_zeros(observed, ("stable", "canary", "rollback"))
    evidence["fault"] = _told(evidence["fault"]) | {"code": "infrastructure-fault"} if evidence.get("fault") else None
    if observed:
        observed["unready"] = _told(observed["unready"]) if observed.get("unready") else None
        observed["gaps"] = {check: _told(gap) for check, gap in mapping_at(observed, "gaps").items()}


def _from_4(evidence: Body) -> None:
    """Convert evidence of schema 4, in which every canary is a Deployment."""
    if canary := mapping_at(evidence, "canary"):
        canary["name"] = canary.pop("deployment", "")


MIGRATIONS: tuple[Callable[[Body], None], ...] = (_from_3, _from_4)
"""Convert evidence from each schema to the next one, from the oldest schema on."""


def _drop_zeros(fields: Body, names: Iterable[str]) -> None:
    for name in names:
        fields[name] = fields.get(name) or None


def _decoded(line: bytes, decoder: msgspec.json.Decoder[Content], number: int) -> Content:
    try:
        return decoder.decode(line)
    except (msgspec.DecodeError, RecursionError) as error:  # RecursionError: maps and lists are nested too deep
        raise UsageError(f"this is no flight record: line {number}: {error}") from error
