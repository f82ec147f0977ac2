"""Runs experiments side by side on one cluster."""

from __future__ import annotations

import secrets
import threading
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from canaryproof.experiment import confinement
from canaryproof.experiment.admission_probe import Fence
from canaryproof.experiment.baseline import Baseline
from canaryproof.experiment.reservations import Turns
from canaryproof.experiment.slots import Places
from canaryproof.experiment.steps import Bench, run_experiment
from canaryproof.helm.verbs import Helm
from canaryproof.kube.client import KubeClient
from canaryproof.kube.lease import Locks, present
from canaryproof.kube.recorder import Recorder
from canaryproof.kube.run_credentials import redactor_of
from canaryproof.kube.running_cluster import Cluster
from canaryproof.model.evidence import Evidence, Setting
from canaryproof.scenario import Course
from canaryproof.submissions.discovery import Submission
from canaryproof.system.sandbox_detection import sandbox_available
from canaryproof.system.tempdirs import scratch, sweep_scratch
from canaryproof.timeouts import DURATIONS, TimeLimits

PER_CORE = 4
"""Experiments at work for each core of the cluster: one takes 2 to 3 seconds of a processor, in 6 to 8."""
PER_OWN_CORE = 12
"""The same for each core of this machine, where that is another one: Helm and this process take half a second."""
MOST = 32
"""More than this keep this process, which has one interpreter, too busy to see things when they happen."""
WAITING = 3
"""So many times as many have pods in the cluster: an experiment in which nothing happens lets another one work."""
AHEAD = 2
"""So many times as many again are rendered, in search of those that may take long."""


@dataclass(frozen=True)
class Parallel:
    """How many experiments there are at once."""

    work: int
    """At work."""
    room: int
    """With pods in the cluster: with those that only wait for time to pass."""
    most: int
    """In all: with those that are only rendered yet."""

    @classmethod
    def exactly(cls, number: int) -> Self:
        """Return *number*, whatever they do."""
        return cls(number, number, number)

    @classmethod
    def fitting(cls, cluster: int, own: int) -> Self:
        """Return what a cluster of so many cores takes, and a machine of so many *own* cores keeps up with."""
        work = max(1, min(PER_CORE * cluster, PER_OWN_CORE * own, MOST))
        return cls(work, WAITING * work, AHEAD * WAITING * work)


class Laboratory:
    """Takes submissions and promises evidence; `open` it for the length of a run."""

    def __init__(self, bench: Bench, parallel: Parallel) -> None:
        """Run so many experiments at once."""
        self._bench = bench
        self._pool = ThreadPoolExecutor(parallel.most, "experiment")

    @classmethod
    @contextmanager
    def open(
        cls,
        cluster: Cluster,
        *,
        course: Course,
        helm: Path,
        parallel: Parallel,
        locks: Path,
        durations: TimeLimits = DURATIONS,
    ) -> Iterator[Self]:
        """Yield a laboratory on *cluster* that uses the Helm binary *helm*.

        What runs that are over have left on the cluster and on this machine is removed; those of the folder *locks*
        are known to be over as soon as they are.

        At the end of the block, what has not begun is cancelled, what runs is ended at once, and every namespace that
        was made is on its way out.

        Raises InfrastructureError when Helm does not run, and UsageError when the kubeconfig has no such context.
        """
        ending = threading.Event()

        def doomed() -> str | None:
            return cluster.vitals.fault or ("the run was ended" if ending.is_set() else None)

        sweep_scratch()
        sandbox = sandbox_available(durations)
        with (
            closing(KubeClient(cluster.kubeconfig, cluster.context, durations)) as client,
            scratch() as home,
        ):
            tool = Helm.on(cluster, helm, home, durations=durations, doomed=doomed, sandbox=sandbox)
            setting = Setting(
                provider=cluster.provider,
                kubernetes=cluster.kubernetes,
                nodes=cluster.nodes,
                helm=tool.version(),
                images=cluster.images,
                patience=durations.patience,
                sandbox=sandbox.protection,
            )
            run = secrets.token_hex(4)
            with (
                present(client, run, Locks(locks), cluster.vitals, durations),
                Recorder(client, cluster.vitals, durations=durations) as recorder,
            ):
                bench = Bench(
                    course=course,
                    client=client,
                    helm=tool,
                    baseline=Baseline(tool, course, cluster.kubernetes),
                    recorder=recorder,
                    run=run,
                    setting=setting,
                    places=Places(parallel.work, doomed=doomed, durations=durations),
                    room=Places(parallel.room, doomed=doomed, durations=durations),
                    turns=Turns(client, durations, doomed),
                    confined=all(client.may(*right) for right in confinement.RIGHTS),
                    fence=Fence(client, durations, doomed, cluster.vitals.fail),
                    doomed=doomed,
                    durations=durations,
                    sandbox=sandbox,
                    redactor=redactor_of(cluster, client),
                    registries=cluster.registries,
                )
                laboratory = cls(bench, parallel)
                try:
                    yield laboratory
                finally:
                    ending.set()
                    recorder.announce()
                    laboratory.close()

    @property
    def running(self) -> int:
        """Return how many experiments there are in the cluster."""
        return self._bench.room.taken

    def submit(self, submission: Submission) -> Future[Evidence]:
        """Begin as soon as there is room; the future never raises on account of the cluster or the submission."""
        return self._pool.submit(run_experiment, submission, self._bench)

    def close(self) -> None:
        """Cancel what has not begun and wait for what runs."""
        self._pool.shutdown(wait=True, cancel_futures=True)
