"""Runs the Helm steps of an experiment in one namespace: install, upgrade and rollback."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path

from canaryproof.errors import InfrastructureError
from canaryproof.experiment.confinement import hidden_cause
from canaryproof.experiment.reservations import PortTakenError, taken_by_chance
from canaryproof.helm import releases
from canaryproof.helm.chart_values import Values
from canaryproof.helm.inputs import RevisionInputs, SetupInputs
from canaryproof.helm.releases import Record
from canaryproof.helm.verbs import Helm, Operation
from canaryproof.kube.client import KubeClient
from canaryproof.kube.recorder import Recording
from canaryproof.kube.resources import SECRETS
from canaryproof.model.evidence import Revision, Step
from canaryproof.model.objects import BODIES, Body, Manifest
from canaryproof.scenario.terms import HelmFlags


@dataclass(frozen=True)
class Release:
    """The release of one experiment; its steps are timed by *recording*."""

    name: str
    namespace: str
    user: str
    """The user as whom Helm upgrades and rolls back, or an empty string for the account of the run."""
    helm: Helm
    client: KubeClient
    recording: Recording
    flags: HelmFlags
    """The further flags of the scenario."""
    trusted: bool
    """Whether the canary's chart is one of the scenario's own."""

    def set_up(self, inputs: SetupInputs) -> Step:
        """Install a release of the scenario's setup, and wait until it is ready."""
        began = self.recording.now
        operation = self.helm.install(inputs.release, inputs.chart, self.namespace, values=inputs.values, wait=True)
        return self._step(began, operation)

    def install(self, inputs: RevisionInputs) -> Step:
        """Install the first stable chart as revision 1."""
        began = self.recording.now
        operation = self.helm.install(
            self.name, inputs.own_chart, self.namespace, values=inputs.values, flags=self.flags.install
        )
        return self._step(began, operation)

    def upgrade_stable(self, inputs: RevisionInputs) -> Step:
        """Upgrade to a further stable chart."""
        began = self.recording.now
        return self._step(began, self._upgrade(inputs.own_chart, inputs.values, user="", trusted=True))

    def upgrade(self, chart: Path, values: Values, manifests: Iterable[Manifest], *, forgives: bool) -> Step:
        """Upgrade to the chart with the canary, which renders to *manifests*.

        Raises PortTakenError, if this attempt *forgives* it, when the cluster gave one of its node ports away.
        Helm's error can contain text of the chart, so that the same error in the next attempt is the chart's.
        """
        began = self.recording.now
        step = self._step(began, self._upgrade(chart, values, user=self.user, trusted=self.trusted))
        if forgives and taken_by_chance(step.error, manifests):
            raise PortTakenError(step.error)
        known = self.client.resource
        unknown = (each for each in manifests if known(each.api_version, each.kind) is None)
        return replace(step, cause=hidden_cause(step.error, unknown))

    def roll_back(self, revision: int) -> Step:
        """Roll back to a stable *revision*."""
        began = self.recording.now
        operation = self.helm.rollback(self.name, revision, self.namespace, flags=self.flags.rollback, user=self.user)
        return self._step(began, operation)

    def record(self, revision: int) -> Record | None:
        """Return Helm's record of a revision, or None if it has none, or if something made it unreadable."""
        secret = self.client.get(SECRETS, releases.record_name(self.name, revision), self.namespace)
        try:
            return releases.record_of(secret) if secret else None
        except InfrastructureError:
            return None

    def history(self) -> tuple[Revision, ...]:
        """Return the revisions that Helm has on record."""
        return releases.history(self.client.list(SECRETS, self.namespace, releases.selector(self.name)).items)

    def _upgrade(self, chart: Path, values: Values, *, user: str, trusted: bool) -> Operation:
        return self.helm.upgrade(
            self.name,
            chart,
            self.namespace,
            values=values,
            flags=self.flags.upgrade,
            user=user,
            trusted=trusted,
        )

    def _step(self, began: float, operation: Operation) -> Step:
        return Step(operation.command, began, self.recording.now, operation.error)


def live_secrets(client: KubeClient, namespace: str) -> tuple[Body, ...]:
    """Return the Secrets that are in *namespace* now beside Helm's records: templates and programs make some up.

    There are none where the account must not list them: those that a chart renders to are known anyway.
    """
    try:
        items = client.list(SECRETS, namespace).items
    except InfrastructureError:
        return ()
    bodies: list[Body] = [{"kind": SECRETS.kind, **BODIES.decode(item)} for item in items]
    return tuple(each for each in bodies if each.get("type") != releases.TYPE)
