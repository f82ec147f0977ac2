"""Runs the Helm steps of an experiment in one namespace: install, upgrade and rollback."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path

from canaryproof.errors import InfrastructureError
from canaryproof.experiment.confinement import hidden_cause
from canaryproof.experiment.reservations import PortTakenError, taken_by_chance
from canaryproof.helm import releases
from canaryproof.helm.verbs import Helm, Operation
from canaryproof.kube.client import KubeClient
from canaryproof.kube.recorder import Recording
from canaryproof.kube.resources import SECRETS
from canaryproof.model.evidence import Revision, Step
from canaryproof.model.objects import BODIES, Body, Manifest


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

    def install(self, chart: Path) -> Step:
        """Install the stable chart as revision 1."""
        began = self.recording.now
        return self._step(began, self.helm.install(self.name, chart, self.namespace))

    def upgrade(self, chart: Path, manifests: Iterable[Manifest]) -> Step:
        """Upgrade to the submission, which renders to *manifests*, as revision 2.

        Raises PortTakenError when the cluster gave one of its node ports away meanwhile.
        """
        began = self.recording.now
        step = self._step(began, self.helm.upgrade(self.name, chart, self.namespace, user=self.user))
        if taken_by_chance(step.error, manifests):
            raise PortTakenError(step.error)
        known = self.client.resource
        unknown = (each for each in manifests if known(each.api_version, each.kind) is None)
        return replace(step, cause=hidden_cause(step.error, unknown))

    def roll_back(self) -> Step:
        """Roll back to revision 1."""
        began = self.recording.now
        return self._step(began, self.helm.rollback(self.name, 1, self.namespace, user=self.user))

    def history(self) -> tuple[Revision, ...]:
        """Return the revisions that Helm has on record."""
        return releases.history(self.client.list(SECRETS, self.namespace, releases.selector(self.name)).items)

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
