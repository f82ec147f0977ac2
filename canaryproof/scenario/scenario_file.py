"""Reads the scenario file."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from msgspec import UNSET, inspect

from canaryproof.errors import UsageError
from canaryproof.scenario.durations import seconds_in
from canaryproof.scenario.file_format import (
    AvailabilityForm,
    CanaryForm,
    ExpectForm,
    HelmForm,
    ImageForm,
    NamespaceForm,
    ScenarioForm,
    SetupForm,
    StableForm,
    TimeoutsForm,
    is_fetched,
)
from canaryproof.scenario.terms import (
    Availability,
    ChartReference,
    Expectation,
    HelmFlags,
    ImageArchive,
    ImageSource,
    Revision,
    Scenario,
    SetupManifest,
    SetupRelease,
    StandIn,
    Timeouts,
    ValuesSource,
    WorkloadName,
)
from canaryproof.scenario.typed_reader import TypedReader
from canaryproof.scenario.yaml_source import Fault, FaultError, read_text, root_of

DEFAULT_FILE = "canaryproof.yaml"
"""The scenario file of a folder."""
UPCOMMERCE = Path(__file__).parent / "upcommerce.yaml"
_FORM = inspect.type_info(ScenarioForm)


def default_file(folder: Path) -> Path:
    """Return the scenario file for runs in *folder*: its own one, else that of the UpCommerce course."""
    own = folder / DEFAULT_FILE
    return own if own.exists() else UPCOMMERCE


def load_scenario(file: Path = UPCOMMERCE) -> Scenario:
    """Read a scenario file. Paths in it are relative to the file.

    Raises UsageError that lists all faults of the file as ``FILE:LINE:COLUMN: MESSAGE``.
    """
    reader = TypedReader(file.parent)
    try:
        form = reader.read(root_of(read_text(file)), _FORM)
    except FaultError as error:
        raise _faulty(file, [error.fault]) from error
    if reader.faults:
        raise _faulty(file, reader.faults)
    return _Terms(file.parent.absolute()).scenario(form)


def _faulty(file: Path, faults: Iterable[Fault]) -> UsageError:
    here = Path.cwd()
    shown = file.relative_to(here) if file.is_relative_to(here) else file
    lines = (f"{shown}:{each.line}:{each.column}: {each.message}" for each in sorted(faults))
    return UsageError("\n".join(lines))


class _Terms:
    """Converts a valid scenario file in *folder* into the terms of a scenario."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def scenario(self, form: ScenarioForm) -> Scenario:
        namespace = form.namespace or form.release.replace(".", "-")
        stable = form.stable if isinstance(form.stable, tuple) else (form.stable,)
        return Scenario(
            title=form.title or f"Release {form.release}",
            release=form.release,
            namespace=namespace.name if isinstance(namespace, NamespaceForm) else namespace,
            exact_namespace=isinstance(namespace, NamespaceForm) and namespace.exact,
            values=self._values(form.values),
            setup=tuple(map(self._setup, form.setup)),
            stable=tuple(map(self._revision, stable)),
            canary=self._revision(form.canary) if form.canary else Revision(),
            expect=_expectation(form.expect),
            availability=tuple(map(_availability, form.availability or ())),
            timeouts=_timeouts(form.timeouts) if form.timeouts else Timeouts(),
            helm=_flags(form.helm) if form.helm else HelmFlags(),
            points={check: points for check, points in form.checks.items() if points != "skip"},
            skipped=frozenset(check for check, points in form.checks.items() if points == "skip"),
            images={image: self._image(source) for image, source in form.images.items()},
            cluster_scoped=form.cluster_scoped,
            submits_charts=not (form.canary and form.canary.chart),
        )

    def _values(self, said: Iterable[str | Mapping[str, Any]]) -> tuple[ValuesSource, ...]:
        return tuple(self._path(each) if isinstance(each, str) else each for each in said)

    def _setup(self, step: SetupForm) -> SetupManifest | SetupRelease:
        if step.manifest:
            return SetupManifest(self._path(step.manifest))
        release, chart = step.release or "", step.chart or ""
        return SetupRelease(release, self._chart(chart, step.repo or "", step.version or ""), self._values(step.values))

    def _revision(self, form: StableForm | CanaryForm) -> Revision:
        chart = self._chart(form.chart, form.repo or "", form.version or "") if form.chart else None
        return Revision(chart, self._values(form.values))

    def _chart(self, chart: str, repo: str, version: str) -> ChartReference:
        if is_fetched(chart, repo, version):
            return ChartReference(name=chart, repo=repo, version=version)
        return ChartReference(self._path(chart))

    def _image(self, form: ImageForm) -> ImageSource:
        return StandIn(form.agnhost) if form.agnhost else ImageArchive(self._path(form.archive or ""))

    def _path(self, said: str) -> Path:
        return (self._folder / said).resolve()


def _expectation(form: ExpectForm) -> Expectation:
    kind, _, name = (form.workload or "").partition("/")
    return Expectation(
        outcomes=form.outcome if isinstance(form.outcome, tuple) else (form.outcome,),
        workload=WorkloadName(kind, name) if kind else None,  # type: ignore[arg-type]  # the format permits these kinds
        container=form.container or None,
        image=form.image or None,
        replicas=None if form.replicas is UNSET else form.replicas,
        container_port=form.container_port or None,
        traffic=form.traffic or None,
        service_port=form.service_port or None,
    )


def _availability(form: AvailabilityForm) -> Availability:
    request = form.http_get or None
    return Availability(
        service=form.service,
        port=request.port or None if request else None,
        path=request.path or None if request else None,
        max_outage=seconds_in(form.max_outage) if form.max_outage else None,
        success_rate=None if form.success_rate is UNSET else form.success_rate,
    )


def _timeouts(form: TimeoutsForm) -> Timeouts:
    said = (form.helm, form.ready, form.observe, form.gone)
    return Timeouts(*(seconds_in(each) if each else None for each in said))


def _flags(form: HelmForm) -> HelmFlags:
    return HelmFlags(form.install, form.upgrade, form.rollback)
