"""The history of a release is read as Helm reads it."""

from __future__ import annotations

import base64
import gzip
import json

import msgspec
import pytest

from canaryproof.helm.releases import history, selector
from canaryproof.model.evidence import Revision


def secret(version: int, status: str, description: str, *, packed: bool = True) -> msgspec.Raw:
    """Return the Secret of a revision as Helm stores it."""
    record = json.dumps(
        {
            "name": "shop",
            "version": version,
            "info": {"status": status, "description": description, "last_deployed": "2026-11-24T08:17:29Z"},
            "chart": {"metadata": {"name": "shop", "version": "0.1.0"}, "templates": [{"name": "a", "data": "Zm9v"}]},
            "manifest": "---\n",
        }
    ).encode()
    return holding(base64.b64encode(gzip.compress(record) if packed else record))


def holding(release: bytes) -> msgspec.Raw:
    """Return a Secret with this content."""
    data = base64.b64encode(release).decode()
    return msgspec.Raw(json.dumps({"kind": "Secret", "metadata": {"name": "a"}, "data": {"release": data}}).encode())


def test_every_revision_is_a_value_in_order() -> None:
    """The history is ordered by revision number, whereas the API lists v10 before v2."""
    found = history(
        [secret(10, "deployed", "Rollback to 1"), secret(2, "superseded", "Upgrade complete", packed=False)]
    )

    assert found == (
        Revision(2, "superseded", "Upgrade complete", "shop-0.1.0"),
        Revision(10, "deployed", "Rollback to 1", "shop-0.1.0"),
    )


@pytest.mark.parametrize(
    "other",
    [
        msgspec.Raw(b'{"kind": "Secret"}'),
        holding(b"no base64!"),
        holding(base64.b64encode(b"\x1f\x8b\x08 no gzip")),
        holding(base64.b64encode(b"{}")),
        holding(base64.b64encode(gzip.compress(bytes(100 * 2**20)))),
        holding(base64.b64encode(b'{"version":1,"config":' + b"[" * 5_000 + b"]" * 5_000 + b"}")),
    ],
)
def test_what_is_no_record_is_passed_over(other: msgspec.Raw) -> None:
    """A Secret with Helm's labels and invalid or oversized content is skipped, and the others are read."""
    assert [each.revision for each in history([other, secret(1, "deployed", "Install complete")])] == [1]


def test_only_the_releases_own_records_are_asked_for() -> None:
    """The request for records uses Helm's own label selector."""
    assert selector("shop") == "name=shop,owner=helm"
