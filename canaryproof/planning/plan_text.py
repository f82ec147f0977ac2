"""Renders a plan as text for the terminal."""

from __future__ import annotations

import json
import os
import shlex
from collections.abc import Iterator
from pathlib import Path

from canaryproof.helm.chart_values import Values
from canaryproof.helm.verbs import RESET_VALUES, VALUES_OF_BEFORE
from canaryproof.model.evidence import Canary
from canaryproof.model.objects import Manifest
from canaryproof.model.registries import archive_name
from canaryproof.model.wording.cause_sentences import describe
from canaryproof.planning.release_plan import ReleasePlan
from canaryproof.scenario.terms import Availability, ImageArchive, Scenario, SetupManifest, StandIn
from canaryproof.system.plain_text import escaped


def lines(plan: ReleasePlan, folder: Path) -> Iterator[str]:
    """Yield the lines of a plan. Paths are shown relative to *folder* if they are below it."""
    sections = {
        "Commands": _commands(plan, folder),
        "Canary": _canary(plan),
        "Availability": _availability(plan),
        "Images": _images(plan, folder),
        "Checks": _checks(plan),
    }
    yield f"{plan.scenario.title}: {escaped(plan.submission.name)}"
    for title, body in sections.items():
        yield from ("", title, *(f"  {line}" for line in body))


def _commands(plan: ReleasePlan, folder: Path) -> Iterator[str]:
    scenario, inputs = plan.scenario, plan.inputs
    namespace = ("--namespace", _namespace(scenario, plan.submission.name))
    shown = _Shown(folder, plan.written)
    for step in inputs.setup:
        if isinstance(step, SetupManifest):
            yield shown.command("kubectl", "apply", "-f", shown.path(step.manifest), *namespace)
        else:
            helm = ("helm", "install", step.release, shown.path(step.chart))
            yield shown.command(*helm, *namespace, *shown.values(step.values), "--wait")
    for number, revision in enumerate(inputs.stable):
        verb, flags = ("upgrade", _upgrade_flags(scenario)) if number else ("install", scenario.helm.install)
        helm = ("helm", verb, scenario.release, shown.path(revision.own_chart))
        yield shown.command(*helm, *namespace, *shown.values(revision.values), *flags)
    yield "(wait until the stable revision is ready)"
    chart = plan.inputs.canary.chart or plan.submission.chart
    helm = ("helm", "upgrade", scenario.release, shown.path(chart))
    yield shown.command(*helm, *namespace, *shown.values(inputs.canary.values), *_upgrade_flags(scenario))
    yield f"(observe until the outcome is certain; expected: {' or '.join(scenario.expect.outcomes)})"
    yield shown.command(
        "helm", "rollback", scenario.release, str(len(inputs.stable)), *namespace, *scenario.helm.rollback
    )
    yield "(observe until the canary is gone and stable holds)"
    yield from shown.written


class _Shown:
    """Writes paths and commands as a user would write them in *folder*."""

    def __init__(self, folder: Path, written: Path) -> None:
        self._folder = folder
        self._written = written
        self.written: list[str] = []
        """The contents of the values files that the scenario file contains."""

    def command(self, *words: str) -> str:
        """Return a command as a line of a shell. A placeholder stays as it is."""
        return " ".join(each if each.isupper() else shlex.quote(each) for each in words)

    def path(self, path: Path) -> str:
        """Return a path relative to the folder, or an absolute one outside of it."""
        inside = path.is_relative_to(self._folder)
        return f".{os.sep}{path.relative_to(self._folder)}" if inside else str(path)

    def values(self, values: Values) -> tuple[str, ...]:
        """Return the options for *values*, and remember those that the scenario file contains."""
        files = []
        for file in values.files:
            if not file.is_relative_to(self._written):
                files.append(self.path(file))
                continue
            files.append(file.name)
            line = f"{file.name} contains {json.dumps(json.loads(file.read_text(encoding='utf-8')))}"
            self.written += [] if line in self.written else [line]
        settings = Values(settings=values.settings).options
        return (*(word for each in files for word in ("--values", each)), *settings)


