"""Checks that Helm's records of a release are exactly those that this experiment has created.

Helm finds the records by two labels, ``owner=helm`` and ``name=RELEASE``, and reads the revision from their content
(``pkg/storage/driver/secrets.go`` of Helm 3 and 4). ``helm rollback`` takes the record with the highest revision for
the current release and deletes the objects that its manifest lists. It does so even if someone else wrote this record.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import msgspec

from canaryproof.helm.releases import TYPE, content_of, record_name
from canaryproof.model.evidence import Violation, ViolationCode
from canaryproof.model.objects import BODIES, Body, Manifest, integer_at, maps_at, text_at

KEPT = ("name", "namespace", "version", "manifest", "config", "apply_method")
"""The fields of a record that Helm does not change when it updates the status."""
LAST_RUN = "last_run"
"""The field of a hook that Helm changes when it runs the hook."""


@dataclass(frozen=True)
class ReleaseRecord:
    """A Secret that Helm accepts as the record of a revision."""

    secret: Manifest
    content: Body | None
    """The parts on which a rollback depends, such as manifest and hooks. None if the record cannot be read."""
    too_deep: bool = False
    """Whether the record cannot be read because its maps and lists are nested too deep. Chart values can cause this."""

    @property
    def name(self) -> str:
        """Return the name of the Secret."""
        return self.secret.name

    @property
    def revision(self) -> int:
        """Return the revision number, or 0 if the record cannot be read."""
        return integer_at(self.content, "version")


def read_records(secrets: Iterable[msgspec.Raw]) -> tuple[ReleaseRecord, ...]:
    """Return the records in *secrets*, which are the Secrets that match Helm's selector."""
    return tuple(_read(Manifest(BODIES.decode(secret))) for secret in secrets)


def _read(secret: Manifest) -> ReleaseRecord:
    try:
        content = content_of(secret.body)
    except RecursionError:
        return ReleaseRecord(secret, None, too_deep=True)
    except ValueError:
        return ReleaseRecord(secret, None)
    hooks = [{key: value for key, value in hook.items() if key != LAST_RUN} for hook in maps_at(content, "hooks")]
    return ReleaseRecord(secret, {**{key: content[key] for key in KEPT if key in content}, "hooks": hooks})


@dataclass(frozen=True)
class Expected:
    """The records that must exist before a step of the experiment."""

    release: str
    namespace: str
    known: tuple[ReleaseRecord, ...]
    """The records of the previous check, which must still exist unchanged."""
    new: int = 0
    """The revision that Helm should have recorded since the previous check. 0 for none."""
    must_exist: bool = True
    """Whether the new revision must exist. An upgrade can fail before Helm records it."""

    def violation(self, found: Iterable[ReleaseRecord]) -> Violation | None:
        """Return why Helm must not act on the records *found*, or None if they are as expected."""
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
        """Report whether *record* has the type, the labels and the content of *revision* of the release."""
        labels = {"owner": "helm", "name": self.release, "version": str(revision)}
        content = record.content or {}
        says = (content.get("name"), content.get("namespace"), content.get("version"))
        return (
            text_at(record.secret.body, "type") == TYPE
            and labels.items() <= record.secret.labels.items()
            and says == (self.release, self.namespace, revision)
        )


def _is_same(before: ReleaseRecord, now: ReleaseRecord) -> bool:
    return now.content is not None and _identity(before) == _identity(now)


def _identity(record: ReleaseRecord) -> tuple[object, ...]:
    kind, version = text_at(record.secret.body, "type"), record.secret.labels.get("version")
    return record.secret.uid, kind, version, record.content


def _about(code: ViolationCode, name: str) -> Violation:
    return Violation(code, f"Secret/{name}")
