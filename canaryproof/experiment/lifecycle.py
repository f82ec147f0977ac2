"""One experiment from its beginning to its end, in order.

The submission is prepared and gets a namespace.  There, revision 1 installs the stable chart, revision 2 upgrades to
the submission, the canary is observed, revision 3 rolls back, and what the rollback leaves is observed.  The experiment
always ends in evidence, and it judges nothing.
"""

from __future__ import annotations

from contextlib import ExitStack
from dataclasses import replace

from canaryproof.errors import InfrastructureError, SubmissionError, WaitError
from canaryproof.experiment.canary_app import await_outcome, read_logs, require_in_reach, with_foreign_images
from canaryproof.experiment.cleanup_check import CleanupCheck
from canaryproof.experiment.context import Context
from canaryproof.experiment.evidence_builder import EvidenceBuilder
from canaryproof.experiment.inspection import Inspection, ViolationError
from canaryproof.experiment.preparation import PreparedChart, blank_evidence, goes_ahead, prepare
from canaryproof.experiment.reservations import PortTakenError
from canaryproof.experiment.stable_app import StableApp
from canaryproof.experiment.steps import Release, live_secrets
from canaryproof.experiment.watching import Watcher, reason_of
from canaryproof.model.evidence import Evidence, Step
from canaryproof.submissions.discovery import Submission


def run_experiment(submission: Submission, context: Context) -> Evidence:
    """Run the experiment of *submission*. The deletion of its namespace has begun when this returns.

    ``Evidence.fault`` records faults of the cluster and of the tools.  Only interrupts such as Ctrl-C are raised.
    """
    while True:
        facts = EvidenceBuilder(blank_evidence(submission, context), context.redactor)
        try:
            _run(submission, context, facts)
        except PortTakenError:
            continue  # nothing was tried yet, and it does not happen twice
        except (InfrastructureError, WaitError, OSError) as error:  # a full disk is an OSError, and nobody's fault
            facts.fail(reason_of(error, context.doomed, context.time_limits))
        return facts.build()


def _run(submission: Submission, context: Context, facts: EvidenceBuilder) -> None:
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
        if not target.isolation.gives_rights:
            chart = chart.as_vetted()
        namespace, manifests = chart.namespace, chart.rendering.manifests
        stack.enter_context(capacity.enter_cluster(slot, manifests, ahead=goes_ahead(chart, context)))
        recording = stack.enter_context(target.recorder.open(namespace))
        watcher = Watcher(recording, slot, context.time_limits, context.doomed)
        stack.enter_context(target.isolation.namespace(namespace, manifests))
        try:
            _Experiment(chart, context, watcher, facts).run()
        finally:
            if namespace == scenario.namespace or facts.evidence.violation:
                target.isolation.end_pods(namespace, recording.timeline.objects)


