"""Prepares the namespace of an experiment for the canary: the setup of the scenario, then the stable revisions.

Nothing of a submission is involved. A failure is a fault of the scenario, and the error quotes Helm or Kubernetes.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Protocol

from canaryproof.analysis.container_log import last_words
from canaryproof.analysis.hook_failure import INSTALL_EVENTS, UPGRADE_EVENTS
from canaryproof.analysis.unstarted_pods import unstarted_pods
from canaryproof.errors import ScenarioError, WaitError
from canaryproof.experiment.container_logs import last_lines
from canaryproof.experiment.evidence_builder import EvidenceBuilder
from canaryproof.experiment.inspection import Inspection
from canaryproof.experiment.setup_objects import SetupObjects
from canaryproof.experiment.stable_app import StableApp
from canaryproof.experiment.steps import Release
from canaryproof.experiment.watching import Watcher
from canaryproof.helm.inputs import Inputs, RevisionInputs, SetupInputs
from canaryproof.model.causes import Cause
from canaryproof.model.evidence import Rendering, Step
from canaryproof.model.helm_text import symptoms
from canaryproof.model.hints import Hint
from canaryproof.model.wording.cause_sentences import describe
from canaryproof.model.wording.hint_sentences import describe_hint
from canaryproof.scenario.terms import SetupManifest


class AppOf(Protocol):
    """Returns the stable app of a revision."""

    def __call__(self, rendering: Rendering, *, is_last: bool) -> StableApp:
        """Return the app of the revision that renders to *rendering*. *is_last* marks the last stable revision."""
        ...


@dataclass(frozen=True)
class StableRevisions:
    """Sets up the namespace and installs the stable revisions in it."""

    inputs: Inputs
    release: Release
    inspection: Inspection
    watcher: Watcher
    setup_objects: SetupObjects
    app: AppOf
    run: Callable[[Callable[[], Step], Collection[str], int], Step]
    """Runs an operation of Helm. It gets the events of its hooks and its revision, and explains a failure."""
    facts: EvidenceBuilder
    """Takes the steps, also the one that fails."""

    def set_up(self) -> None:
        """Apply the setup of the scenario in order, each part once the one before is ready.

        Raises ScenarioError when a part cannot be applied or does not become ready.
        """
        for part in self.inputs.setup:
            if isinstance(part, SetupInputs):
                step = self.release.set_up(part)
                self._note(setup=(*self.facts.evidence.setup, step))
                _require(step, f"the chart {part.chart} of the setup", f"release {part.release}")
            else:
                self._apply(part)

    def install(self, rendering: Rendering | None) -> tuple[Rendering, StableApp]:
        """Install the stable revisions, and return the objects of the last one and its stable app.

        *rendering* is what the last revision renders to, or None to take it from Helm's record.

        Raises ScenarioError when a revision cannot be installed or does not become ready.
        """
        for number, inputs in enumerate(self.inputs.stable, 1):
            step = self._install(number, inputs)
            if number == 1:
                self._note(install=step)
            else:
                self._note(stable_upgrades=(*self.facts.evidence.stable_upgrades, step))
            if step.error and not self.facts.evidence.submitted:  # what it left outside of the namespace is removed
                self._note(baseline=self.inspection.after_upgrade(number, succeeded=False) or Rendering())
            _require(step, f"the stable chart {inputs.own_chart}", f"revision {number}")
            self.inspection.after_stable(number)
            is_last = number == len(self.inputs.stable)
            applied = rendering if is_last and rendering else self.inspection.applied(number) or Rendering()
            app = self.app(applied, is_last=is_last)
            self._await(f"revision {number} of the release", app.await_ready)
        return applied, app

    def _install(self, number: int, inputs: RevisionInputs) -> Step:
        if number == 1:
            return self.run(lambda: self.release.install(inputs), INSTALL_EVENTS, number)
        return self.run(lambda: self.release.upgrade_stable(inputs), UPGRADE_EVENTS, number)

    def _apply(self, part: SetupManifest) -> None:
        began = self.release.recording.now
        found = self.setup_objects.apply(part.manifest)
        self._await(f"setup {part.manifest.name}", lambda: self.setup_objects.await_ready(found))
        step = Step(shown_apply(part.manifest, self.release.namespace), began, self.release.recording.now)
        self._note(setup=(*self.facts.evidence.setup, step))

    def _note(self, **steps: Any) -> None:
        self.facts.evidence = replace(self.facts.evidence, **steps)

    def _await(self, what: str, wait: Callable[[], None]) -> None:
        """Wait for readiness.

        Raises ScenarioError when it does not come in time, and WaitError when the run ends first.
        """
        try:
            wait()
        except WaitError as error:
            if self.watcher.doomed():
                raise
            self.watcher.require_healthy_nodes()
            states = "; ".join(map(describe, map(self._with_log, unstarted_pods(self.watcher.recording.timeline))))
            advice = "if it only needs more time, raise timeouts.ready"
            raise ScenarioError(f"{what} did not become ready: {error}{states and f'; {states}'}", advice) from error

    def _with_log(self, cause: Cause) -> Cause:
        """Add the last words of a container that ended."""
        pod, release = cause.object.removeprefix("Pod/"), self.release
        if not cause.exit_codes:
            return cause
        log = last_lines(release.client, release.namespace, pod, cause.container, previous=False)
        return replace(cause, last_words=last_words(self.facts.redactor.cut_text(log.text)))


def shown_apply(manifest: Path, namespace: str) -> str:
    """Return the command of kubectl that corresponds to the application of *manifest*."""
    return f"kubectl apply --server-side --namespace {namespace} --filename ./{manifest.name}"


def _require(step: Step, what: str, part: str) -> None:
    if step.error:
        said = f"{describe(step.cause)}: {step.error}" if step.cause else step.error
        advice = describe_hint(Hint(id="definition-missing")) if "definition-missing" in symptoms(step.error) else ""
        raise ScenarioError(f"{what} could not be installed as {part}: {said}", advice)
