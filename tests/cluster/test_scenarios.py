"""Rehearsals by scenario files, on a real cluster: what each term of the file makes the experiment do."""

from __future__ import annotations

import gzip
import os
import shutil
import subprocess
import sys
import tarfile
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest

from canaryproof.checks.verdict import judge
from canaryproof.cluster.image_archives import opened_image, write_docker_archive
from canaryproof.cluster.lending import ClusterOptions, choose_cluster, helm_of, provider_of, toolchain_of
from canaryproof.cluster.stand_ins import provide_images
from canaryproof.experiment.experiments import open_runner
from canaryproof.kube.client import KubeClient
from canaryproof.kube.resources import Resource
from canaryproof.kube.running_cluster import Cluster
from canaryproof.model.evidence import Evidence
from canaryproof.scenario.scenario_file import load_scenario
from canaryproof.scenario.terms import Scenario
from canaryproof.submissions.own_chart import own_submission
from canaryproof.system.progress import Silence
from canaryproof.system.wait import Ticks, wait_for

pytestmark = pytest.mark.cluster

SCENARIOS = Path(__file__).parent / "scenarios"
SERVES, CRASHES = ("netexec", "--http-port=8080", "--delay-shutdown=0"), ("netexec", "--http-port=none")
APP, CANARY = "app:dev", "registry.example.com/team/checkout:2.0"
OPTIONS = ClusterOptions(cluster="embedded")
OUTSIDE = (
    (Resource("ClusterRole", "/apis/rbac.authorization.k8s.io/v1", "clusterroles"), "operator-rehearsal"),
    (
        Resource("CustomResourceDefinition", "/apis/apiextensions.k8s.io/v1", "customresourcedefinitions"),
        "widgets.rehearsal.example.com",
    ),
)
Rehearsal = Callable[[str], tuple[Evidence, Scenario]]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Copy the scenario files, and make the archives of images beside them."""
    place = tmp_path_factory.mktemp("scenarios") / "files"
    shutil.copytree(SCENARIOS, place)
    agnhost = toolchain_of(OPTIONS, os.environ, Silence()).path("agnhost")
    layout = provide_images(agnhost, {APP: SERVES, CANARY: CRASHES}, place)
    with tarfile.open(place / "layout.tar", "w") as tar:
        tar.add(layout, ".")
    with opened_image(layout, APP) as image:
        write_docker_archive(image, APP, place / "app.tar")
    with (place / "app.tar").open("rb") as plain, gzip.open(place / "app.tar.gz", "wb", compresslevel=1) as packed:
        shutil.copyfileobj(plain, packed)
    return place


def own(file: Path) -> Scenario:
    """Return the scenario of a file, whose charts are all its own."""
    return replace(load_scenario(file), submits_charts=False)


@pytest.fixture(scope="module")
def cluster(folder: Path) -> Iterator[Cluster]:
    """Lend one cluster with the images of all scenarios."""
    scenarios = [own(folder / f"{name}.yaml") for name in ("toggled-own", "archive")]
    stand_ins, archives = scenarios[0].stand_ins, scenarios[1].archives
    choice, progress = choose_cluster(OPTIONS, os.environ), Silence()
    with provider_of(choice, OPTIONS, stand_ins, os.environ, progress, archives=archives).lend() as lent:
        yield lent


@pytest.fixture
def rehearse(cluster: Cluster, folder: Path) -> Rehearsal:
    """Return a function that runs the experiment of a scenario file."""
    helm = helm_of(choose_cluster(OPTIONS, os.environ), OPTIONS, os.environ, Silence())

    def run(name: str) -> tuple[Evidence, Scenario]:
        scenario, limits = own(folder / f"{name}.yaml"), OPTIONS.time_limits
        with open_runner(cluster, scenario, helm, os.environ, parallel=1, time_limits=limits) as runner:
            return runner.submit(own_submission(scenario)).result(), scenario

    return run


@pytest.mark.parametrize(
    "name",
    [
        "toggled-own",
        "toggled-shared",
        "toggled-without-service",
        "values-in-order",
        "setup",
        "several-stable",
        "hook-fails",
        "healthy",
        "waits-in-vain",
        "archive",
    ],
)
def test_a_rehearsal_that_ends_as_expected_is_accepted(rehearse: Rehearsal, name: str) -> None:
    """A canary with the expected outcome, and a stable app that holds, are accepted in each kind of scenario."""
    evidence, scenario = rehearse(name)

    result = judge(evidence, scenario)
    failed = "\n".join(f"{each.check.id}: {each.judgement.message}" for each in result.ended("failed"))
    assert (result.verdict, result.outcome) == ("accepted", scenario.expect.outcomes[0]), failed or result.reason


def test_the_setup_is_there_before_the_first_revision(rehearse: Rehearsal) -> None:
    """The parts of the setup are applied in order, and each is ready before the next one begins."""
    evidence, _ = rehearse("setup")

    manifest, release = evidence.setup
    assert "--filename ./secrets.yaml" in manifest.command
    assert "helm install db ./db" in release.command
    assert evidence.install
    assert manifest.ended <= release.began <= release.ended <= evidence.install.began


def test_the_rollback_names_the_last_stable_revision(rehearse: Rehearsal) -> None:
    """With three stable revisions, revision 4 has the canary, and revision 5 is the rollback to revision 3."""
    evidence, _ = rehearse("several-stable")

    assert evidence.rollback
    assert "helm rollback checkout 3" in evidence.rollback.command
    assert [each.revision for each in evidence.history] == [1, 2, 3, 4, 5]
    assert evidence.history[-1].description == "Rollback to 3"


def test_a_failed_hook_is_told_with_its_log(rehearse: Rehearsal) -> None:
    """The outcome names the hook, its container and exit code, and the evidence has its log."""
    evidence, _ = rehearse("hook-fails")

    cause = evidence.decision.cause
    assert (cause.object, cause.field, cause.container, cause.exit_codes) == (
        "Job/checkout-migration",
        "pre-upgrade",
        "migrate",
        (1,),
    )
    assert "invalid argument" in cause.last_words
    assert any(log.container == "migrate" and "invalid argument" in log.text for log in evidence.logs)


def test_every_service_is_asked_by_name(rehearse: Rehearsal) -> None:
    """The requests say which Service they asked."""
    evidence, _ = rehearse("toggled-own")

    assert {probe.service for probe in evidence.probes} == {"checkout"}


def test_nothing_outside_of_the_namespace_is_left(rehearse: Rehearsal, cluster: Cluster) -> None:
    """CRDs and ClusterRoles of a chart that renders in the cluster only are there meanwhile, and removed at the end."""
    evidence, scenario = rehearse("cluster-scoped")

    applied = {str(each.key) for each in evidence.baseline.manifests}
    assert {"ClusterRole/operator-rehearsal", "Widget/operator"} <= applied
    assert judge(evidence, scenario).outcome == "crash-loop"
    with closing(KubeClient(cluster.kubeconfig, cluster.context, OPTIONS.time_limits)) as client:
        wait_for(
            "end of the objects outside",
            lambda: None if any(client.get(*each) for each in OUTSIDE) else True,
            within=OPTIONS.time_limits.gone,
            changes=Ticks(),
        )


def check(folder: Path, name: str) -> subprocess.CompletedProcess[str]:
    """Run ``canaryproof check`` with a scenario file."""
    command = [sys.executable, "-m", "canaryproof", "check", "--cluster", "embedded"]
    scenario = folder / "canaryproof.yaml"
    shutil.copyfile(folder / f"{name}.yaml", scenario)
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=300, check=False)


def test_a_setup_that_fails_is_a_fault_of_the_scenario(folder: Path) -> None:
    """The exit code is 4, and the message quotes Helm."""
    done = check(folder, "setup-fails")

    assert done.returncode == 4, done.stdout + done.stderr
    assert "could not be installed as release db" in done.stdout
    assert "not ready" in done.stdout


def test_an_image_that_is_missing_is_named_before_the_cluster_starts(folder: Path) -> None:
    """The message has the lines to add to the scenario file, and the exit code is 4."""
    done = check(folder, "unlisted-image")

    said = done.stdout + done.stderr
    assert done.returncode == 4, said
    assert "example/checkout:2.0: {archive: checkout-2.0.tar}" in said
    assert "starting the embedded Kubernetes" not in said
