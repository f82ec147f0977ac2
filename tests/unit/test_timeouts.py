"""A slow machine gets more time for everything that its cluster decides, and for nothing else."""

from __future__ import annotations

from canaryproof.timeouts import DURATIONS, TimeLimits


def test_what_the_cluster_decides_is_stretched() -> None:
    """Limits, observation and rules grow together: twice a limit with half the observation would be another rule."""
    slow = DURATIONS.stretched(4)

    assert slow.settle / DURATIONS.settle == 4
    assert slow.observation / DURATIONS.observation == 4
    assert slow.outage / DURATIONS.outage == slow.probe_timeout / DURATIONS.probe_timeout == 4
    assert slow.patience == 4


def test_what_people_wait_for_stays() -> None:
    """Progress shows as soon as ever, and a download takes no longer."""
    slow = DURATIONS.stretched(4)

    assert (slow.worth_showing, slow.fetch) == (DURATIONS.worth_showing, DURATIONS.fetch)


def test_a_usual_machine_changes_nothing() -> None:
    """A patience of one is the default."""
    assert TimeLimits().stretched(1) == DURATIONS


def test_images_that_are_pulled_take_their_time() -> None:
    """Whatever waits for a container to start waits longer; what is judged by stays the same."""
    pulling = DURATIONS.with_pulls()

    assert pulling.settle == pulling.observation_extended == DURATIONS.pull > DURATIONS.settle
    assert (pulling.observation, pulling.hold, pulling.outage) == (
        DURATIONS.observation,
        DURATIONS.hold,
        DURATIONS.outage,
    )
