"""Observes the one release that a scenario names, and makes evidence of it."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import Future
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Self

from canaryproof.errors import InfrastructureError, ScenarioError
from canaryproof.experiment.baseline import Baseline
from canaryproof.experiment.connection import Connection, connect
from canaryproof.experiment.evidence_builder import EvidenceBuilder
from canaryproof.experiment.steps import live_secrets
from canaryproof.helm.inputs import Inputs
from canaryproof.kube.running_cluster import Cluster
from canaryproof.model.evidence import Evidence
from canaryproof.model.faults import cause_of
from canaryproof.model.wording.cause_sentences import describe
from canaryproof.observe.current_state import probe_stable, read_events, read_records, read_releases, read_state
from canaryproof.observe.missing_release import missing_release
from canaryproof.observe.observed_evidence import complete, needs_probes
from canaryproof.observe.revisions import find_revisions
from canaryproof.scenario.terms import Scenario
from canaryproof.submissions.discovery import Submission
from canaryproof.system.tempdirs import scratch
from canaryproof.timeouts import TimeLimits


class Observer:
    """Returns futures of evidence, as `canaryproof.experiment.runner.Runner` does. `open` creates one for a run."""

    def __init__(self, connection: Connection, scenario: Scenario, time_limits: TimeLimits) -> None:
        """Observe by *connection* the release of *course*; Helm only renders the stable chart."""
        self._connection = connection
        self._scenario = scenario
        self._time_limits = time_limits

    @classmethod
    @contextmanager
    def open(cls, cluster: Cluster, *, scenario: Scenario, helm: Path, time_limits: TimeLimits) -> Iterator[Self]:
        """Yield an observer of *cluster*.

        Raises InfrastructureError when Helm does not run, and UsageError when the kubeconfig has no such context.
        """
        with connect(cluster, helm, time_limits) as connection:
            yield cls(connection, scenario, time_limits)

    def submit(self, submission: Submission) -> Future[Evidence]:
        """Observe now; the future never raises on account of the cluster."""
        setting, namespace = self._connection.setting, self._scenario.namespace
        blank = Evidence(submission.name, submission.source, setting, namespace=namespace)
        facts = EvidenceBuilder(blank, self._connection.redactor, self._scenario)
        try:
            self._observe(facts)
        except (InfrastructureError, ScenarioError) as error:
            facts.fail(cause_of(error))
        promised: Future[Evidence] = Future()
        promised.set_result(facts.build())
        return promised

    def _observe(self, facts: EvidenceBuilder) -> None:
        client, helm, namespace = self._connection.client, self._connection.helm, self._scenario.namespace
        with scratch() as folder:
            inputs, kubernetes = Inputs.of(self._scenario, folder), self._connection.setting.kubernetes
            baseline = Baseline(helm, self._scenario.release, inputs.stable[-1], kubernetes).rendered(namespace)
        records = read_records(client, self._scenario.release, namespace)
        if not records:
            raise self._missing(namespace)
        for rendering in (baseline, *(record.rendering for record in records)):
            facts.learn_secrets(rendering.manifests)
        facts.learn_live_secrets(live_secrets(client, namespace))
        revisions = find_revisions(records, baseline, self._scenario)
        state = read_state(client, namespace, revisions)
        if needs_probes(revisions, state):
            probes = probe_stable(client, namespace, revisions.stable_app, state.now, self._time_limits.probe_every)
            state = replace(state, probes=probes)
        facts.evidence = complete(facts.evidence, revisions, state, self._time_limits)

    def _missing(self, namespace: str) -> InfrastructureError:
        """Return the error for a release without a record of Helm, with the objects that events still name."""
        client, release = self._connection.client, self._scenario.release
        place = f"namespace {namespace} of context {client.context}"
        cause = missing_release(read_events(client, namespace), release, place, read_releases(client, namespace))
        return InfrastructureError(describe(cause), cause=cause)
