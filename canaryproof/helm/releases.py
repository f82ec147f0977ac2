"""What Helm has on record of a release, read from the Secrets that it keeps in the namespace; pure.

``helm history`` shows the same, after the start of a program that is larger than all that the harness asks of it.
Format: ``pkg/storage/driver/util.go`` of Helm 3 and 4: JSON, gzip (of old releases not), base64, in ``data.release``,
which is base64 as all data of a Secret.
"""

from __future__ import annotations

import binascii
import zlib
from collections.abc import Iterable, Iterator

import msgspec

from canaryproof.model.evidence import Revision

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


def history(secrets: Iterable[msgspec.Raw]) -> tuple[Revision, ...]:
    """Return the revisions on record, oldest first; what is no record is passed over, as Helm does."""
    found = sorted(_records(secrets), key=lambda record: record.version)
    return tuple(
        Revision(
            revision=record.version,
            status=record.info.status,
            description=record.info.description,
            chart=f"{record.chart.metadata.name}-{record.chart.metadata.version}",
        )
        for record in found
    )


class _Data(msgspec.Struct):
    release: str = ""


class _Secret(msgspec.Struct):
    data: _Data | None = None


class _Info(msgspec.Struct):
    status: str = "unknown"
    description: str = ""


class _Metadata(msgspec.Struct):
    name: str = ""
    version: str = ""


class _Chart(msgspec.Struct):
    metadata: _Metadata = msgspec.field(default_factory=_Metadata)


class _Record(msgspec.Struct):
    version: int
    info: _Info = msgspec.field(default_factory=_Info)
    chart: _Chart = msgspec.field(default_factory=_Chart)


_SECRETS = msgspec.json.Decoder(_Secret)
_RECORDS = msgspec.json.Decoder(_Record)


def _records(secrets: Iterable[msgspec.Raw]) -> Iterator[_Record]:
    for secret in secrets:
        try:
            data = _SECRETS.decode(secret).data
            if data:
                yield _RECORDS.decode(unpacked(data.release))
        except (binascii.Error, zlib.error, msgspec.MsgspecError, RecursionError):
            continue


def unpacked(release: str) -> bytes:
    """Return the JSON in ``data.release`` of a record, cut short where it is longer than any record may be.

    Raises binascii.Error or zlib.error when it is not packed as Helm does it.
    """
    packed = binascii.a2b_base64(binascii.a2b_base64(release))
    return zlib.decompressobj(wbits=31).decompress(packed, LARGEST) if packed.startswith(GZIP) else packed
