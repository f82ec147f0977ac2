"""An outage covers only the time in which requests were observed to fail."""

from __future__ import annotations

from dataclasses import replace

import pytest

from canaryproof.analysis.availability import is_certain, longest, outages
from canaryproof.model.evidence import Probe
from canaryproof.timeouts import TimeLimits

TIMED_OUT = "no answer within 2 s"


def test_outage_lasts_from_the_first_failure_to_the_last() -> None:
    """An outage lasts from the first failure to the last, without the answers before and after it."""
    (outage,) = outages(
        [Probe(0, 0.5), Probe(1, 2, TIMED_OUT, timed_out=True), Probe(3.1, 0.1, "refused"), Probe(4, 0.25)],
        TimeLimits(),
    )

    assert (outage.began, outage.ended, outage.failures, outage.error) == (1, 3.2, 2, "refused")
    assert outage.seconds == pytest.approx(2.1)


def test_what_was_refused_at_one_moment_was_not_silent_for_longer() -> None:
    """An outage does not count the delay before a busy machine notices a refused connection."""
    stalled = [Probe(3.1, 0.03), Probe(3.5, 3.7, "refused"), Probe(5.0, 2.2, "refused"), Probe(7.2, 0.02)]
    (outage,) = outages(stalled, TimeLimits())

    assert outage.seconds == 0
    assert (outage.began, outage.ended) == (3.5, 7.0), "it is shown for as long as it may have been"


def refused(every: float, seconds: float, at_once: int = 4, until: float = 5.0) -> list[Probe]:
    """Return the observations of an outage of 5 s.

    Requests are refused after *seconds*, with at most *at_once* in parallel.
    """
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
    """Consecutive refusals for five seconds exceed the limit of two, however slow the refusals and the machine are."""
    (outage,) = outages(refused(every, seconds), TimeLimits())

    assert known <= outage.seconds <= 5


def test_more_failures_are_no_shorter_outage() -> None:
    """A failure that was noticed late does not shorten the outage that follows."""
    late, following = Probe(0, 3, "refused"), [Probe(2.5 + number / 4, 0.01, "refused") for number in range(13)]

    (without,) = outages(following, TimeLimits())
    (whole,) = outages([late, *following], TimeLimits())
    assert whole.seconds >= without.seconds == pytest.approx(2.99)


def test_requests_that_were_sent_late_do_not_lengthen_it() -> None:
    """A request that was sent late does not extend an outage, because nothing was asked in the meantime."""
    (outage,) = outages([Probe(1, 0, "refused"), Probe(6, 0, "refused"), Probe(6.1, 0, "refused")], TimeLimits())

    assert outage.seconds == pytest.approx(0.1 + 2 * TimeLimits().probe_every)


def test_a_time_out_that_was_noticed_late_does_not_lengthen_it() -> None:
    """A timeout that was noticed late does not extend an outage beyond the request's time limit."""
    (outage,) = outages([Probe(1, 3.5, "no answer within 2 s", timed_out=True)], TimeLimits())

    assert outage.seconds == pytest.approx(2)


def test_one_lost_request_is_no_outage_that_counts() -> None:
    """One lost request is no relevant outage, because the next request is sent in time to succeed."""
    worst = longest(
        [Probe(0, 0.01), Probe(0.1, 2, "no answer within 2 s", timed_out=True), Probe(0.2, 0.01), Probe(0.3, 0.01)],
        TimeLimits(),
    )

    assert worst
    assert worst.seconds == pytest.approx(0.1)


def test_requests_that_overlap_are_counted_once() -> None:
    """Overlapping failed requests count once."""
    waiting = [Probe(number / 10, 2, "no answer within 2 s", timed_out=True) for number in range(4)]
    (outage,) = outages([*waiting, Probe(2.3, 0, "refused"), Probe(2.6, 0)], TimeLimits())

    assert outage.seconds == pytest.approx(2.3)


def test_every_outage_is_told() -> None:
    """An answer between two failures separates two outages, and a slow answer is no outage."""
    probes = [Probe(0, 0), Probe(1, 0, "x"), Probe(2, 0), Probe(3, 1.9), Probe(5, 0, "y"), Probe(6, 0)]

    assert [outage.error for outage in outages(probes, TimeLimits())] == ["x", "y"]
    assert outages([], TimeLimits()) == ()
    assert longest(probes[:1], TimeLimits()) is None


def test_silence_is_certain_once_it_lasts() -> None:
    """The availability is certain after an answer, or once an outage exceeds the limit.

    A few failures prove nothing.
    """
    failing = tuple(Probe(number / 10, 0, "refused") for number in range(30))

    assert not is_certain((), 0, TimeLimits())
    assert not is_certain(failing[:15], 0, TimeLimits())
    assert is_certain(failing, 0, TimeLimits())
    assert is_certain((*failing[:3], Probe(0.3, 0)), 0, TimeLimits())
    assert not is_certain(failing, 1.5, TimeLimits()), "what failed before does not count"


def test_the_longest_outage_is_not_the_first_nor_the_last() -> None:
    """The longest outage is that with the longest duration by the run's time limits, wherever it occurs."""
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
    """The time limits of the run decide when an outage is certain. A request sent at *since* counts."""
    patient = TimeLimits(probe_every=1, probe_timeout=8, outage=8)
    failing = tuple(Probe(number * patient.probe_every, 0, "refused") for number in range(5))
    long = Probe(0, patient.probe_timeout, "no answer", timed_out=True)

    assert is_certain((Probe(1, 0),), 1, TimeLimits())
    assert not is_certain(failing, 0, patient)
    assert not is_certain((long,), 0, replace(patient, outage=patient.probe_timeout))
    assert is_certain((long,), 0, replace(patient, outage=patient.probe_timeout - 1))


def test_a_short_request_does_not_hide_that_a_longer_one_was_under_way() -> None:
    """A time in which a longer request waits counts as covered, even if a shorter request overlaps it."""
    waiting = Probe(0, 2, "no answer within 2 s", timed_out=True)
    (outage,) = outages([waiting, Probe(0.2, 0, "refused"), Probe(2.1, 0, "refused")], TimeLimits())

    assert outage.seconds == pytest.approx(2.1)
