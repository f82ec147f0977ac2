"""Evidence survives being written down."""

from __future__ import annotations

import pytest

from canaryproof.errors import UsageError
from canaryproof.evidence import (
    Canary,
    ContainerLog,
    Decision,
    Evidence,
    Leftover,
    Probe,
    Rendering,
    Revision,
    ServiceRoute,
    Step,
    Timings,
    from_json,
    to_json,
)
from canaryproof.manifests import ObjectKey
from tests.unit.stories import CANARY_DEPLOYMENT, STABLE, Story, rendering

FULL = Evidence(
    "alice",
    "class/alice.zip",
    namespace="sre-alice",
    baseline=rendering(STABLE),
    chart=rendering(STABLE + CANARY_DEPLOYMENT),
    added=(ObjectKey("Deployment", "upcommerce-canary-app", "sre"),),
    canary=Canary("c", "t", 1, (5003,), ("i",), (ServiceRoute("s", "t", ((5003, 0),), ("Deployment/x",)),)),
    decision=Decision("crash-loop", "it does", 3.25, 3.125, ("one", "two")),
    install=Step("helm install", 0.1, 0.2),
    upgrade=Step("helm upgrade", 1.1, 1.2, "no"),
    rollback=Step("helm rollback", 4.1, 4.2),
    history=(Revision(1, "superseded", "Install complete", "upcommerce-0.1.0"),),
    timeline=Story().pod().at(1 / 3).running().ended(1).deleting().gone().timeline,
    settled_at=0.7,
    restored_at=5.5,
    gone_at=5.25,
    ended_at=6.5,
    probes=(Probe(0.1, 0.002), Probe(0.2, 2.0, "timed out: é \u2028 \x1b")),
    leftovers=(Leftover(ObjectKey("Service", "s"), "finalizers: x"),),
    logs=(ContainerLog("p", "c", previous=True, text="Error\n"),),
    timings=Timings(1, 2, 3, 4, 5, 6),
    fault="the cluster ended",
)


@pytest.mark.parametrize("evidence", [FULL, Evidence("bob", "bob/"), Evidence("x", "x", chart=Rendering(error="no"))])
def test_round_trip_is_exact(evidence: Evidence) -> None:
    """What is read back equals what was written, in every field."""
    assert from_json(to_json(evidence)) == evidence


def test_reading_containers_leaves_no_trace() -> None:
    """Evidence that was looked at is written as evidence that was not."""
    before = to_json(FULL)
    assert [container.name for manifest in FULL.chart.manifests for container in manifest.containers]

    assert to_json(FULL) == before


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (b"", "this is no evidence"),
        (b"[]", "this is no evidence"),
        (b'{"schema": 1}', "this is no evidence"),
        (b'{"schema": 99, "evidence": {}}', "schema 99 cannot be read, only 1"),
    ],
)
def test_what_is_no_evidence_is_refused(text: bytes, message: str) -> None:
    """Something else, or another schema, is the user's mistake and says so."""
    with pytest.raises(UsageError, match=message):
        from_json(text)
