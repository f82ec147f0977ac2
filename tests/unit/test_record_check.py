"""A rollback runs only if Helm's records are exactly those of the experiment."""

from __future__ import annotations

import base64
import gzip
import json
from typing import Any

import msgspec
import pytest

from canaryproof.helm.record_check import Expected, ReleaseRecord, read_records
from canaryproof.helm.releases import record_name
from canaryproof.model.evidence import Violation, violation_cause
from canaryproof.model.hints import Hint
from canaryproof.model.wording.cause_sentences import describe
from canaryproof.model.wording.hint_sentences import describe_hint

HOOK = {"name": "job", "manifest": "kind: Job", "events": ["post-upgrade"]}


def secret(revision: int, *, uid: str = "", kind: str = "helm.sh/release.v1", **parts: Any) -> msgspec.Raw:
    """Return the Secret of a revision. *parts* are metadata, or fields of its record."""
    record = {"name": "shop", "namespace": "sre", "version": revision, "manifest": "a", "hooks": [HOOK], "info": {}}
    record |= {name: parts.pop(name) for name in list(parts) if name in record}
    packed = base64.b64encode(base64.b64encode(gzip.compress(json.dumps(record).encode()))).decode()
    metadata = {
        "name": record_name("shop", revision),
        "uid": uid or f"u{revision}",
        "labels": {"owner": "helm", "name": "shop", "version": str(revision), "status": "deployed"},
        **{name: parts.pop(name) for name in list(parts) if name in {"name", "labels"}},
    }
    body = {"kind": "Secret", "type": kind, "metadata": metadata, "data": {"release": packed}, **parts}
    return msgspec.Raw(json.dumps(body).encode())


def records(*secrets: msgspec.Raw) -> tuple[ReleaseRecord, ...]:
    """Return the records that are read from Secrets."""
    return read_records(secrets)


def named(name: str, **parts: Any) -> msgspec.Raw:
    """Return a Secret of another name with the labels of revision 50."""
    body = json.loads(bytes(secret(50, **parts)))
    body["metadata"]["name"] = name
    return msgspec.Raw(json.dumps(body).encode())


FIRST = records(secret(1))
BOTH = Expected("shop", "sre", FIRST, new=2)
"""The records after an upgrade."""


def test_the_records_of_an_experiment_are_as_expected() -> None:
    """The check accepts Helm's changes of status and last hook run in a record of the experiment."""
    now = secret(1, info={"status": "superseded"}, hooks=[{**HOOK, "last_run": {"phase": "Succeeded"}}])

    assert BOTH.violation(records(now, secret(2))) is None
    assert Expected("shop", "sre", (), new=1).violation(FIRST) is None
    assert Expected("shop", "sre", records(secret(1), secret(2))).violation(records(secret(2), now)) is None


def test_an_upgrade_that_failed_early_has_no_record() -> None:
    """The check accepts a failed upgrade without a record, because nothing was applied, but no successful one."""
    assert Expected("shop", "sre", FIRST, new=2, must_exist=False).violation(FIRST) is None
    assert BOTH.violation(FIRST) == Violation("missing-record", "Secret/sh.helm.release.v1.shop.v2")


@pytest.mark.parametrize(
    "forged",
    [
        named("later"),
        named("later", kind="Opaque"),
        named("sh.helm.release.v1.shop.v50"),
        named("later", data={}),
        secret(3),
    ],
)
def test_a_record_that_helm_did_not_write_is_named(forged: msgspec.Raw) -> None:
    """The check names a record that Helm did not write, whatever its type, name and content is.

    Helm reads every Secret with its labels.
    """
    found = BOTH.violation(records(secret(1), secret(2), forged))

    assert found == Violation("unknown-record", f"Secret/{json.loads(bytes(forged))['metadata']['name']}")


@pytest.mark.parametrize(
    "second",
    [
        secret(2, kind="Opaque"),
        secret(2, version=50),
        secret(2, labels={"owner": "helm", "name": "shop", "version": "50"}),
        secret(2, namespace="kube-system"),
        secret(2, data={"release": "bm90aGluZw=="}),
    ],
)
def test_a_second_revision_that_is_none_is_named(second: msgspec.Raw) -> None:
    """The check names a false revision 2, even with the right name.

    Helm uses the labels and the revision in the record.
    """
    assert BOTH.violation(records(secret(1), second)) == Violation(
        "unknown-record", "Secret/sh.helm.release.v1.shop.v2"
    )


@pytest.mark.parametrize(
    "now",
    [
        secret(1, manifest="b"),
        secret(1, hooks=[]),
        secret(1, uid="another"),
        secret(1, kind="Opaque"),
        secret(1, data={"release": "bm90aGluZw=="}),
    ],
)
def test_a_first_revision_that_was_changed_is_named(now: msgspec.Raw) -> None:
    """The check names a changed revision 1, because a rollback would apply it."""
    found = BOTH.violation(records(now, secret(2)))

    assert found == Violation("changed-record", "Secret/sh.helm.release.v1.shop.v1")


def test_a_second_revision_that_is_nested_too_deep_is_named() -> None:
    """The check names a revision 2 that is nested too deeply to read. Helm accepts values ten times as deep."""
    packed = base64.b64encode(base64.b64encode(b'{"chart":' + b"[" * 5_000 + b"]" * 5_000 + b"}")).decode()

    found = BOTH.violation(records(secret(1), secret(2, data={"release": packed})))

    assert found == Violation("deep-record", "Secret/sh.helm.release.v1.shop.v2")


def test_a_first_revision_that_is_gone_is_named() -> None:
    """The check names a missing revision 1, also if only its labels are missing."""
    found = BOTH.violation(records(secret(2)))

    assert found == Violation("missing-record", "Secret/sh.helm.release.v1.shop.v1")


@pytest.mark.parametrize(
    "violation",
    [
        Violation("unknown-record", "Secret/later"),
        Violation("missing-record", "Secret/later"),
        Violation("changed-record", "Secret/later"),
        Violation("deep-record", "Secret/later"),
        Violation("unsafe-objects", detail="Secret/later is large"),
        Violation("quota-exceeded", detail="exceeded quota of Secret/later"),
    ],
)
def test_each_violation_has_a_sentence_that_names_the_object(violation: Violation) -> None:
    """Each violation has a sentence that names the object, and a hint."""
    assert "Secret/later" in describe(violation_cause(violation))
    assert describe_hint(Hint(id=violation.code))
