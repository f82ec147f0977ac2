"""Rehearsals of workloads of each kind, added or changed in place, on a real cluster."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from canaryproof.checks.results import SubmissionResult
from canaryproof.checks.verdict import judge
from canaryproof.cluster.lending import ClusterOptions, choose_cluster, helm_of, provider_of
from canaryproof.experiment.experiments import open_runner
from canaryproof.kube.running_cluster import Cluster
from canaryproof.model.evidence import Evidence
from canaryproof.scenario.scenario_file import load_scenario
from canaryproof.scenario.terms import Scenario
from canaryproof.submissions.own_chart import own_submission
from canaryproof.system.progress import Silence

pytestmark = pytest.mark.cluster

SCENARIOS = Path(__file__).parent / "targets"
OPTIONS = ClusterOptions(cluster="embedded")


def scenario_of(name: str) -> Scenario:
    """Return the scenario of a file. Its charts are its own."""
    return replace(load_scenario(SCENARIOS / f"{name}.yaml"), submits_charts=False)


@pytest.fixture(scope="module")
def cluster() -> Iterator[Cluster]:
    """Lend one cluster with the images of all scenarios."""
    images = {image: arguments for file in SCENARIOS.glob("*.yaml") for image, arguments in _stand_ins(file.stem)}
    with provider_of(choose_cluster(OPTIONS, os.environ), OPTIONS, images, os.environ, Silence()).lend() as lent:
        yield lent


def _stand_ins(name: str) -> Iterator[tuple[str, tuple[str, ...]]]:
    yield from scenario_of(name).stand_ins.items()


def rehearse(name: str, cluster: Cluster) -> tuple[Evidence, SubmissionResult]:
    """Run the experiment of a scenario, and return its evidence and its verdict."""
    scenario = scenario_of(name)
    helm = helm_of(choose_cluster(OPTIONS, os.environ), OPTIONS, os.environ, Silence())
    with open_runner(cluster, scenario, helm, os.environ, parallel=1, time_limits=OPTIONS.time_limits) as runner:
        evidence = runner.submit(own_submission(scenario)).result()
    return evidence, judge(evidence, scenario)


@pytest.mark.parametrize(
    ("name", "outcome"),
    [
        ("autoscaled", "crash-loop"),
        ("blue-green", "healthy"),
        ("config-only", "not-rolled-out"),
        ("daemon-set-healthy", "healthy"),
        ("daemon-set-nowhere", "unschedulable"),
        ("daemon-set-on-delete", "not-rolled-out"),
        ("in-place-crash", "crash-loop"),
        ("in-place-healthy", "healthy"),
        ("in-place-to-zero", "not-ready"),
        ("in-place-typo", "image-pull"),
        ("in-place-unready", "not-ready"),
        ("paused", "not-rolled-out"),
        ("stateful-set-on-delete", "not-rolled-out"),
        ("stateful-set-parallel", "crash-loop"),
        ("stateful-set-refused", "refused"),
        ("stateful-set-partition", "healthy"),
        ("stateful-set-partition-of-all", "not-rolled-out"),
        ("surge", "crash-loop"),
        ("toggled-behind-stable", "crash-loop"),
        ("toggled-beside-stable", "crash-loop"),
        ("toggled-healthy", "healthy"),
        ("toggled-without-service", "crash-loop"),
        ("two-in-place", "crash-loop"),
    ],
)
def test_a_release_that_does_what_its_scenario_expects_is_accepted(name: str, outcome: str, cluster: Cluster) -> None:
    """The scenarios expect these outcomes, and all checks that they ask for hold."""
    _, result = rehearse(name, cluster)

    assert (result.outcome, result.verdict, result.reason) == (outcome, "accepted", result.reason)


def test_a_stateful_set_that_stays_stuck_is_told_with_its_remedy(cluster: Cluster) -> None:
    """An OrderedReady set does not replace the broken pod after the rollback; that is one finding."""
    evidence, result = rehearse("stateful-set-crash", cluster)

    assert [str(each.object) for each in evidence.leftovers] == ["Pod/shop-1"]
    (row,) = result.ended("failed")
    assert (row.check.id, row.judgement.hint_id) == ("canary-gone", "delete-pod")


def test_a_daemon_set_that_crashes_in_place_takes_stable_along(cluster: Cluster) -> None:
    """The only pod of stable on the node is replaced, so that the stable Service does not answer."""
    _, result = rehearse("daemon-set-crash", cluster)

    (row,) = result.ended("failed")
    assert (result.outcome, row.check.id) == ("crash-loop", "stable-serves-during-canary")
    assert row.judgement.hint_id == "pods-before-others"
