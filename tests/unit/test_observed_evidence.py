"""The evidence of a release handled by hand states which checks it allows, by the time limits of the run."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from canaryproof.helm.releases import Record
from canaryproof.model.evidence import Evidence, Leftover, Probe, Revision
from canaryproof.model.objects import ObjectKey
from canaryproof.model.timeline import Timeline
from canaryproof.observe.observed_evidence import CurrentState, complete, needs_probes
from canaryproof.observe.revisions import Revisions, find_revisions
from canaryproof.timeouts import TimeLimits
from tests.unit.stories import CANARY, CANARY_DEPLOYMENT, CANARY_SERVICE, COURSE, STABLE, Story, rendering

UNWATCHED = {"stable-serves-during-canary", "stable-never-down"}
DEPLOYMENT = ObjectKey("Deployment", CANARY.name)
POD = f"{CANARY.name}-dcb7ccc7b-crs8p"


def handled(*what: str) -> Revisions:
    """Return revisions of stable, canary or rollback, one every 30 seconds."""
    began = datetime(2026, 1, 1, tzinfo=UTC)
    records = []
    for number, each in enumerate(what, 1):
        description = f"Rollback to {each}" if each.isdecimal() else "Upgrade complete"
        text = STABLE + CANARY_DEPLOYMENT + CANARY_SERVICE if each == "canary" else STABLE
        deployed_at = began + timedelta(seconds=30 * (number - 1))
        records.append(Record(Revision(number, "deployed", description), deployed_at, rendering(text)))
    return find_revisions(records, rendering(STABLE), COURSE)


def state(
    timeline: Timeline | None = None, *, left: bool = False, probes: tuple[Probe, ...] | None = None
) -> CurrentState:
    """Return the objects after 90 seconds."""
    return CurrentState(90, timeline or Timeline(), (Leftover(DEPLOYMENT),) if left else (), probes)


def events(*reasons: str) -> Timeline:
    """Return events about the canary's pod."""
    story = Story().at(1)
    for reason in reasons:
        metadata = {"name": reason, "uid": reason}
        story.observe(
            {"kind": "Event", "metadata": metadata, "involvedObject": {"kind": "Pod", "name": POD}, "reason": reason}
        )
    return story.timeline


@pytest.mark.parametrize(
    ("history", "left", "needed"),
    [
        (("stable", "canary"), True, True),
        (("stable", "canary"), False, False),
        (("stable", "canary", "1"), True, False),
        (("stable",), True, False),
    ],
)
def test_stable_is_probed_while_the_canary_is_there(history: tuple[str, ...], *, left: bool, needed: bool) -> None:
    """The observer probes the stable app while the canary is there. After the rollback it is too late."""
    assert needs_probes(handled(*history), state(left=left)) is needed


def test_outages_that_nobody_watched_for_are_not_judged() -> None:
    """The check of outages over the whole run is a gap, because the probes only cover the time of the canary."""
    revisions = handled("stable", "canary")
    probes = (Probe(90, 0.0), Probe(90.25, 0.0))

    without = complete(Evidence("a", "a"), revisions, state(events("Started")), TimeLimits())
    probed = complete(Evidence("a", "a"), revisions, state(events("Started"), probes=probes), TimeLimits())

    assert without.observed is not None
    assert without.observed.gaps.keys() == UNWATCHED
    assert (without.probes, without.ended_at) == ((), 90)
    assert probed.observed is not None
    assert probed.observed.gaps.keys() == {"stable-never-down"}
    assert (probed.probes, probed.ended_at) == (probes, 90.5)


@pytest.mark.parametrize(("observation", "outcome"), [(20, "healthy"), (40, "undecided")])
def test_a_canary_ran_for_as_long_as_the_machine_needs(observation: float, outcome: str) -> None:
    """A canary that ran for 30 seconds is judged at normal speed, and is a gap with more patience."""
    time_limits = TimeLimits(observation=observation)

    evidence = complete(Evidence("a", "a"), handled("stable", "canary", "1"), state(events("Started")), time_limits)

    assert evidence.decision.outcome == outcome
    assert evidence.observed is not None
    assert ("canary-outcome" in evidence.observed.gaps) is (outcome == "undecided")
