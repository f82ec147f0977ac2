"""One cluster for all scenarios, with the images that they name."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from canaryproof.checks.results import SubmissionResult
from canaryproof.checks.verdict import judge
from canaryproof.cluster.embedded.toolchain import Machine, provide
from canaryproof.cluster.lending import ClusterOptions, choose_cluster, helm_of, provider_of
from canaryproof.experiment.experiments import open_runner
from canaryproof.kube.running_cluster import Cluster
from canaryproof.model.evidence import Evidence
from canaryproof.scenario.scenario_file import load_scenario
from canaryproof.scenario.terms import Scenario
from canaryproof.submissions.own_chart import own_submission
from canaryproof.system.paths import cache_folder
from canaryproof.system.progress import Silence
from canaryproof.timeouts import TimeLimits
from tests.real.rehearsing import HELM_3, Rehearsal
from tests.real.software import provide_software

OPTIONS = ClusterOptions(cluster="embedded")
FOLDERS = ("podinfo", "public", "findings", "helm", HELM_3)


@pytest.fixture(scope="session")
def helms() -> dict[str, Path]:
    """The versions of Helm that create a chart, by the name of its folder."""
    cache = cache_folder(os.environ)
    built = provide(cache=cache, progress=Silence(), tools=[HELM_3], machine=Machine(TimeLimits()))
    own = helm_of(choose_cluster(OPTIONS, os.environ), OPTIONS, os.environ, Silence())
    return {"helm": own, HELM_3: built.path(HELM_3)}


@pytest.fixture(scope="session")
def scenarios(tmp_path_factory: pytest.TempPathFactory, helms: dict[str, Path]) -> Path:
    """The folder with the scenario files, and with the charts and images that they name."""
    place = tmp_path_factory.mktemp("real") / "scenarios"
    provide_software(place, cache_folder(os.environ), helms, Silence())
    return place


def own(file: Path) -> Scenario:
    """Return the scenario of a file, whose charts are all its own."""
    return replace(load_scenario(file), submits_charts=False)


@pytest.fixture(scope="session")
def cluster(scenarios: Path) -> Iterator[Cluster]:
    """Lend one cluster with the images of all scenarios."""
    files = (file for folder in FOLDERS for file in sorted((scenarios / folder).glob("*.yaml")))
    every = [own(file) for file in files]
    stand_ins = {image: arguments for each in every for image, arguments in each.stand_ins.items()}
    archives = {image: archive for each in every for image, archive in each.archives.items()}
    choice = choose_cluster(OPTIONS, os.environ)
    with provider_of(choice, OPTIONS, stand_ins, os.environ, Silence(), archives=archives).lend() as lent:
        yield lent


@pytest.fixture
def rehearse(cluster: Cluster, scenarios: Path, helms: dict[str, Path]) -> Rehearsal:
    """Return a function that runs the experiment of a scenario file, with Helm 3 where its folder says so."""

    def run(name: str) -> tuple[Evidence, SubmissionResult]:
        scenario, limits = own(scenarios / f"{name}.yaml"), OPTIONS.time_limits
        helm = helms[HELM_3 if name.startswith(HELM_3) else "helm"]
        with open_runner(cluster, scenario, helm, os.environ, parallel=1, time_limits=limits) as runner:
            evidence = runner.submit(own_submission(scenario)).result()
        return evidence, judge(evidence, scenario)

    return run
