"""``python -m tests.corpus.record REPORTS``: stores what decided each outcome, for the replays of the unit tests.

REPORTS is the ``--report-dir`` of a run over mutations (``pytest tests/corpus -m corpus --basetemp DIR`` leaves one
below DIR). The recordings omit everything that is not about the canary or that came after the decision.
"""

from __future__ import annotations

import gzip
import sys
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import msgspec

from canaryproof.model.evidence import Canary, Decision, Evidence
from canaryproof.model.flight_record import from_lines
from canaryproof.model.objects import Manifest, ObjectKey
from canaryproof.model.timeline import Observation, Timeline

TIMELINES = Path(__file__).parents[1] / "unit" / "timelines"
RECORDED = (
    "reference",
    "crashes-after-5-s",
    "two-replicas",
    "answers-on-5003",
    "never-ready",
    "init-container-never-ends",
    "no-replicas",
    "mistyped-tag",
    "never-pulled",
    "no-such-config-map",
    "no-such-volume-source",
    "no-such-command",
    "exits-cleanly",
    "out-of-memory",
    "killed-by-its-liveness-probe",
    "init-container-fails",
    "too-much-cpu",
    "limit-range",
    "no-such-service-account",
)
"""The mutations to record: each outcome that a timeline decides, and difficult ones several times."""


@dataclass(frozen=True)
class Recorded:
    """The input of a decision, and the decision."""

    canary: Canary
    upgraded_at: float
    decision: Decision
    timeline: Timeline


_RECORDINGS = msgspec.json.Decoder(Recorded)


def essence(evidence: Evidence) -> Recorded:
    """Return the input of the decision in *evidence*."""
    assert evidence.canary, f"{evidence.name} has no canary"
    assert evidence.upgrade, f"{evidence.name} was not tried"
    assert evidence.decision.at is not None, f"{evidence.name} was decided by its chart alone"
    seen = evidence.timeline.until(evidence.decision.at)
    kept = tuple(_plain(each) for each in _about(seen, evidence.canary.key))
    return Recorded(evidence.canary, evidence.upgrade.ended, evidence.decision, Timeline(kept))


def read(file: Path) -> Recorded:
    """Return a recording."""
    return _RECORDINGS.decode(gzip.decompress(file.read_bytes()))


def write(recorded: Recorded, file: Path) -> None:
    """Write a recording. The same recording gives the same bytes."""
    file.write_bytes(gzip.compress(msgspec.json.encode(recorded), mtime=0))


def _about(timeline: Timeline, workload: ObjectKey) -> Iterator[Observation]:
    """Yield the observations about the canary: the workload, the objects that it owns, and their events."""
    ours = {pod.uid for pod in timeline.pods_of(workload)}
    for each in timeline.observations:
        said_of = each.object.body.get("involvedObject", {}).get("uid")
        is_it = each.object.key.local == workload
        owned = each.object.kind == "ReplicaSet" and any(owner.key == workload for owner in each.object.owners)
        if is_it or owned or each.object.uid in ours or said_of in ours:
            yield each


def _plain(observation: Observation) -> Observation:
    """Remove ``managedFields``, which no rule uses."""
    body: dict[str, Any] = observation.object.body
    metadata = {name: value for name, value in body["metadata"].items() if name != "managedFields"}
    return replace(observation, object=Manifest({**body, "metadata": metadata}))


def main(arguments: list[str]) -> None:
    """Record all selected mutations."""
    (reports,) = arguments
    TIMELINES.mkdir(exist_ok=True)
    for name in RECORDED:
        evidence = from_lines((Path(reports) / "evidence" / f"{name}.jsonl").read_bytes())
        write(essence(evidence), TIMELINES / f"{name}.json.gz")
        sys.stdout.write(f"{name}: {evidence.decision.outcome}\n")


if __name__ == "__main__":
    main(sys.argv[1:])
