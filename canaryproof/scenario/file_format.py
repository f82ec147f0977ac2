"""Defines the format of the scenario file. The JSON schema and the errors of the file follow from these types."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Annotated, Any, Literal

from msgspec import UNSET, Meta, UnsetType

from canaryproof.model.evidence import OutcomeName
from canaryproof.scenario import durations, helm_flags
from canaryproof.scenario.chart_files import OCI, chart_problem
from canaryproof.scenario.terms import Traffic
from canaryproof.scenario.typed_reader import CHECK, EXPECTED, Form

API_VERSION = "canaryproof/v1"


def _files(name: str, folder: Path) -> Iterator[str]:
    if not (folder / name).is_file():
        yield f"expected a file, but {folder / name} {'is a folder' if (folder / name).is_dir() else 'does not exist'}"


def _archive(name: str, folder: Path) -> Iterable[str]:
    """Accept an OCI layout in a folder, too."""
    return () if (folder / name).is_dir() else _files(name, folder)


def _positive(duration: str, folder: Path) -> Iterator[str]:
    del folder
    if not durations.seconds_in(duration):
        yield f"expected a duration of more than 0, found {duration}"


Name = Annotated[
    str,
    Meta(
        pattern="^[a-z0-9]([-a-z0-9]*[a-z0-9])?$",
        min_length=1,
        max_length=63,
        extra={EXPECTED: "a name of lowercase letters, digits and '-', of at most 63 characters"},
    ),
]
ReleaseName = Annotated[
    str,
    Meta(
        pattern=r"^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$",
        min_length=1,
        max_length=53,
        extra={EXPECTED: "the name of a release: lowercase letters, digits, '-' and '.', at most 53 characters"},
    ),
]
Text = Annotated[str, Meta(min_length=1)]
Duration = Annotated[str, Meta(pattern=durations.PATTERN, extra={EXPECTED: "a duration such as 2s, 5m or 1m30s"})]
Limit = Annotated[Duration, Meta(extra={CHECK: _positive})]
Port = Annotated[int, Meta(ge=1, le=65535)]
Points = Annotated[float, Meta(ge=0, le=1_000_000)]
ValuesFile = Annotated[str, Meta(min_length=1, extra={CHECK: _files, EXPECTED: "the path of a values file"})]
Values = Annotated[
    tuple[ValuesFile | dict[str, Any], ...],
    Meta(description="Values files, and maps of values. A later one overrides an earlier one."),
]
Flags = Annotated[tuple[Text, ...], Meta(extra={CHECK: helm_flags.problems})]
ChartName = Annotated[
    str,
    Meta(
        min_length=1,
        description="The chart: a folder, a .tgz archive, an oci:// reference, or the name of a chart in `repo`.",
    ),
]
Repository = Annotated[
    str,
    Meta(
        pattern="^https?://.",
        extra={EXPECTED: "the URL of a chart repository, http://... or https://..."},
        description="The URL of the HTTP repository that contains the chart.",
    ),
]
Version = Annotated[
    str,
    Meta(
        pattern=r"^v?[0-9]+\.[0-9]+\.[0-9]+([-+][0-9A-Za-z.+-]+)?$",
        extra={EXPECTED: "an exact version such as 1.2.3"},
        description="The exact version of a chart that is fetched.",
    ),
]


class ChartKeys(Form, frozen=True, kw_only=True):
    """The keys that name a chart."""

    chart: ChartName
    repo: Repository | UnsetType = UNSET
    version: Version | UnsetType = UNSET

    def problems(self, folder: Path) -> Iterator[tuple[str, str]]:
        """Yield the problems of the chart."""
        yield from chart_problems(self.chart, self.repo or "", self.version or "", folder)


def is_fetched(chart: str, repo: str, version: str) -> bool:
    """Report whether a chart is in a repository. A name with a version and no URL is in one of the user's own."""
    return bool(repo or version) or chart.startswith(OCI)


def chart_problems(chart: str, repo: str, version: str, folder: Path) -> Iterator[tuple[str, str]]:
    """Yield the problems of the keys that name a chart, each with its key."""
    pinned = version or re.search(r"[^/]+[:@][^/]+$", chart.removeprefix(OCI))
    if not is_fetched(chart, repo, version):
        if problem := chart_problem(folder / chart):
            yield "chart", problem
    elif not pinned:
        yield "chart", f"expected the version of {chart}; add the key version, such as version: 1.2.3"
    elif chart.startswith(OCI) and repo:
        yield "repo", "an oci:// reference has no repo; delete this key"
    elif not repo and (folder / chart).exists():
        yield "version", f"{folder / chart} is a local chart, whose version is in its Chart.yaml; delete this key"


