"""Experiments for a Python program: a cluster, and the evidence of one submission after the other."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from concurrent.futures import as_completed
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from canaryproof.cluster.lending import EMBEDDED_PROVIDER, ClusterOptions, choose_cluster, helm_of, provider_of
from canaryproof.experiment.image_needs import require_images
from canaryproof.experiment.runner import Parallel, Runner
from canaryproof.kube.running_cluster import Cluster
from canaryproof.model.evidence import Evidence
from canaryproof.scenario.scenario_file import load_scenario
from canaryproof.scenario.terms import Scenario
from canaryproof.submissions.discovery import find_submissions
from canaryproof.submissions.own_chart import own_submission
from canaryproof.system.paths import cache_folder
from canaryproof.system.progress import Progress, Silence
from canaryproof.timeouts import TimeLimits


@contextmanager
def open_runner(
    cluster: Cluster,
    scenario: Scenario,
    helm: Path,
    environment: Mapping[str, str],
    *,
    parallel: int | None,
    time_limits: TimeLimits,
) -> Iterator[Runner]:
    """Yield what runs *parallel* experiments at once, by default as many as the cluster can take.

    Raises what `Runner.open` raises.
    """
    fitting = Parallel.fitting(cluster.cores, os.cpu_count() or 1)
    time_limits = time_limits.with_pulls() if cluster.images == "upstream" else time_limits
    with Runner.open(
        cluster,
        scenario=scenario,
        helm=helm,
        parallel=Parallel.exactly(parallel) if parallel else fitting,
        locks=cache_folder(environment) / "present",
        time_limits=scenario.timeouts.applied_to(time_limits),
    ) as runner:
        yield runner


@dataclass(frozen=True)
class Experiments:
    """Runs experiments on one cluster; `open` makes one."""

    cluster: Cluster
    scenario: Scenario
    runner: Runner

    @classmethod
    @contextmanager
    def open(
        cls,
        options: ClusterOptions | None = None,
        *,
        scenario: Scenario | None = None,
        parallel: int | None = None,
        progress: Progress | None = None,
    ) -> Iterator[Experiments]:
        """Start or find the cluster that *options* name, and yield what runs experiments on it.

        The default options choose the cluster as ``canaryproof check`` does, and the default scenario is the UpCommerce
        course.  *parallel* is the number of experiments that run at once, by default as many as the cluster can take.
        At the end of the block, what still runs is ended, and the cluster is removed if this call started it.

        Raises ClusterError when there is no such cluster or it does not start, InfrastructureError when Helm does not
        run, and UsageError when the cluster cannot have an image of the scenario's own charts.
        """
        options, scenario = options or ClusterOptions(), scenario or load_scenario()
        progress, environment = progress or Silence(), os.environ
        choice = choose_cluster(options, environment)
        archives = scenario.archives
        provider = provider_of(choice, options, scenario.stand_ins, environment, progress, archives=archives)
        helm = helm_of(choice, options, environment, progress)
        is_cut_off = choice.provider == EMBEDDED_PROVIDER and options.images_on(choice.provider) == "stand-in"
        if is_cut_off and not scenario.submits_charts:
            require_images(scenario, helm, options.time_limits)
        with (
            provider.lend() as cluster,
            open_runner(
                cluster, scenario, helm, environment, parallel=parallel, time_limits=options.time_limits
            ) as runner,
        ):
            yield cls(cluster, scenario, runner)

    def run(self, *paths: Path | str) -> Iterator[Evidence]:
        """Run one experiment for each submission at *paths*, and yield the evidence of each as soon as it ends.

        Without paths, the scenario names the charts.  A path is what ``canaryproof check`` takes: a chart folder,
        a repository that holds one, an archive of either, or a folder of any of these.  Evidence with a ``fault`` says
        nothing about the submission: the infrastructure failed, or the scenario is at fault.

        Raises UsageError when a path holds no submission.
        """
        if paths or self.scenario.submits_charts:
            submissions = find_submissions([Path(each) for each in paths], chart_name=self.scenario.release)
        else:
            submissions = (own_submission(self.scenario),)
        for ended in as_completed([self.runner.submit(each) for each in submissions]):
            yield ended.result()
