"""Prepares a submission for its experiment: copies the chart, renders it, vets it, and finds a namespace for it."""

from __future__ import annotations

import re
import secrets
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from canaryproof.analysis.chart_traits import insists_on, may_take_long
from canaryproof.errors import UnsafeError
from canaryproof.experiment.context import Context
from canaryproof.experiment.evidence_builder import EvidenceBuilder
from canaryproof.experiment.slots import Slot
from canaryproof.helm.chart_values import NO_VALUES, Values
from canaryproof.model.chart_source import read_texts
from canaryproof.model.evidence import Evidence, Rendering
from canaryproof.submissions.chart_copy import clean_copy
from canaryproof.submissions.discovery import Submission
from canaryproof.submissions.fingerprint import fingerprint
from canaryproof.submissions.static_chart import freeze, require_no_rights

SLUG_LENGTH = 40
"""The characters of the submission's name to keep, of the 63 that the name of a namespace may have."""


@dataclass(frozen=True)
class PreparedChart:
    """A copy of the submission's chart, with what it renders to in the namespace of its experiment."""

    folder: Path
    """The chart's folder, or its archive if the chart is one of the scenario's own."""
    namespace: str
    rendering: Rendering
    values: Values = NO_VALUES

    def as_vetted(self) -> PreparedChart:
        """Return a chart of the vetted objects, in which no template is left that could look into the cluster.

        Raises InfrastructureError when the chart gives rights to its pods, which takes a user of the namespace.
        """
        require_no_rights(self.rendering.manifests)
        folder = self.folder.parent / "frozen" / self.folder.name
        return replace(self, folder=freeze(self.folder, self.rendering.manifests, folder), values=NO_VALUES)


def blank_evidence(submission: Submission, context: Context) -> Evidence:
    """Return the evidence that is known before an experiment begins."""
    setting = context.target.setting
    key = fingerprint(submission, context.scenario, setting)
    return Evidence(submission.name, submission.source, setting, key, submitted=context.scenario.submits_charts)


@contextmanager
def prepare(submission: Submission, context: Context, slot: Slot, facts: EvidenceBuilder) -> Iterator[PreparedChart]:
    """Yield the chart of *submission*, or its rendering error; the copy is removed at the end of the block.

    The namespace is a new one, unless the chart can only be tried in the one that the scenario names, or the scenario
    says so.

    Raises SubmissionError when nothing of it must be applied.
    """
    scenario, time_limits = context.scenario, context.time_limits
    with ExitStack() as stack:
        folder = context.inputs.canary.chart
        if folder is None:
            copy = clean_copy(submission, scenario.release, time_limits, context.doomed, context.sandbox)
            folder = stack.enter_context(copy)
        files = read_texts(folder) if folder.is_dir() else ()
        facts.evidence = replace(facts.evidence, files=files)
        chart = _render(folder, namespace_for(scenario.namespace, submission.name), context, facts)
        if scenario.exact_namespace or insists_on(scenario.namespace, chart.rendering, files):
            with slot.released():
                stack.enter_context(context.capacity.reservations.namespace(scenario.namespace))
            chart = _render(folder, scenario.namespace, context, facts)
        yield chart


def _render(folder: Path, namespace: str, context: Context, facts: EvidenceBuilder) -> PreparedChart:
    target, scenario, values = context.target, context.scenario, context.inputs.canary.values
    is_own = not scenario.submits_charts
    try:
        rendering = target.helm.renderer.template(
            scenario.release,
            folder,
            namespace,
            values=values,
            upgrade=True,
            kubernetes=target.setting.kubernetes,
            trusted=is_own,
        )
    except UnsafeError as error:
        if not is_own:
            raise
        rendering = Rendering(error=error.message)
    if is_own and rendering.error:  # templates can need the cluster, so ``helm upgrade`` decides
        rendering = Rendering()
    facts.learn_secrets(rendering.manifests)
    if not is_own:
        target.vetting.require_safe(rendering, namespace)
    return PreparedChart(folder, namespace, rendering, values)


def goes_ahead(chart: PreparedChart, context: Context) -> bool:
    """Report whether others should wait for *chart*: it may take long, or they wait for its namespace."""
    is_first = chart.namespace == context.scenario.namespace or not context.scenario.submits_charts
    return is_first or may_take_long(chart.rendering, context.baseline.rendered(chart.namespace))


def namespace_for(prefix: str, name: str) -> str:
    """Return a new name of a namespace: *prefix*, *name* as far as Kubernetes allows, and four random digits."""
    slug = re.sub(r"[^a-z0-9]+", "-", name.lower())[:SLUG_LENGTH].strip("-") or "submission"
    return f"{prefix}-{slug}-{secrets.token_hex(2)}"