class StableForm(ChartKeys, frozen=True, kw_only=True):
    """A stable revision."""

    values: Values = ()


class CanaryForm(Form, frozen=True, kw_only=True):
    """The revision with the canary."""

    chart: ChartName | UnsetType = UNSET
    repo: Repository | UnsetType = UNSET
    version: Version | UnsetType = UNSET
    values: Values = ()

    def problems(self, folder: Path) -> Iterator[tuple[str, str]]:
        """Yield the problems of the chart."""
        if self.chart:
            yield from chart_problems(self.chart, self.repo or "", self.version or "", folder)
        elif self.repo or self.version:
            yield "repo" if self.repo else "version", "expected the key chart, too"


class SetupForm(Form, frozen=True, kw_only=True):
    """A step before revision 1: a manifest to apply, or a release to install."""

    manifest: Annotated[str, Meta(min_length=1, extra={CHECK: _files})] | UnsetType = UNSET
    release: ReleaseName | UnsetType = UNSET
    chart: ChartName | UnsetType = UNSET
    repo: Repository | UnsetType = UNSET
    version: Version | UnsetType = UNSET
    values: Values = ()

    def problems(self, folder: Path) -> Iterator[tuple[str, str]]:
        """Yield the problems of the step."""
        if self.manifest:
            others = ("release", "chart", "repo", "version", "values")
            if other := next((each for each in others if getattr(self, each)), ""):
                yield other, "a step has a manifest or a release; write two steps"
        elif not (self.release and self.chart):
            yield "", "expected a step: {manifest: FILE} or {release: NAME, chart: CHART}"
        else:
            yield from chart_problems(self.chart, self.repo or "", self.version or "", folder)


class NamespaceForm(Form, frozen=True, kw_only=True):
    """The namespace, and whether it must have exactly this name."""

    name: Name
    exact: bool = False


class ExpectForm(Form, frozen=True, kw_only=True):
    """The required properties and the acceptable outcomes of the canary."""

    outcome: Annotated[
        OutcomeName | Annotated[tuple[OutcomeName, ...], Meta(min_length=1)],
        Meta(description="The expected outcome, or a list of acceptable ones."),
    ]
    workload: (
        Annotated[
            str,
            Meta(
                pattern=r"^(Deployment|StatefulSet|DaemonSet)(/[a-z0-9]([-.a-z0-9]*[a-z0-9])?)?$",
                description="The canary. By default, the only workload that the upgrade adds or else changes.",
                extra={EXPECTED: "Deployment/NAME, StatefulSet/NAME, DaemonSet/NAME or a kind alone"},
            ),
        ]
        | UnsetType
    ) = UNSET
    container: Annotated[Name, Meta(description="The only container that counts for the outcome.")] | UnsetType = UNSET
    image: Annotated[Text, Meta(description="The only image that counts for the outcome.")] | UnsetType = UNSET
    replicas: Annotated[int, Meta(ge=0, description="The replicas of the canary.")] | UnsetType = UNSET
    container_port: Annotated[Port, Meta(description="A port that the canary must declare.")] | UnsetType = UNSET
    traffic: (
        Annotated[
            Traffic,
            Meta(
                description="own: a Service leads to canary pods only. shared: the stable Service selects them, too."
                " none: no Service selects them."
            ),
        ]
        | UnsetType
    ) = UNSET
    service_port: (
        Annotated[Port, Meta(description="The port of the canary's own Service, if not containerPort.")] | UnsetType
    ) = UNSET

    def problems(self, folder: Path) -> Iterator[tuple[str, str]]:
        """Yield the problems of keys that exclude each other."""
        del folder
        if self.service_port and self.traffic != "own":
            yield "servicePort", "servicePort is the port of the canary's own Service; add traffic: own"


class HttpGetForm(Form, frozen=True, kw_only=True):
    """The request that a Service must answer."""

    port: Annotated[Port | Text, Meta(description="The number or the name of a port of the Service.")] | UnsetType = (
        UNSET
    )
    path: (
        Annotated[
            str,
            Meta(
                pattern="^/",
                description="The path, whose response must be successful.",
                extra={EXPECTED: "a path that begins with /"},
            ),
        ]
        | UnsetType
    ) = UNSET


class AvailabilityForm(Form, frozen=True, kw_only=True):
    """A Service of the stable revision that must keep answering."""

    service: Name
    http_get: HttpGetForm | UnsetType = UNSET
    max_outage: Annotated[Duration, Meta(description="The longest permitted outage.")] | UnsetType = UNSET
    success_rate: (
        Annotated[float, Meta(ge=0, le=100, description="The required percentage of successful requests.")] | UnsetType
    ) = UNSET


