"""All that Helm keeps of a revision: what was rendered and applied, with the templates of the chart; pure."""

from __future__ import annotations

import base64
import binascii
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

import msgspec

from canaryproof.errors import InfrastructureError, SubmissionError
from canaryproof.helm.releases import unpacked
from canaryproof.model.evidence import ChartFile, Rendering, Revision
from canaryproof.model.helm_text import rollback_target
from canaryproof.model.objects import BODIES, Body, mapping_at, maps_at, text_at, values_at
from canaryproof.model.rendered_yaml import parse


@dataclass(frozen=True)
class Record:
    """One revision of a release."""

    revision: int
    status: str
    description: str
    deployed_at: datetime
    chart: str
    """Name and version: ``upcommerce-0.1.0``."""
    rendering: Rendering
    files: tuple[ChartFile, ...] = ()
    """The templates of its chart."""

    @property
    def target(self) -> int:
        """Return the revision that it rolled back to; 0 where it was no rollback."""
        return rollback_target(self.description) or 0

    @property
    def line(self) -> Revision:
        """Return it as ``helm history`` shows it."""
        return Revision(self.revision, self.status, self.description, self.chart)


def record_of(secret: Body) -> Record:
    """Return the revision that Helm keeps in *secret*.

    Raises InfrastructureError when it holds something else.
    """
    name = text_at(secret, "metadata", "name")
    try:
        body = BODIES.decode(unpacked(text_at(secret, "data", "release")))
        return Record(
            revision=int(body["version"]),
            status=text_at(body, "info", "status"),
            description=text_at(body, "info", "description"),
            deployed_at=_time(text_at(body, "info", "last_deployed")),
            chart=f"{text_at(body, 'chart', 'metadata', 'name')}-{text_at(body, 'chart', 'metadata', 'version')}",
            rendering=_rendering(body),
            files=tuple(_files(body)),
        )
    except (ValueError, KeyError, TypeError, binascii.Error, zlib.error, msgspec.DecodeError, RecursionError) as error:
        raise InfrastructureError(f"secret {name} is not a revision that Helm has written: {error}") from error


def _time(text: str) -> datetime:
    """Read a time as Go writes it: Python knows six digits of a second and no more."""
    whole, dot, rest = text.partition(".")
    digits = len(rest) - len(rest.lstrip("0123456789"))
    return datetime.fromisoformat(f"{whole}{dot}{rest[: min(digits, 6)].ljust(6, '0')}{rest[digits:]}" if dot else text)


def _rendering(body: Body) -> Rendering:
    """Return what was rendered, hooks included, as ``helm template`` would print it."""
    documents = [text_at(body, "manifest"), *_hooks(body)]
    try:
        return Rendering(parse("\n---\n".join(documents)))
    except SubmissionError as error:
        return Rendering(error=error.message, hint=error.hint, cause=error.cause)


def _hooks(body: Body) -> Iterator[str]:
    """Yield the hooks that Helm runs by itself: of one for ``helm test`` and for upgrades, an upgrade runs it, too."""
    for hook in maps_at(body, "hooks"):
        if set(values_at(hook, "events")) != {"test"}:
            yield f"# Source: {text_at(hook, 'path')}\n{text_at(hook, 'manifest')}"


def _files(body: Body) -> Iterator[ChartFile]:
    for template in maps_at(mapping_at(body, "chart"), "templates"):
        text = base64.b64decode(text_at(template, "data")).decode(errors="replace")
        yield ChartFile(text_at(template, "name"), text)
