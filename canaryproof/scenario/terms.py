"""The terms of a scenario, as data.

A term that a scenario does not state is None or empty, and asks for nothing.  All times are in seconds, and all paths
are absolute.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Literal

from canaryproof.model.evidence import OutcomeName
from canaryproof.model.objects import WorkloadKind
from canaryproof.timeouts import TimeLimits

ValuesSource = Path | Mapping[str, Any]
"""Values for a chart: a file, or a map that is written in the scenario file."""
Traffic = Literal["own", "shared", "none"]
"""The Services that lead to the canary: one that leads to canary pods only, the stable Service, or none."""


@dataclass(frozen=True)
class ChartReference:
    """A chart: a folder or an archive at *path*, or a chart of a repository, which is fetched before the run."""

    path: Path | None = None
    """The chart. For a chart of a repository, the place to which it is fetched, or None if that is not known yet."""
    name: str = ""
    """The name in the repository, or an ``oci://`` reference. Empty for a chart that is not fetched."""
    repo: str = ""
    """The URL of the HTTP repository."""
    version: str = ""


@dataclass(frozen=True)
class Revision:
    """The inputs of one revision of the release. The chart is None where the submission is the chart."""

    chart: ChartReference | None = None
    values: tuple[ValuesSource, ...] = ()
    """The values of this revision. They come after the scenario's common values."""
    settings: tuple[str, ...] = ()
    """Settings in the notation of ``helm --set``. They come after all values."""


@dataclass(frozen=True)
class SetupManifest:
    """A file of objects to apply before revision 1."""

    manifest: Path


@dataclass(frozen=True)
class SetupRelease:
    """A release to install before revision 1."""

    release: str
    chart: ChartReference
    values: tuple[ValuesSource, ...] = ()


@dataclass(frozen=True)
class WorkloadName:
    """The kind and the name of a workload, written as ``Deployment/checkout-canary``, or its kind alone."""

    kind: WorkloadKind
    name: str = ""
    """The name, or an empty string if any workload of the kind can be meant."""

    def __str__(self) -> str:
        """Return the name as a scenario file writes it."""
        return f"{self.kind}/{self.name}" if self.name else self.kind


@dataclass(frozen=True)
class Expectation:
    """The required properties and the acceptable outcomes of the canary."""

    outcomes: tuple[OutcomeName, ...]
    workload: WorkloadName | None = None
    """The canary, or None if it is the only workload that the upgrade adds, else the only one that it changes."""
    container: str | None = None
    """The only container that counts for the outcome."""
    image: str | None = None
    """The only image whose containers count for the outcome."""
    replicas: int | None = None
    container_port: int | None = None
    traffic: Traffic | None = None
    service_port: int | None = None
    """The port of the canary's own Service, or None if it equals *container_port*."""

    @property
    def port_of_service(self) -> int | None:
        """Return the port that the canary's own Service must have, or None if any will do."""
        return self.container_port if self.service_port is None else self.service_port


@dataclass(frozen=True)
class Availability:
    """A Service of the stable revision that must keep answering."""

    service: str
    port: int | str | None = None
    """The number or the name of the Service's port, or None for its first port."""
    path: str | None = None
    """The path of the HTTP request whose response must be successful, or None if any answer counts."""
    max_outage: float | None = None
    """The longest permitted outage, or None for the default of the time limits."""
    success_rate: float | None = None
    """The required percentage of successful requests."""

    def label(self, others: Iterable[Availability]) -> str:
        """Return the name of the Service, with the port and the path if *others* name the same Service, too."""
        if sum(each.service == self.service for each in others) == 1:
            return self.service
        return f"{self.service}:{self.port or 'first port'}{self.path or ''}"


@dataclass(frozen=True)
class Timeouts:
    """The time limits of a scenario. None stands for the default."""

    helm: float | None = None
    """The limit of one Helm operation."""
    ready: float | None = None
    """The limit until the stable app is ready."""
    observe: float | None = None
    """The time for which a canary that appears healthy is observed."""
    gone: float | None = None
    """The limit until nothing of the canary is left after the rollback."""

    def applied_to(self, usual: TimeLimits) -> TimeLimits:
        """Return *usual* with the limits that the scenario states. Patience multiplies them, as all others."""
        stated = {"helm": self.helm, "settle": self.ready, "observation": self.observe, "gone": self.gone}
        limits = replace(usual, **{name: it * usual.patience for name, it in stated.items() if it is not None})
        return replace(limits, observation_extended=max(limits.observation_extended, limits.observation))


@dataclass(frozen=True)
class HelmFlags:
    """Further flags of Helm's verbs."""

    install: tuple[str, ...] = ()
    upgrade: tuple[str, ...] = ()
    rollback: tuple[str, ...] = ()


@dataclass(frozen=True)
class ImageArchive:
    """An archive that contains an image: an OCI image layout, or the output of ``docker save``."""

    archive: Path


@dataclass(frozen=True)
class StandIn:
    """The arguments of agnhost, the test image of Kubernetes, that play an image."""

    agnhost: tuple[str, ...]


ImageSource = ImageArchive | StandIn


@dataclass(frozen=True)
class Scenario:
    """The requirements for a release, and how canaryproof tries it."""

    title: str
    release: str
    namespace: str
    stable: tuple[Revision, ...]
    """The stable revisions, in order. The rollback returns to the last one."""
    expect: Expectation
    canary: Revision = Revision()
    values: tuple[ValuesSource, ...] = ()
    """The values of all revisions."""
    exact_namespace: bool = False
    """Whether the namespace must have exactly this name. Then experiments run one at a time."""
    setup: tuple[SetupManifest | SetupRelease, ...] = ()
    availability: tuple[Availability, ...] = ()
    """The Services that must keep answering. If empty: every Service of the stable revision, at its first port."""
    timeouts: Timeouts = Timeouts()
    helm: HelmFlags = HelmFlags()
    points: Mapping[str, float] = field(default_factory=dict)
    """Points by check ID. A check that is not listed counts one point."""
    skipped: frozenset[str] = frozenset()
    """The IDs of the checks that are not judged."""
    images: Mapping[str, ImageSource] = field(default_factory=dict)
    """The source of each image that the cluster cannot pull, by image reference."""
    cluster_scoped: bool = False
    """Whether the scenario's own charts may contain cluster-scoped objects on a cluster that is not the run's own."""
    submits_charts: bool = True
    """Whether the canary's chart is a submission, which is not trusted. Otherwise, all charts are the scenario's."""

    @property
    def adds_deployment(self) -> bool:
        """Report whether the canary must be a Deployment that the upgrade adds, with a Service of its own.

        The Services of stable lead to a workload that is changed in place, so that it has none of its own.
        """
        return self.expect.workload == WorkloadName("Deployment") and self.expect.traffic == "own"

    @property
    def stable_chart(self) -> Path:
        """Return the path of the chart of the last stable revision."""
        chart = self.stable[-1].chart
        if chart is None or chart.path is None:
            raise ValueError("charts of repositories must be fetched first")
        return chart.path

    @property
    def stand_ins(self) -> dict[str, tuple[str, ...]]:
        """Return the arguments of agnhost by the image that they play."""
        return {image: source.agnhost for image, source in self.images.items() if isinstance(source, StandIn)}

    @property
    def archives(self) -> dict[str, Path]:
        """Return the archives by the image that they contain."""
        return {image: source.archive for image, source in self.images.items() if isinstance(source, ImageArchive)}