def _namespace(scenario: Scenario, name: str) -> str:
    return scenario.namespace if scenario.exact_namespace else f"{scenario.namespace}-{name}-RANDOM"


def _upgrade_flags(scenario: Scenario) -> tuple[str, ...]:
    said = scenario.helm.upgrade
    resets = any(each.partition("=")[0] in VALUES_OF_BEFORE for each in said)
    return said if resets else (RESET_VALUES, *said)


def _canary(plan: ReleasePlan) -> Iterator[str]:
    if plan.problem:
        yield f"not known: the charts do not render without a cluster: {plan.problem}"
        yield "helm upgrade on the cluster decides; canaryproof finds the canary there"
    elif plan.finding.decision:
        yield plan.finding.decision.reason
    if plan.finding.canary and not plan.problem:
        yield from _described(plan.finding.canary, plan.scenario)


def _described(canary: Canary, scenario: Scenario) -> Iterator[str]:
    how = "which the upgrade changes in place" if canary.in_place else "which the upgrade adds"
    yield f"{canary.key}, {how} ({Manifest({}, canary.source).template})"
    plural = "" if len(canary.ports) == 1 else "s"
    ports = f"port{plural} {', '.join(map(str, canary.ports))}" if canary.ports else "no declared ports"
    yield f"{canary.replicas} new pod{'' if canary.replicas == 1 else 's'}, {ports}, {', '.join(canary.images)}"
    for service in canary.services:
        to = ", ".join(f"{port} to {target or 'a port that no container has'}" for port, target in service.ports)
        others = f"; it also selects {', '.join(service.also_selects)}" if service.also_selects else ""
        yield f"Service/{service.name}: {to}{others}"
    if not canary.services:
        yield "no Service selects its pods"
    if scenario.expect.container or scenario.expect.image:
        counted = " and ".join(filter(None, (scenario.expect.container, scenario.expect.image)))
        yield f"only containers with {counted} count for the outcome"


def _availability(plan: ReleasePlan) -> Iterator[str]:
    for each in plan.scenario.availability:
        yield _watched(each)
    if not plan.scenario.availability:
        for name, port in plan.services.services:
            yield f"Service/{name}: port {port}, any answer"
        if not plan.services.services and not plan.problem:
            yield "the stable revision has no Service that selects pods, so nothing is requested"


def _watched(each: Availability) -> str:
    port = f"port {each.port}" if each.port else "the first port"
    request = f"HTTP GET {each.path}" if each.path else "any answer"
    outage = f", longest outage {each.max_outage:g} s" if each.max_outage is not None else ""
    rate = f", at least {each.success_rate:g} % answered" if each.success_rate is not None else ""
    return f"Service/{each.service}: {port}, {request}{outage}{rate}"


def _images(plan: ReleasePlan, folder: Path) -> Iterator[str]:
    shown, missing = _Shown(folder, plan.written), []
    for image in plan.images:
        source = plan.scenario.images.get(image)
        if isinstance(source, StandIn):
            arguments = shlex.join(source.agnhost)
            yield f"{image}: the embedded cluster plays it with agnhost {arguments}; other clusters pull it"
        elif isinstance(source, ImageArchive):
            yield f"{image}: from the archive {shown.path(source.archive)}"
        else:
            missing.append(image)
            yield f"{image}: the cluster pulls it"
    if missing:
        yield "The embedded cluster pulls images only with --images upstream. Otherwise, add to the scenario file:"
        yield "  images:"
        for image in missing:
            file = archive_name(image)
            yield f"    {image}: {{archive: {file}}}  # docker save {image} -o {file}"


def _checks(plan: ReleasePlan) -> Iterator[str]:
    width = max(len(check.id) for check, _ in plan.checks)
    for check, waived in plan.checks:
        points = "1 point" if check.points == 1 else f"{check.points:g} points"
        yield f"{check.id:{width}}  {f'skipped: {describe(waived)}' if waived else f'{points}: {check.title}'}"