class TimeoutsForm(Form, frozen=True, kw_only=True):
    """The time limits."""

    helm: Annotated[Limit, Meta(description="The limit of one Helm operation.")] | UnsetType = UNSET
    ready: Annotated[Limit, Meta(description="The limit until the stable app is ready.")] | UnsetType = UNSET
    observe: Annotated[Limit, Meta(description="The time for which a healthy canary is observed.")] | UnsetType = UNSET
    gone: Annotated[Limit, Meta(description="The limit for the removal of the canary.")] | UnsetType = UNSET


class HelmForm(Form, frozen=True, kw_only=True):
    """Further flags of Helm's verbs."""

    install: Flags = ()
    upgrade: Flags = ()
    rollback: Flags = ()


class ImageForm(Form, frozen=True, kw_only=True):
    """The source of an image that the cluster cannot pull: an archive, or arguments of agnhost."""

    archive: (
        Annotated[
            str,
            Meta(
                min_length=1,
                extra={CHECK: _archive},
                description="An OCI image layout, or the output of `docker save`.",
            ),
        ]
        | UnsetType
    ) = UNSET
    agnhost: (
        Annotated[
            Annotated[tuple[str, ...], Meta(min_length=1)], Meta(description="The arguments of the test image agnhost.")
        ]
        | UnsetType
    ) = UNSET

    def problems(self, folder: Path) -> Iterator[tuple[str, str]]:
        """Yield a problem unless there is exactly one source."""
        del folder
        if bool(self.archive) == bool(self.agnhost):
            yield "", "expected one source: {archive: FILE} or {agnhost: [ARGUMENT, ...]}"


Setup = Annotated[
    SetupForm,
    Meta(
        extra_json_schema={
            "oneOf": [
                {"required": ["manifest"], "maxProperties": 1},
                {"required": ["release", "chart"], "not": {"required": ["manifest"]}},
            ]
        }
    ),
]
Image = Annotated[ImageForm, Meta(extra_json_schema={"minProperties": 1, "maxProperties": 1})]
Expect = Annotated[
    ExpectForm,
    Meta(
        extra_json_schema={
            "if": {"required": ["servicePort"]},
            "then": {"required": ["traffic"], "properties": {"traffic": {"const": "own"}}},
        }
    ),
]


class ScenarioForm(Form, frozen=True, kw_only=True):
    """A scenario of canaryproof: a release, and the requirements for its canary."""

    api_version: Annotated[Literal["canaryproof/v1"], Meta(description="The version of the format.")]
    title: Annotated[Text, Meta(description="The heading of the reports.")] | UnsetType = UNSET
    release: Annotated[ReleaseName, Meta(description="The name of the Helm release.")]
    namespace: (
        Annotated[
            Name | NamespaceForm,
            Meta(
                description="Experiments run in NAME-SUBMISSION-RANDOM, or with exact: true in NAME, one after another."
            ),
        ]
        | UnsetType
    ) = UNSET
    values: Annotated[Values, Meta(description="The values of all revisions, in order: files, and maps.")] = ()
    setup: Annotated[
        tuple[Setup, ...], Meta(description="Steps before revision 1. canaryproof waits for each one.")
    ] = ()
    stable: Annotated[
        StableForm | Annotated[tuple[StableForm, ...], Meta(min_length=1)],
        Meta(description="Revision 1, or a list of revisions. The rollback returns to the last one."),
    ]
    canary: (
        Annotated[
            CanaryForm,
            Meta(
                extra_json_schema={"dependentRequired": {"repo": ["chart"], "version": ["chart"]}},
                description="The next revision. Without a chart, it is the submission, or else the stable chart.",
            ),
        ]
        | UnsetType
    ) = UNSET
    expect: Expect
    availability: (
        Annotated[
            tuple[AvailabilityForm, ...],
            Meta(min_length=1, description="The Services that must keep answering. By default, all stable Services."),
        ]
        | UnsetType
    ) = UNSET
    timeouts: TimeoutsForm | UnsetType = UNSET
    helm: HelmForm | UnsetType = UNSET
    checks: Annotated[
        dict[str, Points | Literal["skip"]], Meta(description="Points by check, or skip. The default is one point.")
    ] = {}  # noqa: RUF012 - msgspec copies it
    images: Annotated[
        dict[str, Image], Meta(description="The sources of images that the cluster cannot pull, by reference.")
    ] = {}  # noqa: RUF012 - msgspec copies it
    cluster_scoped: Annotated[
        bool,
        Meta(description="Whether the charts of this file may contain cluster-scoped objects on a shared cluster."),
    ] = False
