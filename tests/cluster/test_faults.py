"""A fault of the machine is told as such: an error with its cause, an exit code of its own, never a rejection."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from canaryproof.waiting import Ticks, wait_for

pytestmark = pytest.mark.cluster

REPOSITORY = Path(__file__).parents[2]
INFRASTRUCTURE = 8


@pytest.mark.parametrize("component", ["kubelet", "kube-apiserver", "etcd"])
def test_a_component_that_dies_ends_the_run_as_an_error(tmp_path: Path, component: str) -> None:
    """Within seconds of its death every submission is an error that names the component; none is rejected."""
    reports = tmp_path / "reports"
    with _main_job(tmp_path, reports) as job:
        victim = wait_for(component, lambda: _running(component, tmp_path), within=60, changes=Ticks())
        wait_for("container of the trial", lambda: _running("agnhost", tmp_path), within=60, changes=Ticks())
        os.kill(victim, signal.SIGKILL)

        assert job.wait(20) == INFRASTRUCTURE

    (row,) = _results(reports)["submissions"]
    assert row["verdict"] == "error"
    assert component in row["reason"]
    assert {check["status"] for check in row["checks"]} == {"error"}


def test_ctrl_c_ends_the_run_and_the_cluster(tmp_path: Path) -> None:
    """An interrupted run ends in seconds with pytest's own code, and takes the cluster with it."""
    with _main_job(tmp_path, tmp_path / "reports") as job:
        wait_for("container of the trial", lambda: _running("agnhost", tmp_path), within=60, changes=Ticks())
        job.send_signal(signal.SIGINT)

        assert job.wait(20) == pytest.ExitCode.INTERRUPTED

    assert not _processes_of(tmp_path)
    assert [it.name for it in (tmp_path / "canaryproof" / "runs").iterdir()] == [".sweeping"]


@contextmanager
def _main_job(folder: Path, reports: Path) -> Iterator[subprocess.Popen[bytes]]:
    """Run the main job with a cache of its own, which shares the toolchain of the user's."""
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "canaryproof"
    (folder / "canaryproof").mkdir()
    (folder / "canaryproof" / "toolchain").symlink_to(cache / "toolchain")
    command = [sys.executable, "-m", "pytest", "-m", "e2e", "--report-dir", str(reports)]
    environment = {**os.environ, "XDG_CACHE_HOME": str(folder)}
    with subprocess.Popen(command, cwd=REPOSITORY, env=environment, stdout=subprocess.DEVNULL) as job:
        try:
            yield job
        finally:
            job.kill()


def _results(reports: Path) -> dict[str, Any]:
    written: dict[str, Any] = json.loads((reports / "results.json").read_text(encoding="utf-8"))
    return written


def _running(program: str, cache: Path) -> int | None:
    """Return a process of the cluster in *cache* that runs *program*."""
    return next((pid for pid in _processes_of(cache) if _program(pid) == program), None)


def _program(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/exe").readlink().name
    except (FileNotFoundError, ProcessLookupError):
        return ""  # it ended while it was looked at


def _processes_of(cache: Path) -> list[int]:
    """Return the processes of the cluster that was started with *cache*, known by its run folder's name."""
    names = [it.name for it in (cache / "canaryproof" / "runs").glob("canaryproof-*")]
    found = []
    for file in Path("/proc").glob("[0-9]*/cgroup"):
        try:
            text = file.read_text(encoding="ascii")
        except (FileNotFoundError, ProcessLookupError):
            continue  # it ended while it was looked at
        if any(f"/{name}" in text for name in names):
            found.append(int(file.parent.name))
    return found
