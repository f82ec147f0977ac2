"""A run over a class can be resumed after a stop, and a dead cluster loses no verdicts."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable
from pathlib import Path

import pytest

from canaryproof.system.wait import Ticks, wait_for
from tests.cluster.jobs import main_job, processes_of, rows_of, running
from tests.corpus.catalogue import CORPUS

pytestmark = pytest.mark.cluster

INFRASTRUCTURE = 8
BROKEN, RIGHT, WRONG, SLOW = "brace-missing", "reference", "mistyped-tag", "stays-healthy"
MINUTES = 300


@pytest.fixture
def handed_in(tmp_path: Path) -> Callable[..., str]:
    """Return a function that writes a class of mutations, given by name, and returns the option for it."""

    def write(*names: str) -> str:
        for name in names:
            if not (tmp_path / "class" / name).exists():
                CORPUS[name].write(tmp_path / "class" / name)
        return f"--canaryproof-submissions={tmp_path / 'class'}"

    (tmp_path / "class").mkdir()
    return write


def kept(reports: Path, *names: str) -> None:
    """Wait until the flight records of some submissions are written."""
    wait_for(
        f"records of {', '.join(names)}",
        lambda: all((reports / "evidence" / f"{name}.jsonl").exists() for name in names) or None,
        within=MINUTES,
        changes=Ticks(),
    )


def test_a_stopped_run_goes_on_with_what_is_left(tmp_path: Path, handed_in: Callable[..., str]) -> None:
    """SIGTERM keeps the verdicts so far and removes the cluster.

    ``--resume`` tries the remaining and changed submissions.
    """
    reports, submissions = tmp_path / "reports", handed_in(BROKEN, RIGHT, WRONG, SLOW)
    with main_job(tmp_path, reports, submissions) as job:
        kept(reports, BROKEN, RIGHT, WRONG)
        job.send_signal(signal.SIGTERM)
        assert job.wait(20) == pytest.ExitCode.INTERRUPTED
    stopped = rows_of(reports)
    left = processes_of(tmp_path)
    (tmp_path / "class" / WRONG / "values.yaml").unlink()

    with main_job(tmp_path, reports, submissions, "--canaryproof-resume") as job:
        assert job.wait(MINUTES) == pytest.ExitCode.TESTS_FAILED
    finished = rows_of(reports)

    assert not left
    assert {name: row["verdict"] for name, row in stopped.items()} == {
        BROKEN: "rejected",
        WRONG: "rejected",
        RIGHT: "accepted",
        SLOW: "error",
    }
    assert {name for name, row in finished.items() if row.get("resumed")} == {BROKEN, RIGHT}
    assert (finished[SLOW]["outcome"], finished[WRONG]["outcome"]) == ("healthy", "broken-chart")
    assert [finished[name]["score"] for name in (BROKEN, RIGHT)] == [stopped[name]["score"] for name in (BROKEN, RIGHT)]


def test_a_cluster_that_dies_in_the_middle_takes_no_verdict_with_it(
    tmp_path: Path, handed_in: Callable[..., str]
) -> None:
    """A cluster that dies during a run changes no verdict.

    The other submissions end with an error, which is shown first.
    """
    reports = tmp_path / "reports"
    with main_job(tmp_path, reports, handed_in(BROKEN, RIGHT, SLOW)) as job:
        kept(reports, BROKEN, RIGHT)
        victim = wait_for("kubelet", lambda: running("kubelet", tmp_path), within=1, changes=Ticks())
        os.kill(victim, signal.SIGKILL)
        assert job.wait(20) == INFRASTRUCTURE

    rows = rows_of(reports)
    said = (tmp_path / "output").read_text(encoding="utf-8").partition("= submissions =")[2].splitlines()
    assert {name: row["verdict"] for name, row in rows.items()} == {
        BROKEN: "rejected",
        RIGHT: "accepted",
        SLOW: "error",
    }
    assert said[1].startswith("! 1 of 3 submissions have no verdict: ")
    assert "kubelet ended with code -9" in " ".join(line.strip() for line in said[1:4])
