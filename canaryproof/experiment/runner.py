"""Runs experiments side by side on one cluster."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Self

from canaryproof.experiment.assembly import open_context
from canaryproof.experiment.capacity import Parallel
from canaryproof.experiment.context import Context
from canaryproof.experiment.lifecycle import run_experiment
from canaryproof.kube.running_cluster import Cluster
from canaryproof.model.evidence import Evidence
from canaryproof.scenario.terms import Scenario
from canaryproof.submissions.discovery import Submission
from canaryproof.timeouts import TimeLimits

__all__ = ["Parallel", "Runner"]


class Runner:
    """Accepts submissions and returns futures of evidence. `open` creates a runner for one run."""

    def __init__(self, context: Context, most: int) -> None:
        """Run *most* experiments at once, with those that only wait for room in the cluster."""
        self._context = context
        self._pool = ThreadPoolExecutor(most, "experiment")

    @classmethod
    @contextmanager
    def open(
        cls,
        cluster: Cluster,
        *,
        scenario: Scenario,
        helm: Path,
        parallel: Parallel,
        locks: Path,
        time_limits: TimeLimits,
    ) -> Iterator[Self]:
        """Yield a runner on *cluster* that uses the Helm binary *helm*.

        The runner removes what ended runs left on the cluster and on this machine.  For runs with a lock in the folder
        *locks*, it detects the end at once.

        At the end of the block, pending experiments are cancelled, running ones are ended at once, and the deletion of
        every created namespace has begun.

        Raises InfrastructureError when Helm does not run, and UsageError when the kubeconfig has no such context.
        """
        ending = threading.Event()

        def doomed() -> str | None:
            return cluster.vitals.fault or ("the run was ended" if ending.is_set() else None)

        with open_context(
            cluster,
            scenario=scenario,
            helm=helm,
            parallel=parallel,
            locks=locks,
            time_limits=time_limits,
            doomed=doomed,
        ) as context:
            runner = cls(context, parallel.most)
            try:
                yield runner
            finally:
                ending.set()
                context.target.recorder.announce()
                runner.close()

    @property
    def running(self) -> int:
        """Return how many experiments there are in the cluster."""
        return self._context.capacity.in_cluster.taken

    def submit(self, submission: Submission) -> Future[Evidence]:
        """Begin as soon as there is room; the future never raises on account of the cluster or the submission."""
        return self._pool.submit(run_experiment, submission, self._context)

    def close(self) -> None:
        """Cancel what has not begun and wait for what runs."""
        self._pool.shutdown(wait=True, cancel_futures=True)
