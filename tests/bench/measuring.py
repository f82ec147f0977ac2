"""Measures the start of a cluster, experiments on a warm cluster, Helm's own safety net, and the command in a shell."""

from __future__ import annotations

import os
import resource
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from canaryproof.cluster.embedded.provider import EmbeddedProvider
from canaryproof.cluster.embedded.toolchain import Toolchain
from canaryproof.errors import CommandError
from canaryproof.experiment.runner import Parallel, Runner
from canaryproof.kube.running_cluster import Cluster
from canaryproof.model.evidence import Evidence
from canaryproof.scenario.scenario_file import load_scenario
from canaryproof.submissions.discovery import Submission, find_submissions
from canaryproof.system.paths import cache_folder
from canaryproof.system.process import run
from canaryproof.system.progress import Progress
from canaryproof.timeouts import TimeLimits
from tests.bench.figures import Figures
from tests.corpus.trial import TIDYING

REPOSITORY = Path(__file__).parents[2]
MEBIBYTE = 2**20
NAME = "canaryproof-bench"


def clusters(toolchain: Toolchain, runs: int, figures: Figures, progress: Progress) -> None:
    """Measure the time from the provider's call to a Ready node with working controllers.

    Also measure the memory that the cluster then uses.
    """
    for number in range(runs):
        with progress.step(f"cluster {number + 1} of {runs}"), _cluster(toolchain) as cluster:
            figures.add("cluster: start to useful", cluster.ready_after)
            figures.add("cluster: memory of its processes", _memory_of(cluster) / MEBIBYTE, "MiB")


def experiments(toolchain: Toolchain, runs: int, figures: Figures, progress: Progress) -> None:
    """Measure consecutive experiments with the reference on one warm cluster. The first one pulls the images."""
    with _cluster(toolchain) as cluster, laboratory(cluster, toolchain) as submit:
        (reference,) = find_submissions([REPOSITORY / "upcommerce"])
        for number in range(runs + 1):
            with progress.step(f"experiment {number} of {runs}"):
                evidence = submit(reference)
            if number == 0:
                continue
            for phase in ("install", "upgrade", "outcome", "rollback", "gone", "total"):
                figures.add(f"experiment: {phase}", getattr(evidence.timings, phase))
            at, proven_at = evidence.decision.at, evidence.decision.proven_at
            assert at is not None, evidence.decision
            assert proven_at is not None, evidence.decision
            decided = at - proven_at
            figures.add("experiment: second crash seen to outcome decided", decided)


def safety_nets(toolchain: Toolchain, runs: int, figures: Figures, progress: Progress) -> None:
    """Measure the time that Helm's own safety net needs for the same canary, and record its result."""
    nets = {"helm": ("--wait", "--rollback-on-failure"), "helm3": ("--atomic",)}
    with _cluster(toolchain) as cluster:
        for number in range(runs):
            for name, flags in nets.items():
                with progress.step(f"Helm's safety net {number + 1} of {runs}: {name} {' '.join(flags)}"):
                    said, seconds = _guarded_upgrade(toolchain.path(name), cluster, f"net-{name}-{number}", flags)
                figures.add(f"{name} upgrade {' '.join(flags)}", seconds)
                figures.remark(f"{name} upgrade {' '.join(flags)} says of the crash-looping canary: {said}")


def from_the_shell(runs: int, figures: Figures, progress: Progress) -> None:
    """Measure the main job as a user starts it: interpreter, cluster, experiment and verdict."""
    for number in range(runs):
        with progress.step(f"shell to verdict {number + 1} of {runs}"):
            figures.add("shell to verdict, cluster included", main_job())
            figures.add("harness: memory, at most", _peak() / MEBIBYTE, "MiB")


def on_a_kept_cluster(runs: int, figures: Figures, progress: Progress) -> None:
    """Measure the main job on a cluster that the first run has kept."""
    _down()
    try:
        with progress.step("shell to verdict, the cluster stays"):
            main_job("--keep-cluster")
        for number in range(runs):
            with progress.step(f"shell to verdict on a kept cluster {number + 1} of {runs}"):
                figures.add("shell to verdict on a kept cluster", main_job())
    finally:
        _down()


def _down() -> None:
    """End the kept cluster, if there is one."""
    with suppress(CommandError):
        run([sys.executable, "-m", "canaryproof", "down", NAME], timeout=60, cwd=REPOSITORY)


def main_job(*options: str, cluster: str = "embedded", timeout: float = 120) -> float:
    """Return the seconds to a verdict. No user's kept cluster has the name that is used."""
    command = [
        sys.executable,
        "-m",
        "pytest",
        "-m",
        "e2e",
        "-q",
        f"--canaryproof-cluster={cluster}",
        f"--cluster-name={NAME}",
    ]
    began = time.monotonic()
    run([*command, *options], timeout=timeout, cwd=REPOSITORY, grace=TIDYING)
    return time.monotonic() - began


def _peak() -> int:
    """Return the peak memory of a child process in bytes. The cluster's processes are not children of this process."""
    return resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss * 1024


def _guarded_upgrade(helm: Path, cluster: Cluster, namespace: str, flags: tuple[str, ...]) -> tuple[str, float]:
    scenario = load_scenario()
    with tempfile.TemporaryDirectory() as home:
        environment = {"PATH": os.defpath, "HOME": home, "KUBECONFIG": str(cluster.kubeconfig)}

        def call(*arguments: str) -> str:
            return run(
                [str(helm), *arguments, "--namespace", namespace], timeout=TimeLimits().settle * 3, env=environment
            )

        call("install", scenario.release, str(scenario.stable_chart), "--create-namespace", "--wait")
        began = time.monotonic()
        try:
            call("upgrade", scenario.release, str(REPOSITORY / "upcommerce"), *flags, "--timeout", "60s")
            said = "success"
        except CommandError as error:
            said = error.stderr.strip().splitlines()[-1]
        return said, time.monotonic() - began


@contextmanager
def _cluster(toolchain: Toolchain) -> Iterator[Cluster]:
    with EmbeddedProvider(
        toolchain, cache_folder(os.environ), load_scenario().stand_ins, TimeLimits()
    ).lend() as cluster:
        yield cluster


@contextmanager
def laboratory(cluster: Cluster, toolchain: Toolchain) -> Iterator[Callable[[Submission], Evidence]]:
    """Lend a function that tries a submission on *cluster*, one at a time, and returns the evidence."""
    helm, locks = toolchain.path("helm"), cache_folder(os.environ) / "present"
    one = Parallel.exactly(1)
    with Runner.open(
        cluster, scenario=load_scenario(), helm=helm, parallel=one, locks=locks, time_limits=TimeLimits()
    ) as runner:
        yield lambda submission: runner.submit(submission).result()


def _memory_of(cluster: Cluster) -> int:
    """Return the memory of the cluster's processes in bytes. Shared pages count in proportion (PSS)."""
    name = cluster.kubeconfig.parent.name
    total = 0
    for file in Path("/proc").glob("[0-9]*/cgroup"):
        try:
            if f"/{name}" in file.read_text(encoding="ascii"):
                rollup = (file.parent / "smaps_rollup").read_text(encoding="ascii")
                total += int(rollup.partition("\nPss:")[2].split()[0]) * 1024
        except (FileNotFoundError, ProcessLookupError):
            continue  # the process has ended in the meantime
    return total
