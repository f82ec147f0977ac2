"""The outcome of a canary comes from its pods while they exist, and from events afterwards."""

from __future__ import annotations

import pytest

from canaryproof.model.timeline import Timeline
from canaryproof.observe.event_rules import ObservedOutcome, observed_outcome
from canaryproof.timeouts import TimeLimits
from tests.unit.stories import CANARY, Story

POD = "upcommerce-canary-app-dcb7ccc7b-crs8p"
BACK_OFF = "Back-off restarting failed container canary in pod"


def after(*events: tuple[str, str, int], about: str = POD, kind: str = "Pod", seconds: float = 60) -> ObservedOutcome:
    """Return the outcome of a canary after its rollback, from events given by reason, message and count."""
    story = Story().at(1)
    for number, (reason, message, count) in enumerate(events):
        story.observe(
            {
                "kind": "Event",
                "metadata": {"name": f"e{number}", "uid": f"e{number}"},
                "involvedObject": {"kind": kind, "name": about},
                "reason": reason,
                "message": message,
                "count": count,
            }
        )
    return observed_outcome(
        story.timeline, CANARY, upgraded_at=0, rolled_back_at=seconds, now=3600, time_limits=TimeLimits()
    )


SCHEDULED = ("Scheduled", "Successfully assigned", 1)
STARTED = ("Started", "Container started", 1)


@pytest.mark.parametrize(
    ("events", "outcome", "reason"),
    [
        ([SCHEDULED, STARTED, ("BackOff", BACK_OFF, 4)], "crash-loop", "the kubelet backed off from restarting"),
        ([SCHEDULED, ("Started", "Container started", 3)], "crash-loop", "started 3 times in 1 pod"),
        ([SCHEDULED, ("Failed", 'Failed to pull image "x": not found', 2)], "image-pull", "Failed to pull image"),
        ([("FailedScheduling", "0/1 nodes are available", 1)], "unschedulable", "0/1 nodes"),
        ([SCHEDULED, ("Failed", 'Error: configmap "a" not found', 5)], "config-error", 'configmap "a" not found'),
        ([SCHEDULED, ("FailedMount", 'configmap "a" not found', 5)], "config-error", "not found"),
        ([SCHEDULED, ("Failed", "Error: executable file not found in $PATH", 2)], "start-error", "executable file"),
        (
            [SCHEDULED, STARTED, ("Killing", "Container canary failed liveness probe, will be restarted", 2)],
            "probe-killed",
            "failed liveness probe",
        ),
        ([SCHEDULED, STARTED], "healthy", "ran until it was taken away 60 s later"),
    ],
)
def test_events_tell_what_became_of_it(events: list[tuple[str, str, int]], outcome: str, reason: str) -> None:
    """The events decide the outcome as far as they can, and serve as its proof."""
    found = after(*events)

    assert (found.decision.outcome, found.is_unknown) == (outcome, False)
    assert reason in found.decision.reason
    assert len(found.decision.proof) == len(events)


def test_what_refuses_a_pod_is_said_of_its_replica_set() -> None:
    """The event of a refused pod is about its ReplicaSet, because the pod does not exist."""
    found = after(("FailedCreate", "exceeded quota", 3), about="upcommerce-canary-app-dcb7ccc7b", kind="ReplicaSet")

    assert (found.decision.outcome, found.decision.reason) == (
        "refused",
        "upcommerce-canary-app got no pod: exceeded quota",
    )


@pytest.mark.parametrize("other", ["upcommerce-app-6fcc65885b-5gljr", "upcommerce-canary-app-two-dcb7ccc7b-crs8p"])
def test_events_of_others_tell_nothing(other: str) -> None:
    """Events of other Deployments do not count, even if their names begin alike."""
    assert after(("BackOff", BACK_OFF, 4), about=other).is_unknown


def test_events_are_kept_for_an_hour() -> None:
    """The outcome is undecided after Kubernetes has deleted the events, after an hour, and the cause states this."""
    assert "no events about the pods of upcommerce-canary-app are left" in after().decision.reason


def test_a_canary_that_was_taken_away_at_once_shows_nothing() -> None:
    """A canary with one start and a rollback seconds later is undecided."""
    assert "do not tell its outcome: Scheduled, Started" in after(SCHEDULED, STARTED, seconds=2).decision.reason


def test_a_canary_that_is_there_is_seen_itself() -> None:
    """One observation of a pod in back-off proves two ends: the last one, and the counted ones."""
    story = Story().at(30).pod(POD)
    status = {
        "name": "canary",
        "restartCount": 3,
        "state": {"waiting": {"reason": "CrashLoopBackOff"}},
        "lastState": {"terminated": {"exitCode": 1, "reason": "Error", "containerID": "c3"}},
    }
    pod = story.timeline.observations[-1].object.body
    pod["status"]["containerStatuses"] = [status]

    found = observed_outcome(
        story.timeline, CANARY, upgraded_at=0, rolled_back_at=None, now=60, time_limits=TimeLimits()
    )

    assert (found.decision.outcome, found.is_unknown) == ("crash-loop", False)
    assert "exit code 1" in found.decision.reason


def test_nothing_at_all_is_a_gap() -> None:
    """A release without any evidence of the canary is a gap, and neither a crash nor an error."""
    found = observed_outcome(Timeline(), CANARY, upgraded_at=0, rolled_back_at=9, now=60, time_limits=TimeLimits())

    assert (found.decision.outcome, found.is_unknown) == ("undecided", True)
