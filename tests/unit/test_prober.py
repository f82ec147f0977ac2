"""The prober sends its requests on schedule, ends at once, and counts only failures of the Service."""

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
    """Wait until *prober* has sent some requests."""
    wait_for("probes", lambda: len(prober.probes) >= times or None, within=SOON, changes=Ticks(0.005))


def test_every_answer_is_kept_with_its_time() -> None:
    """The prober records successes and failures in order, each with the time of its request."""
    answers = iter([None, Unanswered("HTTP 503")])

    with Prober(lambda: next(answers, None), now=time.monotonic, every=0.01) as prober:
        asked(3, prober)

    assert [probe.error for probe in prober.probes[:3]] == ["", "HTTP 503", ""]
    assert sorted(probe.at for probe in prober.probes) == [probe.at for probe in prober.probes]


def test_nothing_is_asked_after_the_end() -> None:
    """The prober sends no request after its block, so that the record is complete."""
    with Prober(lambda: None, now=time.monotonic, every=0.01) as prober:
        asked(2, prober)
    probes = prober.probes

    Ticks(0.05).wait(1)

    assert prober.probes == probes


def test_the_end_does_not_wait_for_the_next_request() -> None:
    """The prober ends at once even if its interval is an hour."""
    began = time.monotonic()

    with Prober(lambda: None, now=time.monotonic, every=3600) as prober:
        asked(1, prober)

    assert time.monotonic() - began < SOON


def test_a_request_without_an_answer_does_not_hold_up_the_next() -> None:
    """The prober sends the next request while an earlier one has no answer, and records all in order of their start."""
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
    """The prober sends a request at once on demand, even if its interval is an hour."""
    with Prober(lambda: None, now=time.monotonic, every=3600) as prober:
        asked(1, prober)
        prober.ask()
        asked(2, prober)


def unreachable(times: int) -> Callable[[], None]:
    """Return a visit function that reports a cluster fault a few times, and then an answer."""
    left = iter(range(times))

    def visit() -> None:
        if next(left, None) is not None:
            raise InfrastructureError("the Kubernetes API cannot be reached")

    return visit


def test_a_fault_of_the_cluster_is_no_probe() -> None:
    """The prober does not count a request that the API server could not forward, and ignores a temporary fault."""
    with Prober(unreachable(2), now=time.monotonic, every=0.01) as prober:
        asked(1, prober)

    assert not any(probe.error for probe in prober.probes)
    assert prober.fault == ""


def test_a_lasting_fault_is_reported() -> None:
    """The prober reports a cluster fault if its latest request met one."""
    with Prober(unreachable(10**9), now=time.monotonic, every=0.01) as prober:
        wait_for("fault", lambda: prober.fault or None, within=SOON, changes=Ticks(0.005))

    assert prober.fault == "the Kubernetes API cannot be reached"
    assert prober.probes == ()


@pytest.mark.parametrize(("now", "due"), [(10.0, 10.5), (10.4, 10.5), (10.6, 11.0), (13.2, 13.5)])
def test_a_slow_answer_skips_requests(now: float, due: float) -> None:
    """The prober skips scheduled requests during a slow answer. Its schedule neither drifts nor catches up."""
    assert next_due(10.0, now, 0.5) == pytest.approx(due)
