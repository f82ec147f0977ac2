"""The prober asks on time, ends on demand, and blames the Service only for its own silence."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

import pytest

from canaryproof.errors import InfrastructureError
from canaryproof.experiment.prober import Prober, next_due
from canaryproof.model.evidence import Unanswered
from canaryproof.system.wait import Ticks, wait_for

SOON = 5.0


def asked(times: int, prober: Prober) -> None:
    """Wait until *prober* has made some requests."""
    wait_for("probes", lambda: len(prober.probes) >= times or None, within=SOON, changes=Ticks(0.005))


def test_every_answer_is_kept_with_its_time() -> None:
    """Successes and failures are recorded in order, each with when it was asked."""
    answers = iter([None, Unanswered("HTTP 503")])

    with Prober(lambda: next(answers, None), now=time.monotonic, every=0.01) as prober:
        asked(3, prober)

    assert [probe.error for probe in prober.probes[:3]] == ["", "HTTP 503", ""]
    assert sorted(probe.at for probe in prober.probes) == [probe.at for probe in prober.probes]


def test_nothing_is_asked_after_the_end() -> None:
    """Leaving the block ends the thread: the record is complete."""
    with Prober(lambda: None, now=time.monotonic, every=0.01) as prober:
        asked(2, prober)
    probes = prober.probes

    Ticks(0.05).wait(1)

    assert prober.probes == probes


def test_the_end_does_not_wait_for_the_next_request() -> None:
    """A prober that asks once an hour ends at once."""
    began = time.monotonic()

    with Prober(lambda: None, now=time.monotonic, every=3600) as prober:
        asked(1, prober)

    assert time.monotonic() - began < SOON


def test_a_request_without_an_answer_does_not_hold_up_the_next() -> None:
    """A lost request ends late; those made after it are answered meanwhile, and the record is in order."""
    answered = threading.Event()
    first = iter([True])

    def visit() -> Unanswered | None:
        if not next(first, False):
            return None
        return Unanswered("no answer" if answered.wait(SOON) else "nobody else was asked", timed_out=True)

    with Prober(visit, now=time.monotonic, every=0.01) as prober:
        asked(3, prober)
        answered.set()

    assert [probe.error for probe in prober.probes[:3]] == ["no answer", "", ""]


def test_who_waits_for_an_answer_need_not_wait_for_the_next_request() -> None:
    """A prober that asks once an hour asks at once when it is told to."""
    with Prober(lambda: None, now=time.monotonic, every=3600) as prober:
        asked(1, prober)
        prober.ask()
        asked(2, prober)


def unreachable(times: int) -> Callable[[], None]:
    """Return a visit that finds the cluster at fault a few times, then gets an answer."""
    left = iter(range(times))

    def visit() -> None:
        if next(left, None) is not None:
            raise InfrastructureError("the Kubernetes API cannot be reached")

    return visit


def test_a_fault_of_the_cluster_is_no_probe() -> None:
    """Requests that never left the API server are not held against the Service, and a passing fault is forgotten."""
    with Prober(unreachable(2), now=time.monotonic, every=0.01) as prober:
        asked(1, prober)

    assert not any(probe.error for probe in prober.probes)
    assert prober.fault == ""


def test_a_lasting_fault_is_reported() -> None:
    """When the latest request found the cluster at fault, the prober says so."""
    with Prober(unreachable(10**9), now=time.monotonic, every=0.01) as prober:
        wait_for("fault", lambda: prober.fault or None, within=SOON, changes=Ticks(0.005))

    assert prober.fault == "the Kubernetes API cannot be reached"
    assert prober.probes == ()


@pytest.mark.parametrize(("now", "due"), [(10.0, 10.5), (10.4, 10.5), (10.6, 11.0), (13.2, 13.5)])
def test_a_slow_answer_skips_requests(now: float, due: float) -> None:
    """The schedule is a grid from the first request on: it neither drifts nor catches up in a burst."""
    assert next_due(10.0, now, 0.5) == pytest.approx(due)
