"""The records of Helm's revisions are read, and stable, canary and rollback are found among them."""

from __future__ import annotations

import base64
import gzip
import json
from datetime import UTC, datetime
from typing import Any

import pytest

from canaryproof.errors import InfrastructureError
from canaryproof.helm import releases
from canaryproof.helm.releases import Record, record_of
from canaryproof.model.evidence import ChartFile, Revision
from canaryproof.model.objects import Body
from canaryproof.observe.revisions import Revisions, find_revisions
from tests.unit.stories import CANARY_DEPLOYMENT, CANARY_SERVICE, COURSE, STABLE, rendering

SUBMITTED = STABLE + CANARY_DEPLOYMENT + CANARY_SERVICE
HOOK = {"path": "upcommerce/templates/config.yaml", "events": ["pre-install"]}
CONFIG = "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: NAME\n  annotations: {helm.sh/hook: pre-install}\n"


def secret(**parts: Any) -> Body:
    """Return the Secret of a revision, encoded as Helm does."""
    release = {
        "name": "upcommerce",
        "version": 2,
        "info": {
            "status": "deployed",
            "description": "Upgrade complete",
            "last_deployed": "2026-01-01T12:00:00.123456789+02:00",
        },
        "chart": {
            "metadata": {"name": "upcommerce", "version": "0.1.0"},
            "templates": [{"name": "templates/a.yaml", "data": base64.b64encode(b"kind: A\n").decode()}],
        },
        "manifest": SUBMITTED,
        **parts,
    }
    return packed(json.dumps(release).encode())


def packed(content: bytes) -> Body:
    """Return a Secret with this content."""
    twice = base64.b64encode(base64.b64encode(gzip.compress(content)))
    return {"metadata": {"name": "sh.helm.release.v1.upcommerce.v2"}, "data": {"release": twice.decode()}}


def test_a_revision_is_read_from_its_secret() -> None:
    """A revision holds its number, Helm's description, the rendered objects, and the templates of its chart."""
    record = record_of(secret())

    assert record.line == Revision(2, "deployed", "Upgrade complete", "upcommerce-0.1.0")
    assert record.deployed_at == datetime(2026, 1, 1, 10, 0, 0, 123456, tzinfo=UTC)
    assert record.rendering == rendering(SUBMITTED)
    assert record.files == (ChartFile("templates/a.yaml", "kind: A\n"),)


@pytest.mark.parametrize("time", ["2026-01-01T12:00:00Z", "2026-01-01T12:00:00.5Z", "2026-01-01T12:00:00.000000001Z"])
def test_times_have_as_many_digits_as_go_likes(time: str) -> None:
    """A time may have zero to nine decimal places, as Go writes it."""
    info = {"status": "deployed", "description": "", "last_deployed": time}

    assert record_of(secret(info=info)).deployed_at.second == 0


def test_hooks_are_part_of_what_was_rendered() -> None:
    """The rendered objects include hooks as in ``helm template``, and tests only if an upgrade runs them, too."""
    hooks = [
        {**HOOK, "manifest": CONFIG.replace("NAME", "prepare")},
        {**HOOK, "events": ["test"], "manifest": CONFIG.replace("NAME", "try")},
        {**HOOK, "events": ["test", "pre-upgrade"], "manifest": CONFIG.replace("NAME", "both")},
    ]

    manifests = record_of(secret(manifest="", hooks=hooks)).rendering.manifests

    assert [(each.name, each.is_hook, each.template) for each in manifests] == [
        ("prepare", True, "templates/config.yaml"),
        ("both", True, "templates/config.yaml"),
    ]


def test_what_does_not_parse_is_the_charts_affair() -> None:
    """An unreadable rendering in a record is a matter of the chart's check, because Helm has applied it."""
    assert "comes twice" in record_of(secret(manifest="a: 1\na: 2\n")).rendering.error


@pytest.mark.parametrize(
    "body",
    [
        {"metadata": {"name": "x"}},
        {"metadata": {"name": "x"}, "data": {"release": "no base64"}},
        {"metadata": {"name": "x"}, "data": {"release": base64.b64encode(base64.b64encode(b"plain")).decode()}},
        packed(b"[]"),
        packed(b"{}"),
    ],
)
def test_a_secret_of_another_kind_is_named(body: Body) -> None:
    """A Secret of another type is named, whatever its content is."""
    with pytest.raises(InfrastructureError, match="is not a revision that Helm has written"):
        record_of(body)


def test_a_bomb_is_not_unpacked(monkeypatch: pytest.MonkeyPatch) -> None:
    """A compressed record that would expand beyond the limit is not decompressed."""
    monkeypatch.setattr(releases, "LARGEST", 1000)

    with pytest.raises(InfrastructureError, match="is not a revision"):
        record_of(packed(b" " * 10_000))


def revision(number: int, what: str, status: str = "superseded") -> Record:
    """Return a revision of stable or canary, or a rollback to another revision."""
    to = int(what) if what.isdecimal() else 0
    description = f"Rollback to {to}" if to else "Upgrade complete"
    text = SUBMITTED if what == "canary" else STABLE
    return Record(Revision(number, status, description), datetime(2026, 1, 1, tzinfo=UTC), rendering(text))


def found(*what: str, first: int = 1) -> Revisions:
    """Return the roles found among these revisions."""
    records = [revision(first + number, each) for number, each in enumerate(what)]
    return find_revisions(records, rendering(STABLE), COURSE)


@pytest.mark.parametrize(
    ("history", "stable", "submitted", "rollback"),
    [
        (["stable", "canary", "1"], 1, 2, 3),
        (["stable", "canary", "1", "canary", "3"], 3, 4, 5),
        (["stable", "stable", "canary", "2"], 2, 3, 4),
        (["stable", "canary", "canary", "1"], 1, 3, 4),
        (["stable", "canary"], 1, 2, None),
        (["stable", "canary", "stable"], 1, 2, None),
        (["canary"], None, 1, None),
        (["stable", "stable", "1"], 1, 2, 3),
    ],
)
def test_the_last_try_counts(history: list[str], stable: int | None, submitted: int, rollback: int | None) -> None:
    """The last attempt counts, and stable may be any revision. A rollback is recognised by its description only."""
    revisions = found(*history)

    assert revisions.submitted.revision == submitted
    assert revisions.stable == stable
    assert (revisions.rollback.revision if revisions.rollback else None) == rollback
    assert (revisions.finding.canary is not None) == ("canary" in history)


def test_it_is_known_what_is_no_longer_on_record() -> None:
    """A missing revision is known to be missing, because Helm keeps only the last ten."""
    assert found("stable", "1", first=5).is_pruned
    assert not found("stable", "canary").is_pruned
    assert not found("stable").is_upgraded
    assert found("stable", "canary").is_upgraded