class _Experiment:
    """Runs the steps in the namespace. Each step records its facts in the evidence."""

    def __init__(self, chart: PreparedChart, context: Context, watcher: Watcher, facts: EvidenceBuilder) -> None:
        target, release, namespace = context.target, context.scenario.release, chart.namespace
        self._chart = chart
        self._context = context
        self._watcher = watcher
        self._recording = watcher.recording
        self._facts = facts
        self._namespace = namespace
        self._baseline = context.baseline.rendered(namespace)
        self._stable = StableApp(self._baseline.manifests, namespace, target.client, watcher)
        user = target.isolation.user_of(namespace)
        self._release = Release(release, namespace, user, target.helm, target.client, watcher.recording)
        self._inspection = Inspection(
            target.client, release, namespace, lambda applied: target.vetting.refusals(applied, namespace)
        )

    def run(self) -> None:
        """Run the steps, and keep the recorded evidence however they end."""
        try:
            self._install()
            with self._stable.probed():
                self._upgrade()
                self._observe_canary()
                self._observe_cleanup(self._roll_back())
            self._watcher.require_healthy_nodes()
        except ViolationError as error:
            self._facts.stop(error.violation, error.cause, self._recording.now)
            self._inspection.let_go(self._facts.evidence.chart.manifests)
        finally:
            self._facts.end(self._recording.timeline, self._stable.probes, self._recording.now)

    def _install(self) -> None:
        """Install the stable chart as revision 1, and wait until the stable app serves."""
        facts, target = self._facts, self._context.target
        facts.compare(self._baseline)
        target.isolation.await_guards(self._namespace, self._watcher)
        install = self._release.install(self._context.scenario.stable_chart)
        facts.evidence = replace(facts.evidence, install=install)
        if install.error:
            raise InfrastructureError(f"the course's own chart could not be installed: {install.error}")
        facts.learn_live_secrets(live_secrets(target.client, self._namespace), self._baseline.manifests)
        self._inspection.after_install()
        self._stable.await_ready()
        settled_at = self._recording.now
        facts.evidence = replace(facts.evidence, settled_at=settled_at)
        self._watcher.lend_slot(settled_at - install.ended)

    def _upgrade(self) -> None:
        """Upgrade to the submission as revision 2, and go on with the objects that Helm has applied."""
        facts, manifests = self._facts, self._chart.rendering.manifests
        self._context.capacity.reservations.await_ports(manifests, self._namespace)
        upgrade = self._release.upgrade(self._chart.folder, manifests)
        facts.evidence = replace(facts.evidence, upgrade=upgrade)
        if applied := self._inspection.after_upgrade(succeeded=upgrade.succeeded):
            facts.take_applied(applied)
            self._inspection.vet(applied)
        self._inspection.require_room((upgrade.error, *self._recording.timeline.messages))
        if upgrade.error:
            facts.refuse_upgrade(upgrade)

    def _observe_canary(self) -> None:
        """Watch until the outcome of the canary is certain, and whether the stable app still answers then."""
        facts, target = self._facts, self._context.target
        canary, upgrade = facts.evidence.canary, facts.evidence.upgrade
        if canary and upgrade:
            if upgrade.succeeded:
                canary = with_foreign_images(canary, self._context.scenario, target.setting)
                decision = await_outcome(canary, upgrade.ended, self._watcher)
                facts.evidence = replace(facts.evidence, canary=canary, decision=decision)
                require_in_reach(decision, canary, self._recording.timeline, target.registries)
            facts.learn_live_secrets(live_secrets(target.client, self._namespace), facts.evidence.chart.manifests)
            facts.take_logs(read_logs(canary, self._namespace, target.client, self._watcher))
        self._stable.await_answer(facts.evidence.decision.at or 0.0)

    def _roll_back(self) -> Step:
        """Roll back to revision 1 as revision 3, with no other records of Helm than those that were inspected."""
        self._inspection.require_room(self._recording.timeline.messages)
        self._inspection.before_rollback()
        rollback = self._release.roll_back()
        self._facts.evidence = replace(self._facts.evidence, rollback=rollback)
        return rollback

    def _observe_cleanup(self, rollback: Step) -> None:
        """Watch until the canary is gone and the stable app holds, or it is certain that something stays."""
        facts, generations = self._facts, self._stable.generations()
        evidence = facts.evidence
        check = CleanupCheck(
            self._context.target.client,
            self._recording,
            self._namespace,
            added=[each for each in evidence.chart.manifests if each.key in evidence.added],
            unready=lambda: self._stable.unready(generations),
        )
        facts.evidence = replace(evidence, history=self._release.history())
        cleanup = check.observe(self._watcher)
        facts.evidence = replace(
            facts.evidence,
            restored_at=cleanup.restored_at,
            leftovers=cleanup.leftovers,
            gone_at=None if cleanup.leftovers else max(rollback.ended, cleanup.last_deletion or 0.0),
        )
        self._stable.await_answer(rollback.ended)
