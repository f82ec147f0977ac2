"""The revision with the canary: the upgrade, and the outcome of the canary."""

from __future__ import annotations

import platform
from dataclasses import replace

from canaryproof.analysis.canary import with_former_pods
from canaryproof.analysis.hook_failure import UPGRADE_EVENTS
from canaryproof.analysis.outcome import decide
from canaryproof.experiment.canary_app import (
    await_outcome,
    own_image,
    read_logs,
    require_in_reach,
    require_own_processor,
    with_decisive_container,
    with_foreign_images,
)
from canaryproof.experiment.experiment_tools import ExperimentTools
from canaryproof.experiment.preparation import PreparedChart
from canaryproof.experiment.stable_app import StableApp
from canaryproof.experiment.steps import live_secrets
from canaryproof.model.evidence import Canary, Decision, Rendering, Step


class CanaryRevision:
    """Upgrades to the chart with the canary, and observes the canary. The evidence takes the facts."""

    def __init__(self, tools: ExperimentTools, chart: PreparedChart, *, forgives: bool) -> None:
        """Use *chart* for the upgrade.

        If the attempt *forgives* it, a node port that the cluster gave away by chance raises PortTakenError.
        """
        self._tools = tools
        self._facts = tools.facts
        self._scenario = tools.context.scenario
        self._chart = chart
        self._forgives = forgives
        self._early: Decision | None = None
        """The outcome that was decided while Helm still waited, or None if no outcome was certain then."""

    def upgrade(self) -> None:
        """Upgrade to the chart with the canary, and take the objects that Helm has applied.

        Raises ViolationError when the release did something that no submission may do, PortTakenError, WaitError when
        the run ends first, and InfrastructureError when a policy of the cluster refused the upgrade.
        """
        tools, facts, chart, manifests = self._tools, self._facts, self._chart, self._chart.rendering.manifests
        tools.context.capacity.reservations.await_ports(manifests, tools.namespace)
        revision, began = facts.evidence.canary_revision, tools.recording.now
        upgrade = tools.helm.run(
            lambda: tools.release.upgrade(chart.folder, chart.values, manifests, forgives=self._forgives),
            UPGRADE_EVENTS,
            revision,
            lambda: self._decide_early(began),
        )
        facts.evidence = replace(facts.evidence, upgrade=upgrade)
        if applied := tools.inspection.after_upgrade(revision, succeeded=upgrade.succeeded):
            facts.take_applied(applied)
            if not tools.release.trusted:
                tools.inspection.vet(applied)
        elif upgrade.error and not manifests:
            facts.take_rendering(tools.namespace, Rendering(error=upgrade.error))
        tools.require_room(upgrade.error)
        if upgrade.error and not upgrade.gave_up:
            tools.watcher.require_admission(facts.evidence.chart.manifests, (upgrade.error,))
            facts.refuse_upgrade(upgrade)

    def _decide_early(self, began: float) -> None:
        """Decide the outcome while Helm still waits until the canary is ready."""
        canary = self._facts.evidence.canary
        if canary and self._tools.waits and not self._early:
            canary = self._described(canary, began)
            recording, time_limits = self._tools.recording, self._tools.context.time_limits
            self._early = decide(recording.timeline, canary, began, recording.now, time_limits)

    def _described(self, canary: Canary, began: float) -> Canary:
        """Return *canary* with all that its outcome depends on. *began* is the time at which the upgrade began."""
        evidence, target = self._facts.evidence, self._tools.target
        canary = with_former_pods(canary, self._tools.recording.timeline.until(began))
        canary = with_foreign_images(canary, evidence, self._scenario, target.setting)
        return with_decisive_container(canary, evidence, self._scenario.expect)

    def observe(self, stable: StableApp) -> None:
        """Watch until the outcome of the canary is certain, and whether the stable app still answers then.

        Raises WaitError when the run ends first, and InfrastructureError when the cluster caused the outcome.
        """
        tools, facts = self._tools, self._facts
        canary, upgrade = facts.evidence.canary, facts.evidence.upgrade
        if canary and upgrade:
            canary = self._described(canary, upgrade.began)
            facts.evidence = replace(facts.evidence, canary=canary)
            if upgrade.succeeded or upgrade.gave_up:
                self._decide(canary, upgrade)
            self._take_logs(canary)
        elif tools.helm.logs:
            facts.take_logs(tools.helm.logs)
        stable.await_answer(max(facts.evidence.decision.at or 0.0, upgrade.ended if upgrade else 0.0))

    def _decide(self, canary: Canary, upgrade: Step) -> None:
        """Watch until the outcome is certain."""
        tools, facts = self._tools, self._facts
        since = upgrade.began if upgrade.gave_up else upgrade.ended
        decision = self._early or await_outcome(canary, since, tools.watcher)
        facts.evidence = replace(facts.evidence, decision=decision)
        tools.watcher.require_admission(facts.evidence.chart.manifests, (decision.cause.detail,))
        require_in_reach(decision, canary, tools.recording.timeline, tools.target)

    def _take_logs(self, canary: Canary) -> None:
        """Read the logs that explain the outcome. A Secret of the namespace is removed from them."""
        tools, facts, client = self._tools, self._facts, self._tools.target.client
        facts.learn_live_secrets(live_secrets(client, tools.namespace), facts.evidence.chart.manifests)
        logs = read_logs(canary, tools.namespace, client, tools.watcher)
        facts.take_logs((*tools.helm.logs, *logs), own_image=bool(own_image(facts.evidence, self._scenario)))
        require_own_processor(facts.evidence, self._scenario, platform.machine())
