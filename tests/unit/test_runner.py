"""A runner runs as many experiments as there is room for, and ends at once on demand."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import AbstractContextManager
from pathlib import Path

import pytest

from canaryproof.errors import InfrastructureError
from canaryproof.experiment.runner import Parallel, Runner
from canaryproof.kube.running_cluster import Cluster
from canaryproof.model.causes import Cause
from canaryproof.scenario.scenario_file import load_scenario
from canaryproof.submissions.discovery import Submission
from canaryproof.timeouts import TimeLimits
from tests.unit.fake_api import FakeApi
from tests.unit.packing import chart, write

SOON = 5.0
SLOW_HELM = "#!/bin/sh\n[ $1 = version ] && exec echo v4.3.1\nexec sleep 60\n"


@pytest.fixture
def api(tmp_path: Path) -> Iterator[FakeApi]:
    """Serve a fake API without objects."""
    with FakeApi().serve(tmp_path) as api:
        yield api


def opened(api: FakeApi, folder: Path, helm: str = SLOW_HELM) -> AbstractContextManager[Runner]:
    """Open a runner of one experiment at a time, with a script as Helm."""
    binary = folder / "helm"
    binary.write_text(helm)
    binary.chmod(0o755)
    cluster = Cluster("fake", api.kubeconfig, "lab", "1.37.2", 1, 2, "stand-in", 0)
    return Runner.open(
        cluster,
        scenario=load_scenario(),
        helm=binary,
        parallel=Parallel.exactly(1),
        locks=folder / "locks",
        time_limits=TimeLimits(),
    )


def test_evidence_comes_as_promised(api: FakeApi, tmp_path: Path) -> None:
    """The runner returns a future for each submission, which yields its evidence."""
    with opened(api, tmp_path) as runner:
        futures = [runner.submit(Submission(name, name, tmp_path, "no chart")) for name in ("alice", "bob")]

        assert [future.result(SOON).name for future in futures] == ["alice", "bob"]


def test_the_end_cancels_what_waits_and_ends_what_runs(api: FakeApi, tmp_path: Path) -> None:
    """The end of the runner cancels waiting experiments and ends running ones, even with a Helm that hangs."""
    folder = write(tmp_path / "chart", chart(""))
    with opened(api, tmp_path) as runner:
        running, waiting = (runner.submit(Submission(name, name, folder)) for name in ("alice", "bob"))
        began = time.monotonic()

    assert time.monotonic() - began < SOON
    assert waiting.cancelled()
    assert running.result().fault == Cause(code="cluster-fault", detail="the run was ended")
    assert not [
        thread for thread in threading.enumerate() if thread.name.startswith(("watch-", "experiment", "presence"))
    ]


def test_a_runner_without_helm_does_not_open(api: FakeApi, tmp_path: Path) -> None:
    """The runner does not open if Helm cannot run."""
    with pytest.raises(InfrastructureError, match="not a Helm that runs"), opened(api, tmp_path, "#!/bin/sh\nexit 1\n"):
        pytest.fail("it opened")


@pytest.mark.parametrize(("cluster", "own", "work"), [(0, 1, 1), (2, 2, 8), (64, 2, 24), (64, 64, 32)])
def test_the_default_follows_the_cores(cluster: int, own: int, work: int) -> None:
    """The default number of parallel experiments grows with the cores, up to a maximum."""
    assert Parallel.fitting(cluster, own) == Parallel(work, room=3 * work, most=6 * work)


def test_a_number_that_is_given_holds_strictly() -> None:
    """An explicit number of experiments is never exceeded, not even by those that only wait."""
    assert Parallel.exactly(2) == Parallel(work=2, room=2, most=2)
