"""The observer on a user's cluster, with a fake API and a Helm that only knows its version."""

from __future__ import annotations

from pathlib import Path

from canaryproof.kube.running_cluster import Cluster
from canaryproof.observe.observer import Observer
from canaryproof.scenario.scenario_file import load_scenario
from canaryproof.submissions.discovery import Submission
from canaryproof.timeouts import TimeLimits
from tests.unit.fake_api import FakeApi


def test_what_is_observed_is_judged_with_the_patience_of_the_run(tmp_path: Path) -> None:
    """The observation is judged by the run's patience: a patience of three triples the limit of an outage."""
    binary = tmp_path / "helm"
    binary.write_text("#!/bin/sh\necho v4.3.1\n")
    binary.chmod(0o755)
    slow = TimeLimits.for_patience(3)

    with FakeApi().serve(tmp_path) as api:
        cluster = Cluster(
            provider="existing",
            kubeconfig=api.kubeconfig,
            context="lab",
            kubernetes="1.37.2",
            nodes=1,
            cores=2,
            images="upstream",
            ready_after=0,
        )
        with Observer.open(cluster, scenario=load_scenario(), helm=binary, time_limits=slow) as observer:
            evidence = observer.submit(Submission("release", "lab", tmp_path)).result()

    assert evidence.time_limits == slow
