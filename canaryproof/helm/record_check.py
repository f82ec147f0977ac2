"""Checks that Helm's records of a release are the ones that this experiment made, and no others; pure.

Helm finds the records by two labels, ``owner=helm`` and ``name=RELEASE``, and reads the revision from what is in them
(``pkg/storage/driver/secrets.go`` of Helm 3 and 4).  Of a record that somebody else wrote, ``helm rollback`` takes the
highest revision for the current release, and deletes what its manifest lists.
"""

from __future__ import annotations

import binascii
import zlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import msgspec

from canaryproof.helm.releases import record_name, unpacked
from canaryproof.model.evidence import Violation, ViolationCode
from canaryproof.model.objects import BODIES, Body, mapping_at, maps_at, text_at

TYPE = "helm.sh/release.v1"
KEPT = ("name", "namespace", "version", "manifest", "config", "apply_method")
"""Fields of a record that Helm leaves as they are when it writes a new status into it."""
LAST_RUN = "last_run"
"""The field of a hook that changes when Helm runs the hook."""


@dataclass(frozen=True)
class ReleaseRecord:
    """A Secret that Helm takes for the record of a revision."""

    name: str
    uid: str
    type: str
    labels: Mapping[str, str]
    content: Body | None
    """What a rollback depends on: manifest, hooks and the like; None where it cannot be read."""
    secret: Body
    too_deep: bool = False
    """Whether it cannot be read because its maps and lists are nested too deep, as the values of a chart can be."""

    @property
    def revision(self) -> int:
        """Return the number of its revision; 0 where it cannot be read."""
        version = (self.content or {}).get("version")
        return version if isinstance(version, int) else 0


def read_records(secrets: Iterable[msgspec.Raw]) -> tuple[ReleaseRecord, ...]:
    """Return the Secrets that Helm's selector finds, each with what is in it."""
    return tuple(_read(BODIES.decode(secret)) for secret in secrets)


def _read(secret: Body) -> ReleaseRecord:
    labels = {key: str(value) for key, value in mapping_at(secret, "metadata", "labels").items()}
    name, uid = (text_at(secret, "metadata", field) for field in ("name", "uid"))
    try:
        content, too_deep = _content(secret), False
    except RecursionError:
        content, too_deep = None, True
    return ReleaseRecord(name, uid, text_at(secret, "type"), labels, content, secret, too_deep)


def _content(secret: Body) -> Body | None:
    try:
        body = BODIES.decode(unpacked(text_at(secret, "data", "release")))
    except (binascii.Error, zlib.error, msgspec.MsgspecError, ValueError):
        return None
    hooks = [{key: value for key, value in hook.items() if key != LAST_RUN} for hook in maps_at(body, "hooks")]
    return {**{key: body[key] for key in KEPT if key in body}, "hooks": hooks}


@dataclass(frozen=True)
class Expected:
    """Which records there must be before a step of the experiment."""

    release: str
    namespace: str
    known: tuple[ReleaseRecord, ...]
    """The records that were checked before: they are still there, and the same."""
    new: int = 0
    """The revision that Helm was asked to record since; 0 for none."""
    must_exist: bool = True
    """Whether the new one must be there: an upgrade may fail before Helm records it."""

    def violation(self, found: Iterable[ReleaseRecord]) -> Violation | None:
        """Return why Helm must not act on the records that were *found*; None where they are as expected."""
        there = {each.name: each for each in found}
        for record in self.known:
            if record.name not in there:
                return _about("missing-record", record.name)
            if not _is_same(record, there[record.name]):
                return _about("changed-record", record.name)
        new = record_name(self.release, self.new) if self.new else ""
        names = {record.name for record in self.known} | {new}
        if unknown := sorted(there.keys() - names):
            return _about("unknown-record", unknown[0])
        if new in there and not self._is_revision(there[new], self.new):
            return _about("deep-record" if there[new].too_deep else "unknown-record", new)
        if new and new not in there and self.must_exist:
            return _about("missing-record", new)
        return None

    def _is_revision(self, record: ReleaseRecord, revision: int) -> bool:
        """Report whether *record* has the type, the labels and the content of a revision of the release."""
        labels = {"owner": "helm", "name": self.release, "version": str(revision)}
        content = record.content or {}
        says = (content.get("name"), content.get("namespace"), content.get("version"))
        return (
            record.type == TYPE
            and labels.items() <= record.labels.items()
            and says == (self.release, self.namespace, revision)
        )


def _is_same(before: ReleaseRecord, now: ReleaseRecord) -> bool:
    identity = (before.uid, before.type, before.labels.get("version"), before.content)
    return identity == (now.uid, now.type, now.labels.get("version"), now.content) and now.content is not None


def _about(code: ViolationCode, name: str) -> Violation:
    return Violation(code, f"Secret/{name}")
