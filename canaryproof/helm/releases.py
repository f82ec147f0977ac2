"""Reads Helm's records of a release from the Secrets in its namespace; pure.

``helm history`` shows the same, but takes longer to start than to answer.
Format: ``pkg/storage/driver/util.go`` of Helm 3 and 4: JSON, gzip (of old releases not), base64, in ``data.release``,
which is base64 as all data of a Secret.
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
from canaryproof.model.helm_text import rollback_target
from canaryproof.model.objects import BODIES, Body, integer_at, maps_at, text_at, values_at
from canaryproof.model.rendered_yaml import parse

TYPE = "helm.sh/release.v1"
"""The type of the Secrets that hold records."""
GZIP = b"\x1f\x8b\x08"
LARGEST = 64 * 2**20
"""Bytes of a record, unpacked: a Secret holds 1 MiB at most, and a hostile chart may pack much into that."""


def selector(release: str) -> str:
    """Return the label selector of a release's records, as Helm's own."""
    return f"name={release},owner=helm"


def record_name(release: str, revision: int) -> str:
    """Return the name of the Secret that holds a revision."""
    return f"sh.helm.release.v1.{release}.v{revision}"


def content_of(secret: Body) -> Body:
    """Return what Helm keeps in a Secret, or in a ConfigMap: the whole revision.

    Raises ValueError when it holds something else, and RecursionError when that is nested too deep.
    """
    try:
        return BODIES.decode(_unpacked(text_at(secret, "data", "release")))
    except (zlib.error, msgspec.MsgspecError) as error:
        raise ValueError(str(error)) from error


def _unpacked(release: str) -> bytes:
    """Return the JSON in ``data.release`` of a record, cut short where it is longer than any record may be."""
    packed = binascii.a2b_base64(binascii.a2b_base64(release))
    return zlib.decompressobj(wbits=31).decompress(packed, LARGEST) if packed.startswith(GZIP) else packed


def history(secrets: Iterable[msgspec.Raw]) -> tuple[Revision, ...]:
    """Return the revisions on record, oldest first; what is no record is passed over, as Helm does."""
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
class Record:
    """All that Helm keeps of a revision: what was rendered and applied, with the templates of the chart."""

    line: Revision
    """The revision as ``helm history`` shows it."""
    deployed_at: datetime
    rendering: Rendering
    files: tuple[ChartFile, ...] = ()
    """The templates of its chart."""

    @property
    def revision(self) -> int:
        """Return its number."""
        return self.line.revision

    @property
    def target(self) -> int | None:
        """Return the revision that it rolled back to; None where it was no rollback."""
        return rollback_target(self.line.description)


def record_of(secret: Body) -> Record:
    """Return the revision that Helm keeps in *secret*.

    Raises InfrastructureError when it holds something else.
    """
    try:
        content = content_of(secret)
        return Record(
            line=_revision(content),
            deployed_at=_time(text_at(content, "info", "last_deployed")),
            rendering=_rendering(content),
            files=tuple(_files(content)),
        )
    except (ValueError, RecursionError) as error:
        name = text_at(secret, "metadata", "name")
        raise InfrastructureError(f"secret {name} is not a revision that Helm has written: {error}") from error


def _time(text: str) -> datetime:
    """Read a time as Go writes it: Python knows six digits of a second and no more."""
    whole, dot, rest = text.partition(".")
    digits = len(rest) - len(rest.lstrip("0123456789"))
    return datetime.fromisoformat(f"{whole}{dot}{rest[: min(digits, 6)].ljust(6, '0')}{rest[digits:]}" if dot else text)


def _rendering(content: Body) -> Rendering:
    """Return what was rendered, hooks included, as ``helm template`` would print it."""
    documents = [text_at(content, "manifest"), *_hooks(content)]
    try:
        return Rendering(parse("\n---\n".join(documents)))
    except SubmissionError as error:
        return Rendering(error=error.message, hint=error.hint, cause=error.cause)


def _hooks(content: Body) -> Iterator[str]:
    """Yield the hooks that Helm runs by itself: of one for ``helm test`` and for upgrades, an upgrade runs it, too."""
    for hook in maps_at(content, "hooks"):
        if set(values_at(hook, "events")) != {"test"}:
            yield f"# Source: {text_at(hook, 'path')}\n{text_at(hook, 'manifest')}"


def _files(content: Body) -> Iterator[ChartFile]:
    for template in maps_at(content, "chart", "templates"):
        text = base64.b64decode(text_at(template, "data")).decode(errors="replace")
        yield ChartFile(text_at(template, "name"), text)
