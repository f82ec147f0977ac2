"""One experiment from its beginning to its end, in order.

The chart with the canary is prepared and gets a namespace.  There, the setup of the scenario is applied, the stable
revisions are installed, the next revision upgrades to the canary, the canary is observed, another revision rolls back,
and what the rollback leaves is observed.  The experiment always ends in evidence, and it judges nothing.
"""

from __future__ import annotations

import platform
from contextlib import ExitStack, suppress
from dataclasses import replace

from canaryproof.analysis.canary import with_former_pods
from canaryproof.analysis.hook_failure import ROLLBACK_EVENTS, UPGRADE_EVENTS
from canaryproof.analysis.outcome import decide
from canaryproof.errors import InfrastructureError, ScenarioError, SubmissionError, WaitError
from canaryproof.experiment.canary_app import (
    await_outcome,
    own_image,
    read_logs,
    require_in_reach,
    require_own_processor,
    with_decisive_container,
    with_foreign_images,
)
from canaryproof.experiment.cleanup_check import CleanupCheck
from canaryproof.experiment.context import Context
from canaryproof.experiment.evidence_builder import EvidenceBuilder
from canaryproof.experiment.inspection import Inspection, ViolationError
from canaryproof.experiment.outside_objects import WHAT, OutsideObjects
from canaryproof.experiment.preparation import PreparedChart, blank_evidence, goes_ahead, prepare
from canaryproof.experiment.reservations import PortTakenError
from canaryproof.experiment.setup_objects import SetupObjects
from canaryproof.experiment.stable_app import StableApp
from canaryproof.experiment.stable_revisions import StableRevisions
from canaryproof.experiment.steps import Release, live_secrets
from canaryproof.experiment.storm_guard import storms_ended
from canaryproof.experiment.watched_helm import WatchedHelm
from canaryproof.experiment.watching import Watcher, reason_of
from canaryproof.model.evidence import Decision, Evidence, Rendering, Step
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
    except (InfrastructureError, ScenarioError, WaitError, OSError) as error:  # a full disk is nobody's fault
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
        target, release, namespace = context.target, context.scenario.release, chart.namespace
        self._chart = chart
        self._context = context
        self._forgives = forgives
        self._watcher = watcher
        self._recording = watcher.recording
        self._facts = facts
        self._namespace = namespace
        self._trusted = not context.scenario.submits_charts
        self._baseline = None if self._trusted else context.baseline.rendered(namespace)
        self._stable: StableApp | None = None
        user, flags = target.isolation.user_of(namespace), context.scenario.helm
        self._release = Release(
            release, namespace, user, target.helm, target.client, watcher.recording, flags, self._trusted
        )
        self._waits = waits = any(each.startswith("--wait") for each in flags.upgrade)
        rendered = (*chart.rendering.manifests, *(self._baseline.manifests if self._baseline else ()))
        background = self._trusted or waits or any(each.is_hook for each in rendered)
        self._helm = WatchedHelm(self._release, watcher, background=background, waits=waits)
        self._early: Decision | None = None
        self._inspection = Inspection(
            target.client,
            release,
            namespace,
            lambda applied: target.vetting.refusals(applied, namespace),
            trusted=self._trusted,
        )

    def run(self) -> None:
        """Run the steps, and keep the recorded evidence however they end."""
        facts = self._facts
        try:
            self._stable = stable = self._install()
            spared = [each.name for each in self._facts.evidence.baseline.manifests]
            client, recording = self._context.target.client, self._recording
            with stable.probed(), storms_ended(client, recording, self._namespace, spared):
                self._upgrade()
                self._observe_canary(stable)
                self._observe_cleanup(self._roll_back(), stable)
            self._watcher.require_healthy_nodes()
        except ViolationError as error:
            facts.stop(error.violation, error.cause, self._recording.now)
            self._inspection.let_go(facts.evidence.chart.manifests)
        finally:
            if stable_app := self._stable:
                facts.evidence = replace(facts.evidence, probed_through=stable_app.way)
            facts.end(self._recording.timeline, stable_app.probes if stable_app else (), self._recording.now)

    def _install(self) -> StableApp:
        """Apply the setup, install the stable revisions, and return the stable app once it serves."""
        facts, target, namespace = self._facts, self._context.target, self._namespace
        if self._baseline:
            facts.compare(self._baseline)
        target.isolation.await_guards(namespace, self._watcher)
        revisions = StableRevisions(
            self._context.inputs,
            self._release,
            self._inspection,
            self._watcher,
            SetupObjects(target.client, namespace, self._watcher),
            self._stable_app,
            self._helm.run,
            facts,
        )
        revisions.set_up()
        baseline, app = revisions.install(self._baseline)
        settled_at = self._recording.now
        facts.evidence = replace(facts.evidence, settled_at=settled_at)
        facts.learn_live_secrets(live_secrets(target.client, namespace), baseline.manifests)
        if not self._baseline:
            facts.compare(baseline)
        steps = [step for step in (facts.evidence.install, *facts.evidence.stable_upgrades) if step]
        self._watcher.lend_slot(settled_at - steps[-1].ended)
        return app

    def _stable_app(self, rendering: Rendering, *, is_last: bool) -> StableApp:
        """Return the stable app of a revision. The scenario names the Services of the last one."""
        availability = self._context.scenario.availability if is_last else ()
        target = self._context.target
        return StableApp(
            rendering.manifests, self._namespace, target.client, self._watcher, availability, dial=target.dial
        )

    def _upgrade(self) -> None:
        """Upgrade to the chart with the canary, and go on with the objects that Helm has applied."""
        facts, chart, manifests = self._facts, self._chart, self._chart.rendering.manifests
        self._context.capacity.reservations.await_ports(manifests, self._namespace)
        revision, began = facts.evidence.canary_revision, self._recording.now
        upgrade = self._helm.run(
            lambda: self._release.upgrade(chart.folder, chart.values, manifests, forgives=self._forgives),
            UPGRADE_EVENTS,
            revision,
            lambda: self._decide_early(began),
        )
        facts.evidence = replace(facts.evidence, upgrade=upgrade)
        if applied := self._inspection.after_upgrade(revision, succeeded=upgrade.succeeded):
            facts.take_applied(applied)
            if not self._trusted:
                self._inspection.vet(applied)
        elif upgrade.error and not manifests:
            facts.take_rendering(self._namespace, Rendering(error=upgrade.error))
        self._require_room(upgrade.error)
        if upgrade.error and not upgrade.gave_up:
            self._watcher.require_admission(facts.evidence.chart.manifests, (upgrade.error,))
            facts.refuse_upgrade(upgrade)

    def _decide_early(self, began: float) -> None:
        """Decide the outcome while Helm still waits until the canary is ready."""
        canary = self._facts.evidence.canary
        if canary and self._waits and not self._early:
            canary = with_decisive_container(canary, self._facts.evidence, self._context.scenario.expect)
            recording, time_limits = self._recording, self._context.time_limits
            self._early = decide(recording.timeline, canary, began, recording.now, time_limits)

    def _require_room(self, *messages: str) -> None:
        if not self._trusted:
            self._inspection.require_room((*messages, *self._recording.timeline.messages))

    def _observe_canary(self, stable: StableApp) -> None:
        """Watch until the outcome of the canary is certain, and whether the stable app still answers then."""
        facts, target = self._facts, self._context.target
        canary, upgrade = facts.evidence.canary, facts.evidence.upgrade
        if canary and upgrade:
            canary = with_former_pods(canary, self._recording.timeline.until(upgrade.began))
            facts.evidence = replace(facts.evidence, canary=canary)
            if upgrade.succeeded or upgrade.gave_up:
                canary = with_foreign_images(canary, facts.evidence, self._context.scenario, target.setting)
                since = upgrade.began if upgrade.gave_up else upgrade.ended
                canary = with_decisive_container(canary, facts.evidence, self._context.scenario.expect)
                decision = self._early or await_outcome(canary, since, self._watcher)
                facts.evidence = replace(facts.evidence, canary=canary, decision=decision)
                self._watcher.require_admission(facts.evidence.chart.manifests, (decision.cause.detail,))
                require_in_reach(decision, canary, self._recording.timeline, target)
            facts.learn_live_secrets(live_secrets(target.client, self._namespace), facts.evidence.chart.manifests)
            logs = read_logs(canary, self._namespace, target.client, self._watcher)
            own = bool(own_image(facts.evidence, self._context.scenario))
            facts.take_logs((*self._helm.logs, *logs), own_image=own)
            require_own_processor(facts.evidence, self._context.scenario, platform.machine())
        elif self._helm.logs:
            facts.take_logs(self._helm.logs)
        stable.await_answer(max(facts.evidence.decision.at or 0.0, upgrade.ended if upgrade else 0.0))

    def _roll_back(self) -> Step:
        """Roll back to the last stable revision, with no other records of Helm than those that were inspected."""
        self._require_room()
        self._inspection.before_rollback()
        facts, evidence = self._facts, self._facts.evidence
        rollback = self._helm.run(
            lambda: self._release.roll_back(evidence.stable_revision),
            ROLLBACK_EVENTS,
            evidence.canary_revision + bool(self._inspection.applied(evidence.canary_revision)),
        )
        facts.evidence = replace(facts.evidence, rollback=rollback)
        if rollback.error:
            facts.refuse_rollback(rollback)
        return rollback

    def _observe_cleanup(self, rollback: Step, stable: StableApp) -> None:
        """Watch until the canary is gone and the stable app holds, or it is certain that something stays."""
        facts, generations = self._facts, stable.generations()
        evidence = facts.evidence
        check = CleanupCheck(
            self._context.target.client,
            self._recording,
            self._namespace,
            added=[each for each in evidence.chart.manifests if each.key in evidence.added],
            canary=evidence.canary,
            unready=lambda: stable.unready(generations),
        )
        facts.evidence = replace(evidence, history=self._release.history())
        cleanup = check.observe(self._watcher)
        if cleanup.restored_at is None:
            self._watcher.require_admission(evidence.chart.manifests, self._recording.timeline.messages)
        facts.evidence = replace(
            facts.evidence,
            restored_at=cleanup.restored_at,
            leftovers=cleanup.leftovers,
            gone_at=None if cleanup.leftovers else max(rollback.ended, cleanup.last_deletion or 0.0),
        )
        stable.await_answer(rollback.ended)
