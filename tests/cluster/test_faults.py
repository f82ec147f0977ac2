"""A fault of the machine ends as an error with its cause and its own exit code, and never as a rejection."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import pytest

from canaryproof.system.wait import Ticks, wait_for
from tests.cluster.jobs import main_job, processes_of, rows_of, running

pytestmark = pytest.mark.cluster

INFRASTRUCTURE = 8
SERVES = "netexec"
"""The arguments with which agnhost runs as the stable app. It also serves as the sandbox."""


@pytest.mark.parametrize("component", ["kubelet", "kube-apiserver", "etcd"])
def test_a_component_that_dies_ends_the_run_as_an_error(tmp_path: Path, component: str) -> None:
    """Every submission ends with an error that names the component within seconds of its death. None is rejected."""
    reports = tmp_path / "reports"
    with main_job(tmp_path, reports) as job:
        victim = wait_for(component, lambda: running(component, tmp_path), within=60, changes=Ticks())
        wait_for("container of the trial", lambda: running("agnhost", tmp_path, SERVES), within=60, changes=Ticks())
        os.kill(victim, signal.SIGKILL)

        assert job.wait(20) == INFRASTRUCTURE

    (row,) = rows_of(reports).values()
    assert row["verdict"] == "error"
    assert component in row["reason"]
    assert {check["status"] for check in row["checks"]} == {"error"}


def test_ctrl_c_ends_the_run_and_the_cluster(tmp_path: Path) -> None:
    """A run that Ctrl-C interrupts ends within seconds with pytest's exit code, and removes the cluster."""
    with main_job(tmp_path, tmp_path / "reports") as job:
        wait_for("container of the trial", lambda: running("agnhost", tmp_path, SERVES), within=60, changes=Ticks())
        job.send_signal(signal.SIGINT)

        assert job.wait(20) == pytest.ExitCode.INTERRUPTED

    assert not processes_of(tmp_path)
    assert [it.name for it in (tmp_path / "canaryproof" / "runs").iterdir()] == [".sweeping"]
