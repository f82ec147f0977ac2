"""Decodes Helm's records of a release from the Secrets of its namespace.

``helm history`` shows the same data, but most of its run time is its start.

The format is that of ``pkg/storage/driver/util.go`` in Helm 3 and 4: JSON, compressed with gzip (except in old
releases), then encoded as base64. The field ``data.release`` of the Secret holds the result, and encodes it as base64
again, like all data of a Secret.
"""

from __future__ import annotations

import base64
import binascii
import zlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime

import msgspec

from canaryproof.errors import InfrastructureError, SubmissionError
from canaryproof.model.evidence import ChartFile, Rendering, Revision
from canaryproof.model.helm_text import is_failed_rollback, rollback_target
from canaryproof.model.objects import BODIES, Body, ObjectKey, integer_at, maps_at, text_at, values_at
from canaryproof.model.rendered_yaml import parse

TYPE = "helm.sh/release.v1"
"""The type of Secrets that contain records."""
OF_HELM = "owner=helm"
"""The label selector for the records of all releases."""
GZIP = b"\x1f\x8b\x08"
LARGEST = 64 * 2**20
"""The maximum size of a decompressed record, in bytes.

A Secret holds at most 1 MiB, but the record of a hostile chart can decompress to far more.
"""


def selector(release: str) -> str:
    """Return the label selector for the records of a release. Helm uses the same one."""
    return f"name={release},{OF_HELM}"


def record_name(release: str, revision: int) -> str:
    """Return the name of the Secret with the record of a revision."""
    return f"sh.helm.release.v1.{release}.v{revision}"


def content_of(secret: Body) -> Body:
    """Return the revision that Helm keeps in a Secret, or in a ConfigMap, as decoded JSON.

    Raises ValueError when *secret* does not contain a record, and RecursionError when the record is nested too deep.
    """
    try:
        return BODIES.decode(_unpacked(text_at(secret, "data", "release")))
    except (zlib.error, msgspec.MsgspecError) as error:
        raise ValueError(str(error)) from error


def _unpacked(release: str) -> bytes:
    """Return the JSON in ``data.release`` of a record. Truncates decompressed JSON to `LARGEST` bytes."""
    packed = binascii.a2b_base64(binascii.a2b_base64(release))
    return zlib.decompressobj(wbits=31).decompress(packed, LARGEST) if packed.startswith(GZIP) else packed


def history(secrets: Iterable[msgspec.Raw]) -> tuple[Revision, ...]:
    """Return the revisions in *secrets*, oldest first. Skips Secrets that are not records, as Helm does."""
    return tuple(sorted(_revisions(secrets), key=lambda revision: revision.revision))


def _revisions(secrets: Iterable[msgspec.Raw]) -> Iterator[Revision]:
    for secret in secrets:
        try:
            yield _revision(content_of(BODIES.decode(secret)))
        except (ValueError, RecursionError):
            continue


def _revision(content: Body) -> Revision:
    number = integer_at(content, "version")
    if not number:
        raise ValueError("it has no version")
    return Revision(
        revision=number,
        status=text_at(content, "info", "status") or "unknown",
        description=text_at(content, "info", "description"),
        chart=f"{text_at(content, 'chart', 'metadata', 'name')}-{text_at(content, 'chart', 'metadata', 'version')}",
    )


@dataclass(frozen=True)
class HookRun:
    """A hook of a revision, and the result of its last run."""

    key: ObjectKey
    events: tuple[str, ...]
    """The events at which Helm runs it, such as ``pre-upgrade``."""
    phase: str
    """The phase of the last run: ``Running``, ``Succeeded``, ``Failed``, or ``Unknown``. Empty if it never ran."""


@dataclass(frozen=True)
class Record:
    """Helm's record of a revision: the rendered and applied objects, and the templates of the chart."""

    line: Revision
    """The revision as ``helm history`` shows it."""
    deployed_at: datetime
    """The time at which Helm stored the revision, before it changed the cluster. It is the API server's time: the clock
    of the machine that ran Helm may differ. Records without it have Helm's own time."""
    rendering: Rendering
    files: tuple[ChartFile, ...] = ()
    """The templates of the chart."""
    hooks: tuple[HookRun, ...] = ()
    rollback_revision: int | None = None
    """The revision that this one rolled back to, if the record has it: Helm 4 stores it beside the description."""

    @property
    def revision(self) -> int:
        """Return the revision number."""
        return self.line.revision

    @property
    def target(self) -> int | None:
        """Return the revision that this one rolled back to. None if it is no rollback, or the record does not tell."""
        return self.rollback_revision or rollback_target(self.line.description)

    @property
    def is_rollback(self) -> bool:
        """Report whether this revision is a rollback, even one that failed."""
        return self.target is not None or is_failed_rollback(self.line.description, self.revision)


def record_of(secret: Body) -> Record:
    """Return the record in *secret*.

    Raises InfrastructureError when *secret* does not contain a record.
    """
    try:
        content = content_of(secret)
        stored = text_at(secret, "metadata", "creationTimestamp")
        return Record(
            line=_revision(content),
            deployed_at=_time(stored or text_at(content, "info", "last_deployed")),
            rendering=_rendering(content),
            files=tuple(_files(content)),
            hooks=tuple(_hook_runs(content)),
            rollback_revision=integer_at(content, "info", "rollback_revision") or None,
        )
    except (ValueError, RecursionError) as error:
        name = text_at(secret, "metadata", "name")
        raise InfrastructureError(f"secret {name} is not a revision that Helm has written: {error}") from error


def _time(text: str) -> datetime:
    """Parse a time in Go's format. Python supports only six digits in the fraction of a second."""
    whole, dot, rest = text.partition(".")
    digits = len(rest) - len(rest.lstrip("0123456789"))
    return datetime.fromisoformat(f"{whole}{dot}{rest[: min(digits, 6)].ljust(6, '0')}{rest[digits:]}" if dot else text)


def _rendering(content: Body) -> Rendering:
    """Return the rendered objects, including hooks, as ``helm template`` would print them."""
    documents = [text_at(content, "manifest"), *_hooks(content)]
    try:
        return Rendering(parse("\n---\n".join(documents)))
    except SubmissionError as error:
        return Rendering(error=error.message, hint=error.hint, cause=error.cause)


def _hooks(content: Body) -> Iterator[str]:
    """Yield the hooks that Helm runs without ``helm test``, including test hooks that an upgrade runs too."""
    for hook in maps_at(content, "hooks"):
        if set(values_at(hook, "events")) != {"test"}:
            yield f"# Source: {text_at(hook, 'path')}\n{text_at(hook, 'manifest')}"


def _files(content: Body) -> Iterator[ChartFile]:
    for template in maps_at(content, "chart", "templates"):
        text = base64.b64decode(text_at(template, "data")).decode(errors="replace")
        yield ChartFile(text_at(template, "name"), text)


def _hook_runs(content: Body) -> Iterator[HookRun]:
    for hook in maps_at(content, "hooks"):
        key = ObjectKey(text_at(hook, "kind"), text_at(hook, "name"))
        yield HookRun(key, tuple(map(str, values_at(hook, "events"))), text_at(hook, "last_run", "phase"))
