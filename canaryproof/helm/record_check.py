"""Checks that Helm's records of a release are the ones that this experiment made, and no others; pure.

Helm finds the records by two labels, ``owner=helm`` and ``name=RELEASE``, and reads the revision from what is in them
(``pkg/storage/driver/secrets.go`` of Helm 3 and 4).  Of a record that somebody else wrote, ``helm rollback`` takes the
highest revision for the current release, and deletes what its manifest lists.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import msgspec

from canaryproof.helm.releases import TYPE, content_of, record_name
from canaryproof.model.evidence import Violation, ViolationCode
from canaryproof.model.objects import BODIES, Body, Manifest, integer_at, maps_at, text_at

KEPT = ("name", "namespace", "version", "manifest", "config", "apply_method")
"""Fields of a record that Helm leaves as they are when it writes a new status into it."""
LAST_RUN = "last_run"
"""The field of a hook that changes when Helm runs the hook."""


@dataclass(frozen=True)
class ReleaseRecord:
    """A Secret that Helm takes for the record of a revision."""

    secret: Manifest
    content: Body | None
    """What a rollback depends on: manifest, hooks and the like; None where it cannot be read."""
    too_deep: bool = False
    """Whether it cannot be read because its maps and lists are nested too deep, as the values of a chart can be."""

    @property
    def name(self) -> str:
        """Return the name of the Secret."""
        return self.secret.name

    @property
    def revision(self) -> int:
        """Return the number of its revision; 0 where it cannot be read."""
        return integer_at(self.content, "version")


def read_records(secrets: Iterable[msgspec.Raw]) -> tuple[ReleaseRecord, ...]:
    """Return the Secrets that Helm's selector finds, each with what is in it."""
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
