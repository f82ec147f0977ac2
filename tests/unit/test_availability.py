"""An outage is what was seen to fail, and no more."""

from __future__ import annotations

from dataclasses import replace

import pytest

from canaryproof.analysis.availability import is_certain, longest, outages
from canaryproof.model.evidence import Probe
from canaryproof.timeouts import TimeLimits

TIMED_OUT = "no answer within 2 s"


def test_outage_lasts_from_the_first_failure_to_the_last() -> None:
    """The answers before and after it do not belong to it."""
    (outage,) = outages(
        [Probe(0, 0.5), Probe(1, 2, TIMED_OUT, timed_out=True), Probe(3.1, 0.1, "refused"), Probe(4, 0.25)],
        TimeLimits(),
    )

    assert (outage.began, outage.ended, outage.failures, outage.error) == (1, 3.2, 2, "refused")
    assert outage.seconds == pytest.approx(2.1)


def test_what_was_refused_at_one_moment_was_not_silent_for_longer() -> None:
    """A busy machine makes a request now and learns seconds later what became of it: both may have met one moment."""
    stalled = [Probe(3.1, 0.03), Probe(3.5, 3.7, "refused"), Probe(5.0, 2.2, "refused"), Probe(7.2, 0.02)]
    (outage,) = outages(stalled, TimeLimits())

    assert outage.seconds == 0
    assert (outage.began, outage.ended) == (3.5, 7.0), "it is shown for as long as it may have been"


def refused(every: float, seconds: float, at_once: int = 4, until: float = 5.0) -> list[Probe]:
    """Return what is seen of an outage of 5 s: requests that are refused after *seconds*, so many *at_once* at most."""
    probes, at = list[Probe](), 0.0
    while at < until:
        probes.append(Probe(at, seconds, "refused"))
        full = len(probes) >= at_once
        at = max(at + every, probes[-at_once].at + seconds if full else 0)
    return probes


@pytest.mark.parametrize(
    ("every", "seconds", "known"),
    [(0.25, 0.005, 4.7), (0.25, 0.5, 4.2), (0.25, 1.5, 2.5), (0.25, 1.9, 2.5), (0.5, 0.3, 4.0), (0.75, 0.1, 2.5)],
    ids=["at-once", "slowly", "very-slowly", "hardly", "busy-machine", "very-busy-machine"],
)
def test_refusals_one_after_the_other_are_an_outage(every: float, seconds: float, known: float) -> None:
    """However long a refusal takes, and on a machine that asks late, five seconds of them are more than two."""
    (outage,) = outages(refused(every, seconds), TimeLimits())

    assert known <= outage.seconds <= 5


def test_more_failures_are_no_shorter_outage() -> None:
    """What was learned late at its beginning does not make what followed unseen."""
    late, following = Probe(0, 3, "refused"), [Probe(2.5 + number / 4, 0.01, "refused") for number in range(13)]

    (without,) = outages(following, TimeLimits())
    (whole,) = outages([late, *following], TimeLimits())
    assert whole.seconds >= without.seconds == pytest.approx(2.99)


def test_requests_that_were_sent_late_do_not_lengthen_it() -> None:
    """A busy machine asks late: in that time nobody knows whether the Service would have answered."""
    (outage,) = outages([Probe(1, 0, "refused"), Probe(6, 0, "refused"), Probe(6.1, 0, "refused")], TimeLimits())

    assert outage.seconds == pytest.approx(0.1 + 2 * TimeLimits().probe_every)


def test_a_time_out_that_was_noticed_late_does_not_lengthen_it() -> None:
    """No request has longer than its limit to be answered."""
    (outage,) = outages([Probe(1, 3.5, "no answer within 2 s", timed_out=True)], TimeLimits())

    assert outage.seconds == pytest.approx(2)


def test_one_lost_request_is_no_outage_that_counts() -> None:
    """A request to a pod that has just gone may hang: the next one is sent in time to show that it was alone."""
    worst = longest(
        [Probe(0, 0.01), Probe(0.1, 2, "no answer within 2 s", timed_out=True), Probe(0.2, 0.01), Probe(0.3, 0.01)],
        TimeLimits(),
    )

    assert worst
    assert worst.seconds == pytest.approx(0.1)


def test_requests_that_overlap_are_counted_once() -> None:
    """Silence of four requests at once lasts as long as that of one."""
    waiting = [Probe(number / 10, 2, "no answer within 2 s", timed_out=True) for number in range(4)]
    (outage,) = outages([*waiting, Probe(2.3, 0, "refused"), Probe(2.6, 0)], TimeLimits())

    assert outage.seconds == pytest.approx(2.3)


def test_every_outage_is_told() -> None:
    """Outages are apart where an answer came between them; a slow answer is none."""
    probes = [Probe(0, 0), Probe(1, 0, "x"), Probe(2, 0), Probe(3, 1.9), Probe(5, 0, "y"), Probe(6, 0)]

    assert [outage.error for outage in outages(probes, TimeLimits())] == ["x", "y"]
    assert outages([], TimeLimits()) == ()
    assert longest(probes[:1], TimeLimits()) is None


def test_silence_is_certain_once_it_lasts() -> None:
    """A moment after a switch says nothing; an answer does, and so does silence beyond the limit."""
    failing = tuple(Probe(number / 10, 0, "refused") for number in range(30))

    assert not is_certain((), 0, TimeLimits())
    assert not is_certain(failing[:15], 0, TimeLimits())
    assert is_certain(failing, 0, TimeLimits())
    assert is_certain((*failing[:3], Probe(0.3, 0)), 0, TimeLimits())
    assert not is_certain(failing, 1.5, TimeLimits()), "what failed before does not count"


def test_the_longest_outage_is_not_the_first_nor_the_last() -> None:
    """It is the one with the longest silence, by the limits of the run."""
    patient = TimeLimits(probe_timeout=4)
    probes = [
        Probe(0, 0, "first"),
        Probe(1, 0),
        Probe(2, 3, "longest", timed_out=True),
        Probe(5, 0),
        Probe(6, 0, "z"),
        Probe(7, 0),
    ]

    worst, stretched = longest(probes, TimeLimits()), longest(probes, patient)

    assert worst
    assert stretched
    assert (worst.error, worst.seconds, stretched.seconds) == ("longest", 2, 3)


def test_silence_is_certain_by_the_limits_of_the_run() -> None:
    """On a slow machine an outage may be longer, and requests are further apart; a request at *since* counts."""
    patient = TimeLimits(probe_every=1, probe_timeout=8, outage=8)
    failing = tuple(Probe(number * patient.probe_every, 0, "refused") for number in range(5))
    long = Probe(0, patient.probe_timeout, "no answer", timed_out=True)

    assert is_certain((Probe(1, 0),), 1, TimeLimits())
    assert not is_certain(failing, 0, patient)
    assert not is_certain((long,), 0, replace(patient, outage=patient.probe_timeout))
    assert is_certain((long,), 0, replace(patient, outage=patient.probe_timeout - 1))


def test_a_short_request_does_not_hide_that_a_longer_one_was_under_way() -> None:
    """Requests overlap: no time counts as unasked while one of them waits."""
    waiting = Probe(0, 2, "no answer within 2 s", timed_out=True)
    (outage,) = outages([waiting, Probe(0.2, 0, "refused"), Probe(2.1, 0, "refused")], TimeLimits())

    assert outage.seconds == pytest.approx(2.1)
