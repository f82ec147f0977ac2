"""The picture of an experiment shows what was seen, when it was seen."""

from __future__ import annotations

from dataclasses import replace

from canaryproof.model.evidence import Decision, Evidence, Probe, Step
from canaryproof.reports.chronology import PODS, Lane, picture
from tests.unit.reports.hostile import EVIDENCE
from tests.unit.stories import Story, because


def lane(story: Story, evidence: Evidence = EVIDENCE) -> Lane:
    """Return what is drawn of the only pod of *story*."""
    drawn = picture(replace(evidence, timeline=story.timeline))
    assert drawn
    (only,) = drawn.lanes
    return only


def states(drawn: Lane) -> list[tuple[str, float, float]]:
    """Return the stretches of a lane: state, beginning and end."""
    return [(each.state, each.began, each.ended) for each in drawn.stretches]


def test_a_crash_loop_is_drawn_from_its_start_to_its_end() -> None:
    """Each state as long as it lasted, and a mark for each end of the container."""
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
    """A container that was restarted between two looks has crashed all the same."""
    drawn = lane(Story().at(2).pod().at(2.5).running().ended(1, seen=False).at(3).running())

    assert [crash.at for crash in drawn.crashes] == [3]
    assert states(drawn) == [("waiting", 2, 2.5), ("ready", 2.5, 6.0)]


def test_a_container_that_goes_with_its_pod_has_not_crashed() -> None:
    """A program that is told to end may say so with any code."""
    drawn = lane(Story().at(2).pod().at(3).running().at(4).deleting().at(4.5).ended(143).at(5).gone())

    assert drawn.crashes == ()
    assert states(drawn)[-1] == ("leaving", 4, 5)


def test_what_keeps_a_container_from_starting_has_its_name() -> None:
    """An image that cannot be pulled is no crash and no back-off."""
    drawn = lane(Story().at(2).pod().at(3).waiting("ErrImagePull").at(4).waiting("ImagePullBackOff"))

    assert [(each.state, each.said) for each in drawn.stretches[1:]] == [
        ("stuck", "ErrImagePull"),
        ("stuck", "ImagePullBackOff"),
    ]
    assert drawn.crashes == ()


def test_running_is_not_ready_and_an_end_with_zero_is_no_crash() -> None:
    """Each has a state of its own."""
    drawn = lane(Story().at(2).pod().at(3).running(ready=False).at(4).ended(0))

    assert [each.state for each in drawn.stretches] == ["waiting", "running", "ended"]
    assert [each.said for each in drawn.crashes] == ["canary: exit code 0 (Completed)"]


def test_pods_of_the_courses_app_are_told_from_others() -> None:
    """By the Deployment that owns them, whatever they are called."""
    assert lane(Story("upcommerce-app").at(1).pod()).role == "stable"
    assert lane(Story("something").at(1).pod()).role == "other"


def test_revisions_follow_each_other() -> None:
    """Each from the moment that Helm began with it; one that Helm could not apply is told apart."""
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
    """Requests in a row are one stretch; an outage says how long and why."""
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
    """It shows that the Service was silent for a moment, and not for how long."""
    drawn = picture(replace(EVIDENCE, probes=(Probe(1.0, 0.1), Probe(1.2, 0.1, "refused"), Probe(1.4, 0.1))))

    assert drawn
    assert drawn.answers[1].said == "1 request not answered: refused"


def test_each_moment_names_the_checks_that_it_settled() -> None:
    """In the order of time; what never came is settled by the end."""
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
    """A chart that does not render leaves nothing to draw."""
    assert picture(Evidence("shop", "", decision=Decision("broken-chart", because("no")))) is None


def test_a_chart_with_many_pods_keeps_the_picture_small() -> None:
    """What is not drawn is counted."""
    story = Story()
    for number in range(PODS + 5):
        story.at(2).pod(str(number))

    drawn = picture(replace(EVIDENCE, timeline=story.timeline))

    assert drawn
    assert (len(drawn.lanes), drawn.hidden) == (PODS, 5)
