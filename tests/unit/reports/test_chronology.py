"""The chart of an experiment shows each observed state at the time of its observation."""

from __future__ import annotations

from dataclasses import replace

from canaryproof.model.evidence import Decision, Evidence, Probe, Step
from canaryproof.reports.chronology import PODS, Lane, picture
from tests.unit.reports.hostile import EVIDENCE
from tests.unit.stories import Story, because


def lane(story: Story, evidence: Evidence = EVIDENCE) -> Lane:
    """Return the drawn lane of the only pod in *story*."""
    drawn = picture(replace(evidence, timeline=story.timeline))
    assert drawn
    (only,) = drawn.lanes
    return only


def states(drawn: Lane) -> list[tuple[str, float, float]]:
    """Return the spans of a lane as state, start and end."""
    return [(each.state, each.began, each.ended) for each in drawn.stretches]


def test_a_crash_loop_is_drawn_from_its_start_to_its_end() -> None:
    """The chart draws each state of a crash loop for its duration, and marks each end of the container."""
    story = (
        Story()
        .at(2.0)
        .pod()
        .at(2.5)
        .running()
        .at(3.0)
        .ended(1)
        .at(3.1)
        .running()
        .at(3.5)
        .ended(1)
        .at(3.6)
        .waiting("CrashLoopBackOff")
        .at(4.5)
        .deleting()
        .at(5.0)
        .gone()
    )

    drawn = lane(story)

    assert drawn.role == "canary"
    assert states(drawn) == [
        ("waiting", 2.0, 2.5),
        ("ready", 2.5, 3.0),
        ("crashed", 3.0, 3.1),
        ("ready", 3.1, 3.5),
        ("crashed", 3.5, 3.6),
        ("back-off", 3.6, 4.5),
        ("leaving", 4.5, 5.0),
    ]
    assert [(crash.at, crash.said) for crash in drawn.crashes] == [
        (at, "canary: exit code 1 (Error)") for at in (3.0, 3.5)
    ]


def test_an_end_that_nobody_saw_is_marked_where_it_was_told() -> None:
    """The chart marks a crash between two observations at the time when the restart count reports it."""
    drawn = lane(Story().at(2).pod().at(2.5).running().ended(1, seen=False).at(3).running())

    assert [crash.at for crash in drawn.crashes] == [3]
    assert states(drawn) == [("waiting", 2, 2.5), ("ready", 2.5, 6.0)]


def test_a_container_that_goes_with_its_pod_has_not_crashed() -> None:
    """The chart shows no crash for a container that ends with its pod, whatever its exit code is."""
    drawn = lane(Story().at(2).pod().at(3).running().at(4).deleting().at(4.5).ended(143).at(5).gone())

    assert drawn.crashes == ()
    assert states(drawn)[-1] == ("leaving", 4, 5)


def test_what_keeps_a_container_from_starting_has_its_name() -> None:
    """The chart shows an image that cannot be pulled under its own name, not as a crash or a back-off."""
    drawn = lane(Story().at(2).pod().at(3).waiting("ErrImagePull").at(4).waiting("ImagePullBackOff"))

    assert [(each.state, each.said) for each in drawn.stretches[1:]] == [
        ("stuck", "ErrImagePull"),
        ("stuck", "ImagePullBackOff"),
    ]
    assert drawn.crashes == ()


def test_running_is_not_ready_and_an_end_with_zero_is_no_crash() -> None:
    """The chart shows a running container that is not Ready, and an end with exit code 0, each as its own state."""
    drawn = lane(Story().at(2).pod().at(3).running(ready=False).at(4).ended(0))

    assert [each.state for each in drawn.stretches] == ["waiting", "running", "ended"]
    assert [each.said for each in drawn.crashes] == ["canary: exit code 0 (Completed)"]


def test_pods_of_the_courses_app_are_told_from_others() -> None:
    """The chart recognises the pods of the stable app by the Deployment that owns them, not by their names."""
    assert lane(Story("upcommerce-app").at(1).pod()).role == "stable"
    assert lane(Story("something").at(1).pod()).role == "other"


def test_revisions_follow_each_other() -> None:
    """The chart shows each revision from the start of Helm's operation, and marks a failed one."""
    drawn = picture(EVIDENCE)
    failed = picture(replace(EVIDENCE, upgrade=Step("helm upgrade", 1.5, 1.9, "no"), rollback=None))

    assert drawn
    assert failed
    assert [(each.state, each.began, each.ended) for each in drawn.revisions] == [
        ("install", 0.1, 1.5),
        ("upgrade", 1.5, 4.0),
        ("rollback", 4.0, 6.0),
    ]
    assert [(each.state, each.ended) for each in failed.revisions] == [("install", 1.5), ("failed", 6.0)]


def test_answers_and_silence_of_stable_are_told_apart() -> None:
    """The chart draws consecutive answers of the stable Service as one span. An outage shows its duration and cause."""
    probes = (Probe(1.0, 0.1), Probe(1.2, 0.1), Probe(1.4, 0, "refused"), Probe(1.6, 0.1, "refused"), Probe(1.8, 0.1))

    drawn = picture(replace(EVIDENCE, probes=probes))

    assert drawn
    assert [(each.state, each.began) for each in drawn.answers] == [
        ("answered", 1.0),
        ("silent", 1.4),
        ("answered", 1.8),
    ]
    assert drawn.answers[1].said == "2 requests not answered, 0.2 s: refused"
    assert (drawn.answered, drawn.requests) == (3, 5)


def test_a_request_that_failed_alone_is_no_outage() -> None:
    """The chart draws a single failed request not as an outage, because its duration is unknown."""
    drawn = picture(replace(EVIDENCE, probes=(Probe(1.0, 0.1), Probe(1.2, 0.1, "refused"), Probe(1.4, 0.1))))

    assert drawn
    assert drawn.answers[1].said == "1 request not answered: refused"


def test_each_moment_names_the_checks_that_it_settled() -> None:
    """The chart lists each moment in time order with the checks that it settled.

    The end settles the remaining checks.
    """
    drawn = picture(EVIDENCE)
    stays = picture(replace(EVIDENCE, gone_at=None))

    assert drawn
    assert stays
    moments = [(each.key, each.at) for each in drawn.moments]
    assert moments == sorted(moments, key=lambda each: each[1])
    by_key = {each.key: each.settled for each in drawn.moments}
    assert by_key["fate"] == ("canary-outcome",)
    assert by_key["gone"] == ("canary-gone",)
    assert "canary-gone" in stays.moments[-1].settled


def test_an_experiment_that_did_not_begin_has_no_picture() -> None:
    """An experiment that did not start has no chart."""
    assert picture(Evidence("shop", "", decision=Decision("broken-chart", because("no")))) is None


def test_a_chart_with_many_pods_keeps_the_picture_small() -> None:
    """The chart limits the number of pods, and counts the omitted ones."""
    story = Story()
    for number in range(PODS + 5):
        story.at(2).pod(str(number))

    drawn = picture(replace(EVIDENCE, timeline=story.timeline))

    assert drawn
    assert (len(drawn.lanes), drawn.hidden) == (PODS, 5)
