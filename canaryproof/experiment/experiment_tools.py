"""The tools of one experiment, which its steps share: Helm, the watcher, and the evidence so far."""

from __future__ import annotations

from dataclasses import dataclass

from canaryproof.experiment.context import Context, Target
from canaryproof.experiment.evidence_builder import EvidenceBuilder
from canaryproof.experiment.inspection import Inspection
from canaryproof.experiment.preparation import PreparedChart
from canaryproof.experiment.steps import Release
from canaryproof.experiment.watched_helm import WatchedHelm
from canaryproof.experiment.watching import Watcher
from canaryproof.kube.recorder import Recording
from canaryproof.model.evidence import Rendering


@dataclass(frozen=True)
class ExperimentTools:
    """The tools of one experiment in its namespace."""

    context: Context
    watcher: Watcher
    facts: EvidenceBuilder
    """Takes the facts of each step."""
    release: Release
    helm: WatchedHelm
    inspection: Inspection
    waits: bool
    """Whether an upgrade waits until the objects are ready (``--wait``)."""

    @classmethod
    def of(
        cls,
        chart: PreparedChart,
        context: Context,
        watcher: Watcher,
        facts: EvidenceBuilder,
        baseline: Rendering | None,
    ) -> ExperimentTools:
        """Return the tools of an experiment with *chart*.

        *baseline* is what the last stable revision renders to, or None if Helm's record will say it.
        """
        target, scenario, namespace = context.target, context.scenario, chart.namespace
        name, flags, trusted = scenario.release, scenario.helm, not scenario.submits_charts
        user = target.isolation.user_of(namespace)
        release = Release(name, namespace, user, target.helm, target.client, watcher.recording, flags, trusted)
        waits = any(each.startswith("--wait") for each in flags.upgrade)
        rendered = (*chart.rendering.manifests, *(baseline.manifests if baseline else ()))
        background = trusted or waits or any(each.is_hook for each in rendered)
        return cls(
            context=context,
            watcher=watcher,
            facts=facts,
            release=release,
            helm=WatchedHelm(release, watcher, background=background, waits=waits),
            inspection=Inspection(
                target.client,
                name,
                namespace,
                lambda applied: target.vetting.refusals(applied, namespace),
                trusted=trusted,
            ),
            waits=waits,
        )

    @property
    def target(self) -> Target:
        """Return the cluster, and the tools that act on it."""
        return self.context.target

    @property
    def recording(self) -> Recording:
        """Return the recording of the namespace."""
        return self.watcher.recording

    @property
    def namespace(self) -> str:
        """Return the namespace of the experiment."""
        return self.release.namespace

    def require_room(self, *messages: str) -> None:
        """Require that the quotas of the namespace refused nothing, by *messages* and the recorded messages.

        Raises ViolationError when they did. Quotas bind submissions only.
        """
        if not self.release.trusted:
            self.inspection.require_room((*messages, *self.recording.timeline.messages))
