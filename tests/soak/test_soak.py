"""The reference and five faults get the same verdict fifty times, also on a busy machine."""

from __future__ import annotations

import os
from contextlib import nullcontext

import pytest

from tests.corpus.catalogue import CORPUS
from tests.corpus.trial import expected, try_all
from tests.soak.load import busy
from tests.soak.tally import wobbles

pytestmark = pytest.mark.soak

CHARTS = (
    "reference",
    "mistyped-tag",  # quick: decided before any container runs
    "two-replicas",  # two pods that crash in turn
    "exits-cleanly",  # ends like the reference, with another exit code
    "killed-by-its-liveness-probe",  # the kubelet's message distinguishes it from a crash
    "finalizer-on-the-service",  # outlives the rollback until its finalizer is dropped
)
NUMBER = int(os.environ.get("CANARYPROOF_SOAK", "50"))
CORES = os.cpu_count() or 1


@pytest.mark.parametrize("processes", [0, CORES], ids=["calm", "busy"])
def test_a_verdict_does_not_wobble(tmp_path_factory: pytest.TempPathFactory, processes: int) -> None:
    """Every repetition of a chart gets the expected result."""
    charts = {f"{name}-{number:03}": CORPUS[name] for number in range(NUMBER) for name in CHARTS}
    with busy(processes) if processes else nullcontext():
        said = try_all(charts, tmp_path_factory.mktemp("soak"))

    verdicts = [(name[:-4], told.verdict) for name, told in said.items()]
    table = wobbles({name: expected(CORPUS[name]) for name in CHARTS}, verdicts)

    assert len(verdicts) == NUMBER * len(CHARTS)
    assert not table, f"of {NUMBER} repetitions each:\n{table}"
