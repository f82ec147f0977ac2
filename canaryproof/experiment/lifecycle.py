"""Runs one experiment from its beginning to its end, in order.

It prepares the chart with the canary and makes a namespace.  There, it applies the setup of the scenario, installs the
stable revisions, upgrades to the canary, observes it, rolls back, and observes what the rollback leaves.  The
experiment always ends in evidence, and it judges nothing.
"""

from __future__ import annotations

from contextlib import ExitStack, suppress
from dataclasses import replace

from canaryproof.errors import InfrastructureError, ScenarioError, SubmissionError, WaitError
from canaryproof.experiment.canary_revision import CanaryRevision
from canaryproof.experiment.context import Context
from canaryproof.experiment.evidence_builder import EvidenceBuilder
from canaryproof.experiment.experiment_tools import ExperimentTools
from canaryproof.experiment.inspection import ViolationError
from canaryproof.experiment.outside_objects import WHAT, OutsideObjects
from canaryproof.experiment.preparation import PreparedChart, blank_evidence, goes_ahead, prepare
from canaryproof.experiment.reservations import PortTakenError
from canaryproof.experiment.rollback import observe_cleanup, roll_back
from canaryproof.experiment.setup_objects import SetupObjects
from canaryproof.experiment.stable_app import StableApp
from canaryproof.experiment.stable_revisions import StableRevisions
from canaryproof.experiment.steps import live_secrets
from canaryproof.experiment.storm_guard import storms_ended
from canaryproof.experiment.watching import Watcher, reason_of
from canaryproof.model.evidence import Evidence, Rendering
from canaryproof.submissions.discovery import Submission


def run_experiment(submission: Submission, context: Context) -> Evidence:
    """Run the experiment of *submission*. The deletion of its namespace has begun when this returns.

    ``Evidence.fault`` records faults of the cluster and of the tools.  Only interrupts such as Ctrl-C are raised.
    """
    with suppress(PortTakenError):  # nothing was tried yet, and it does not happen twice
        return _attempt(submission, context, forgives=True)
    return _attempt(submission, context, forgives=False)


def _attempt(submission: Submission, context: Context, *, forgives: bool) -> Evidence:
    """Run the experiment.

    Raises PortTakenError, if this attempt *forgives* it, when the cluster gave a port of the chart away by chance.
    """
    facts = EvidenceBuilder(blank_evidence(submission, context), context.redactor, context.scenario)
    try:
        _run(submission, context, facts, forgives=forgives)
    except PortTakenError as error:
        if forgives:
            raise
        facts.fail(reason_of(error, context.doomed, context.time_limits))
    except (InfrastructureError, ScenarioError, WaitError, OSError) as error:  # a full disk is an infrastructure fault
        facts.fail(reason_of(error, context.doomed, context.time_limits))
    return facts.build()


def _run(submission: Submission, context: Context, facts: EvidenceBuilder, *, forgives: bool) -> None:
    """Prepare the submission, wait for room, make a namespace, and go through the steps there."""
    scenario, target, capacity = context.scenario, context.target, context.capacity
    with capacity.at_work.hold() as slot, ExitStack() as stack:
        try:
            chart = stack.enter_context(prepare(submission, context, slot, facts))
        except SubmissionError as refused:
            facts.refuse(refused)
            return
        facts.take_rendering(chart.namespace, chart.rendering)
        if chart.rendering.error:
            return
        if scenario.submits_charts and not target.isolation.gives_rights:
            chart = chart.as_vetted()
        namespace, manifests = chart.namespace, chart.rendering.manifests
        outside = OutsideObjects.of(context, namespace, Rendering() if scenario.submits_charts else chart.rendering)
        if outside.found:
            with slot.released():
                stack.enter_context(capacity.reservations.exclusively(WHAT))
            stack.enter_context(outside.removed())
        stack.enter_context(capacity.enter_cluster(slot, manifests, ahead=goes_ahead(chart, context)))
        recording = stack.enter_context(target.recorder.open(namespace))
        watcher = Watcher(recording, slot, context.time_limits, context.doomed, target.exhausted)
        stack.enter_context(target.isolation.namespace(namespace, manifests))
        try:
            _Experiment(chart, context, watcher, facts, forgives=forgives).run()
        finally:
            if namespace == scenario.namespace or facts.evidence.violation:
                target.isolation.end_pods(namespace, recording.timeline.objects)
            if not scenario.submits_charts:
                outside.remove_applied((*facts.evidence.baseline.manifests, *facts.evidence.chart.manifests))


class _Experiment:
    """Runs the steps in the namespace. Each step records its facts in the evidence."""

    def __init__(
        self, chart: PreparedChart, context: Context, watcher: Watcher, facts: EvidenceBuilder, *, forgives: bool
    ) -> None:
        self._baseline = context.baseline.rendered(chart.namespace) if context.scenario.submits_charts else None
        """The rendering of the last stable revision, or None if the experiment takes it from Helm's record."""
        self._tools = ExperimentTools.of(chart, context, watcher, facts, self._baseline)
        self._canary = CanaryRevision(self._tools, chart, forgives=forgives)
        self._stable: StableApp | None = None

    def run(self) -> None:
        """Run the steps, and keep the recorded evidence however they end."""
        tools, facts, recording = self._tools, self._tools.facts, self._tools.recording
        try:
            self._stable = stable = self._install()
            spared = [each.name for each in facts.evidence.baseline.manifests]
            with stable.probed(), storms_ended(tools.target.client, recording, tools.namespace, spared):
                self._canary.upgrade()
                self._canary.observe(stable)
                observe_cleanup(tools, roll_back(tools), stable)
            tools.watcher.require_healthy_nodes()
        except ViolationError as error:
            facts.stop(error.violation, error.cause, recording.now)
            tools.inspection.let_go(facts.evidence.chart.manifests)
        finally:
            if stable_app := self._stable:
                facts.evidence = replace(facts.evidence, probed_through=stable_app.way)
            facts.end(recording.timeline, stable_app.probes if stable_app else (), recording.now)

    def _install(self) -> StableApp:
        """Apply the setup, install the stable revisions, and return the stable app once it serves."""
        tools, facts = self._tools, self._tools.facts
        client, namespace, watcher = tools.target.client, tools.namespace, tools.watcher
        if self._baseline:
            facts.compare(self._baseline)
        tools.target.isolation.await_guards(namespace, watcher)
        revisions = StableRevisions(
            tools.context.inputs,
            tools.release,
            tools.inspection,
            watcher,
            SetupObjects(client, namespace, watcher),
            self._stable_app,
            tools.helm.run,
            facts,
        )
        revisions.set_up()
        baseline, app = revisions.install(self._baseline)
        settled_at = tools.recording.now
        facts.evidence = replace(facts.evidence, settled_at=settled_at)
        facts.learn_live_secrets(live_secrets(client, namespace), baseline.manifests)
        if not self._baseline:
            facts.compare(baseline)
        steps = [step for step in (facts.evidence.install, *facts.evidence.stable_upgrades) if step]
        watcher.lend_slot(settled_at - steps[-1].ended)
        return app

    def _stable_app(self, rendering: Rendering, *, is_last: bool) -> StableApp:
        """Return the stable app of a revision. The scenario names the Services of the last one."""
        tools, target = self._tools, self._tools.target
        availability = tools.context.scenario.availability if is_last else ()
        return StableApp(
            rendering.manifests, tools.namespace, target.client, tools.watcher, availability, dial=target.dial
        )
