"""A flight record preserves the evidence, and the reader refuses other or incomplete files."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest
from msgspec import to_builtins

from canaryproof.checks.judging import JUDGES
from canaryproof.errors import UsageError
from canaryproof.model.causes import Cause
from canaryproof.model.evidence import (
    Canary,
    ContainerLog,
    Decision,
    Evidence,
    Holder,
    Leftover,
    Observed,
    Probe,
    Rendering,
    Revision,
    ServiceRoute,
    Setting,
    Step,
    Timings,
)
from canaryproof.model.flight_record import OLDEST, SCHEMA, from_lines, head_from_line, to_lines
from canaryproof.model.objects import ObjectKey
from canaryproof.model.wording.cause_sentences import describe
from canaryproof.scenario.scenario_file import load_scenario
from tests.unit.stories import CANARY_DEPLOYMENT, STABLE, Story, because, rendering

RECORDS = Path(__file__).parent / "records"
FULL = Evidence(
    "alice",
    "class/alice.zip",
    Setting("kind", "1.37.2", 1, "4.3.1", "stand-in"),
    namespace="sre-alice",
    baseline=rendering(STABLE),
    chart=rendering(STABLE + CANARY_DEPLOYMENT),
    added=(ObjectKey("Deployment", "upcommerce-canary-app", "sre"),),
    canary=Canary("c", "t", 1, (5003,), ("i",), (ServiceRoute("s", "t", ((5003, 0),), ("Deployment/x",)),)),
    decision=Decision("crash-loop", because("it does"), 3.25, 3.125, ("one", "two")),
    install=Step("helm install", 0.1, 0.2),
    upgrade=Step("helm upgrade", 1.1, 1.2, "no"),
    rollback=Step("helm rollback", 4.1, 4.2),
    history=(Revision(1, "superseded", "Install complete", "upcommerce-0.1.0"),),
    timeline=Story().pod().at(1 / 3).running().ended(1).deleting().gone().timeline,
    settled_at=0.7,
    restored_at=5.5,
    gone_at=5.25,
    ended_at=6.5,
    probes=(Probe(0.1, 0.002), Probe(0.2, 2.0, "timed out: é \u2028 \x1b", timed_out=True)),
    leftovers=(Leftover(ObjectKey("Service", "s"), Holder("finalizers", "x")),),
    logs=(ContainerLog("p", "c", previous=True, text="Error\n"),),
    timings=Timings(1, 2, 3, 4, 5, 6),
    fault=Cause(code="infrastructure-fault", detail="the cluster ended"),
)


@pytest.mark.parametrize("evidence", [FULL, Evidence("bob", "bob/"), Evidence("x", "x", chart=Rendering(error="no"))])
def test_round_trip_is_exact(evidence: Evidence) -> None:
    """The evidence that is read equals the written one in every field."""
    assert from_lines(to_lines(evidence)) == evidence


def test_reading_containers_leaves_no_trace() -> None:
    """The evidence is written alike whether or not its containers have been read."""
    before = to_lines(FULL)
    assert [container.name for manifest in FULL.chart.manifests for container in manifest.containers]

    assert to_lines(FULL) == before


def test_what_was_seen_stands_line_by_line_in_its_order() -> None:
    """The record has a head, then observations and requests by time, then logs, and each line states its type."""
    head, *lines = [json.loads(line) for line in to_lines(FULL).splitlines()]

    assert list(head) == ["schema", "lines", "evidence"]
    assert [next(iter(line)) for line in lines].count("observation") == len(FULL.timeline.observations)
    assert all(len(line) == 1 for line in lines)
    times = [seen["at"] for line in lines for seen in line.values() if "at" in seen]
    assert times == sorted(times)
    assert list(lines[-1]) == ["log"]


def test_the_first_line_tells_whose_record_it_is() -> None:
    """The first line of a record names the submission, so that a class can be listed without reading the timelines."""
    head = head_from_line(to_lines(FULL).splitlines()[0])

    assert (head.name, head.source, head.probes) == ("alice", "class/alice.zip", ())


def test_a_record_of_the_version_before_is_read() -> None:
    """A record of the previous version is read. The sentence of a gap becomes the detail of a cause."""
    observed = Observed(1, 2, 3, "superseded", gaps={"canary-gone": Cause(code="told", detail="no events")})
    now = to_lines(replace(FULL, observed=observed, fault=None))
    gap = json.dumps(to_builtins(observed.gaps["canary-gone"]), separators=(",", ":")).encode()
    before = now.replace(b'"schema":5', b'"schema":3').replace(gap, b'"no events"')
    before = before.replace(b'"canary":{"name":', b'"canary":{"deployment":')

    assert len(before) < len(now)
    assert from_lines(before) == from_lines(now)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (b"", "this is no flight record: line 1"),
        (b"[]", "this is no flight record: line 1"),
        (b'{"schema": 5}', "this is no flight record: line 1"),
        (b'{"schema": 99, "evidence": {}}', f"its schema 99 cannot be read, only {OLDEST} to {SCHEMA}; record again"),
        (to_lines(FULL).rpartition(b"\n{")[0], "should have 11 lines, and has 10"),
        (to_lines(FULL).replace(b'{"log"', b'{"lag"'), "this is no flight record: line 11: Object contains unknown"),
        (to_lines(FULL) + b"{", "should have 11 lines, and has 12"),
    ],
    ids=["nothing", "a-list", "no-evidence", "other-schema", "cut-off", "unknown-line", "more"],
)
def test_what_is_no_evidence_is_refused(text: bytes, message: str) -> None:
    """The reader refuses another file, a partial record or another schema as a user error."""
    with pytest.raises(UsageError, match=message):
        from_lines(text)


def test_a_record_with_zeros_is_still_read() -> None:
    """The reader accepts schema 3, which has 0 for missing times and a sentence for the state of stable."""
    accepted, kept, observed, unstarted = (
        from_lines((RECORDS / f"schema-3-{name}.jsonl").read_bytes())
        for name in ("accepted", "kept", "observed", "unstarted")
    )

    assert (accepted.settled_at, accepted.restored_at, accepted.gone_at, accepted.ended_at) == (1, 5.5, 5.9, 7)
    assert accepted.timeline.observations
    assert (kept.restored_at, kept.gone_at, kept.ended_at) == (None, None, 7)
    assert unstarted == Evidence("bob", "class/bob", decision=Decision("no-canary", Cause(code="no-deployment-added")))
    assert observed.observed
    assert (observed.observed.stable, observed.observed.canary, observed.observed.rollback) == (1, 2, None)
    assert observed.observed.unready
    assert describe(observed.observed.unready) == "Deployment/upcommerce-app-stable does not exist"
    assert from_lines(to_lines(kept)) == kept


def test_a_record_in_which_each_canary_is_a_deployment_is_still_read() -> None:
    """The reader accepts schema 4, in which a canary has no kind."""
    accepted = from_lines((RECORDS / "schema-4-accepted.jsonl").read_bytes())

    assert accepted.canary
    assert accepted.canary.key == ObjectKey("Deployment", "upcommerce-canary-app")
    assert [check for check, judge in JUDGES.items() if judge(accepted, load_scenario())] == []


def test_an_old_record_is_judged_as_before() -> None:
    """An old record is judged as before, with the checks that failed when it was written."""
    scenario = load_scenario()
    accepted, kept = (from_lines((RECORDS / f"schema-3-{name}.jsonl").read_bytes()) for name in ("accepted", "kept"))

    assert [check for check, judge in JUDGES.items() if judge(accepted, scenario)] == []
    assert [check for check, judge in JUDGES.items() if judge(kept, scenario)] == ["canary-gone", "stable-healthy"]


def test_the_first_line_has_nothing_that_has_a_line_of_its_own() -> None:
    """The first line contains nothing that has its own lines, so that its size does not grow with the experiment."""
    head = head_from_line(to_lines(FULL).splitlines()[0])

    assert (head.timeline.observations, head.probes, head.logs) == ((), (), ())
    assert head.decision == FULL.decision


def test_an_empty_record_is_refused() -> None:
    """The reader refuses an empty file."""
    with pytest.raises(UsageError, match="this is no flight record: line 1: Input data was truncated"):
        from_lines(b"")
