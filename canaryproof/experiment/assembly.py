"""Assembles the context that all experiments of a run share, for one cluster."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from canaryproof.experiment.admission_probe import AdmissionProbe
from canaryproof.experiment.baseline import Baseline
from canaryproof.experiment.capacity import Capacity, Parallel
from canaryproof.experiment.connection import connect
from canaryproof.experiment.context import Context, Target
from canaryproof.experiment.isolation import Isolation
from canaryproof.experiment.vetting import Vetting
from canaryproof.helm.inputs import Inputs
from canaryproof.kube.lease import Locks, present
from canaryproof.kube.recorder import Recorder
from canaryproof.kube.running_cluster import Cluster
from canaryproof.scenario.terms import Scenario
from canaryproof.system.sandbox_detection import sandbox_available
from canaryproof.system.tempdirs import scratch
from canaryproof.timeouts import TimeLimits


@contextmanager
def open_context(
    cluster: Cluster,
    *,
    scenario: Scenario,
    helm: Path,
    parallel: Parallel,
    locks: Path,
    time_limits: TimeLimits,
    doomed: Callable[[], str | None],
) -> Iterator[Context]:
    """Yield the context of a run on *cluster*, and record the cluster during the block.

    Raises InfrastructureError when Helm does not run, and UsageError when the kubeconfig has no such context.
    """
    sandbox, run = sandbox_available(time_limits), secrets.token_hex(4)
    with (
        connect(cluster, helm, time_limits, doomed=doomed, sandbox=sandbox) as connection,
        present(connection.client, run, Locks(locks), cluster.vitals, time_limits),
        Recorder(connection.client, cluster.vitals, time_limits=time_limits) as recorder,
        scratch() as folder,
    ):
        client, tool = connection.client, connection.helm
        inputs = Inputs.of(scenario, folder)
        setting = replace(connection.setting, sandbox=sandbox.protection)
        admission = AdmissionProbe(client, time_limits, doomed, cluster.vitals.fail)
        target = Target(
            client=client,
            helm=tool,
            recorder=recorder,
            isolation=Isolation.on(client, setting, run, admission, confines=scenario.submits_charts),
            vetting=Vetting(client, setting, scenario.namespace),
            setting=setting,
            registries=cluster.registries,
            ask_registry=cluster.ask_registry,
            dial=cluster.dial,
            exhausted=cluster.exhausted,
        )
        yield Context(
            scenario=scenario,
            inputs=inputs,
            baseline=Baseline(tool, scenario.release, inputs.stable[-1], cluster.kubernetes),
            target=target,
            capacity=Capacity.of(parallel, client, time_limits, doomed),
            time_limits=time_limits,
            doomed=doomed,
            sandbox=sandbox,
            redactor=connection.redactor,
        )
