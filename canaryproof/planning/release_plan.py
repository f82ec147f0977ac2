"""Makes the plan of a scenario. It renders the charts without a cluster."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from canaryproof.analysis.canary import CanaryFinding, find_canary
from canaryproof.analysis.stable_state import Stable, stable_of
from canaryproof.checks.registry import CHECKS, Check
from canaryproof.checks.titles import in_scenario
from canaryproof.checks.waivers import waiver_by_terms
from canaryproof.errors import SubmissionError
from canaryproof.helm.inputs import Inputs, RevisionInputs
from canaryproof.helm.renderer import Renderer
from canaryproof.model.causes import Cause
from canaryproof.model.evidence import Rendering
from canaryproof.model.objects import Manifest
from canaryproof.scenario.terms import Scenario
from canaryproof.submissions.chart_copy import clean_copy
from canaryproof.submissions.discovery import Submission
from canaryproof.system.tempdirs import scratch
from canaryproof.timeouts import TimeLimits


@dataclass(frozen=True)
class ReleasePlan:
    """The inputs of a run with one submission, and the objects that they render to."""

    scenario: Scenario
    submission: Submission
    inputs: Inputs
    written: Path
    """The folder with the values that the scenario file contains as maps."""
    stable: Rendering
    """The rendering of the last stable revision."""
    upgrade: Rendering
    """The rendering of the revision with the canary."""
    finding: CanaryFinding
    checks: tuple[tuple[Check, Cause | None], ...]
    """Each check, with the reason if it will not be judged."""

    @property
    def problem(self) -> str:
        """Return why the charts cannot be rendered without a cluster, or an empty string."""
        return self.stable.error or self.upgrade.error

    @property
    def services(self) -> Stable:
        """Return the stable Services and workloads."""
        return stable_of(self.stable.manifests)

    @property
    def images(self) -> tuple[str, ...]:
        """Return the images of both revisions, in the order of their first use."""
        manifests: tuple[Manifest, ...] = (*self.stable.manifests, *self.upgrade.manifests)
        return tuple(dict.fromkeys(container.image for each in manifests for container in each.containers))


@dataclass(frozen=True)
class Planner:
    """Makes plans with one Helm."""

    scenario: Scenario
    renderer: Renderer
    time_limits: TimeLimits
    kubernetes: str = ""
    """The version of Kubernetes that charts see. Empty for Helm's default."""
    doomed: Callable[[], str | None] = lambda: None

    @contextmanager
    def plan(self, submission: Submission) -> Iterator[ReleasePlan]:
        """Yield the plan for *submission*. The files of its values exist until the block ends.

        Raises SubmissionError when the submission contains no chart that can be rendered safely.
        """
        with scratch() as folder:
            inputs = Inputs.of(self.scenario, folder)
            stable = self._render(inputs.stable[-1], inputs.stable[-1].own_chart, upgrade=False, trusted=True)
            upgrade = self._upgrade(inputs.canary, submission)
            finding = find_canary(stable, upgrade, self.scenario)
            checks = tuple((in_scenario(each, self.scenario), waiver_by_terms(each, self.scenario)) for each in CHECKS)
            yield ReleasePlan(self.scenario, submission, inputs, folder, stable, upgrade, finding, checks)

    def _upgrade(self, inputs: RevisionInputs, submission: Submission) -> Rendering:
        if inputs.chart:
            return self._render(inputs, inputs.chart, upgrade=True, trusted=True)
        scenario, sandbox = self.scenario, self.renderer.sandbox
        with clean_copy(submission, scenario.release, self.time_limits, self.doomed, sandbox) as chart:
            return self._render(inputs, chart, upgrade=True, trusted=False)

    def _render(self, inputs: RevisionInputs, chart: Path, *, upgrade: bool, trusted: bool) -> Rendering:
        scenario = self.scenario
        try:
            return self.renderer.template(
                scenario.release,
                chart,
                scenario.namespace,
                values=inputs.values,
                upgrade=upgrade,
                kubernetes=self.kubernetes,
                trusted=trusted,
            )
        except SubmissionError as error:
            if not trusted:
                raise
            return Rendering(error=error.message)
