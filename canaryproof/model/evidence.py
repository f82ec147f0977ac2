"""The frozen record of one experiment: all that a check, a report or a replay may read."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Literal

from canaryproof.model.causes import Cause, Code
from canaryproof.model.helm_text import without_repetition
from canaryproof.model.objects import Manifest, ObjectKey
from canaryproof.model.refusals import Refusal
from canaryproof.model.timeline import Timeline
from canaryproof.model.wording.cause_sentences import describe
from canaryproof.model.wording.refusal_sentences import describe_refusals
from canaryproof.system.sandbox import Protection
from canaryproof.timeouts import TimeLimits

OutcomeName = Literal[
    "crash-loop",
    "healthy",
    "not-ready",
    "image-pull",
    "config-error",
    "start-error",
    "exits-cleanly",
    "oom-killed",
    "probe-killed",
    "init-crash-loop",
    "unschedulable",
    "refused",
    "no-canary",
    "ambiguous",
    "broken-chart",
    "unsafe-chart",
    "undecided",
]


@dataclass(frozen=True)
class Decision:
    """The outcome of the canary, and its cause."""

    outcome: OutcomeName
    cause: Cause
    at: float | None = None
    """Seconds from the start of the recording to the decision; None where the chart alone decided."""
    proven_at: float | None = None
    """Seconds from the start of the recording to the observation that made it certain."""
    proof: tuple[str, ...] = ()
    """The observations that prove it, one line each: container, exit code, reason, times."""
    refusals: tuple[Refusal, ...] = ()
    """The rendered objects that must not be applied, where they decided."""

    @property
    def reason(self) -> str:
        """Return the cause as one sentence that a student can act on."""
        refused = describe_refusals(self.refusals)
        return describe(replace(self.cause, detail=refused) if refused else self.cause)


ViolationCode = Literal[
    "unsafe-objects", "quota-exceeded", "unknown-record", "missing-record", "changed-record", "deep-record"
]


@dataclass(frozen=True)
class Violation:
    """An act of a release in the cluster that no submission is allowed: it ends the experiment, without a rollback."""

    code: ViolationCode
    object: str = ""
    """The record of Helm that it is about, ``Secret/sh.helm.release.v1.upcommerce.v2``."""
    detail: str = ""
    """What is wrong with the objects, or the text of Kubernetes about the quota."""
    refusals: tuple[Refusal, ...] = ()
    """The objects that must not be applied."""


def violation_cause(violation: Violation) -> Cause:
    """Return a violation as a cause."""
    detail = describe_refusals(violation.refusals) or violation.detail
    return Cause(code=violation.code, object=violation.object, detail=detail)


UNDECIDED = Decision("undecided", Cause(code="not-reached"))


@dataclass(frozen=True)
class ServiceRoute:
    """A Service that leads to the canary, by selector and by ``targetPort``."""

    name: str
    source: str
    ports: tuple[tuple[int, int], ...]
    """Pairs of the Service's port and the container port it resolves to (0 where a named port resolves to none)."""
    also_selects: tuple[str, ...] = ()
    """Other workloads of the chart whose pods the selector picks too."""


@dataclass(frozen=True)
class Canary:
    """The Deployment that the submission adds to the course's chart, and the Services that pick its pods."""

    deployment: str
    source: str
    replicas: int
    ports: tuple[int, ...]
    images: tuple[str, ...]
    services: tuple[ServiceRoute, ...] = ()
    unpulled: tuple[str, ...] = ()
    """Images that it forbids to pull, and that no container of the course's chart has brought to a node before."""
    foreign: tuple[str, ...] = ()
    """Images beside the course's own that the cluster cannot pull: they decide no outcome."""


@dataclass(frozen=True)
class Rendering:
    """The objects that Helm rendered from a chart, or why it did not."""

    manifests: tuple[Manifest, ...] = ()
    error: str = ""
    hint: str = ""
    """The advice that belongs to the error."""
    cause: Cause | None = None
    """The facts of the error, where it is about an object."""
    rendered: bool = False
    """Whether Helm did render it, where the error is one of its objects."""


def rendering_failure(rendering: Rendering) -> Cause:
    """Return what is wrong with a chart that has an error."""
    code: Code = "objects-malformed" if rendering.rendered else "chart-not-rendered"
    return Cause(code=code, detail=rendering.error, parts=rendering.cause.parts if rendering.cause else ())


@dataclass(frozen=True)
class ChartFile:
    """A file of the chart as handed in: *path* is relative to the chart's folder."""

    path: str
    text: str


@dataclass(frozen=True)
class Step:
    """One Helm operation: *began* and *ended* count seconds from the start of the recording."""

    command: str
    began: float
    ended: float
    error: str = ""
    """Helm's error; empty where it reported success."""
    cause: Cause | None = None
    """What the error hides; None where it says what is wrong."""

    @property
    def succeeded(self) -> bool:
        """Report whether Helm reported success."""
        return not self.error

    @property
    def seconds(self) -> float:
        """Return how long Helm took."""
        return self.ended - self.began


def upgrade_failure(upgrade: Step) -> Cause:
    """Return why an upgrade that has an error failed."""
    detail = "" if upgrade.cause else without_repetition(upgrade.error)
    return Cause(code="upgrade-failed", detail=detail, known=upgrade.cause)


@dataclass(frozen=True)
class Revision:
    """One line of ``helm history``."""

    revision: int
    status: str
    description: str
    chart: str = ""


@dataclass(frozen=True)
class Unanswered:
    """Why a request to a Service was not answered with success."""

    message: str
    """What was answered instead, for people to read."""
    timed_out: bool = False
    """Whether it was waited for in vain."""

    def __str__(self) -> str:
        """Return the message."""
        return self.message


@dataclass(frozen=True)
class Probe:
    """One request to the stable Service: *error* is empty when it was answered with success."""

    at: float
    seconds: float
    error: str = ""
    timed_out: bool = False
    """Whether it was waited for in vain: then the Service was silent all the time."""


HolderKind = Literal["owner", "resource-policy", "hook", "finalizers", "deletion"]


@dataclass(frozen=True)
class Holder:
    """Why an object is still there."""

    kind: HolderKind
    """``deletion``: it has been asked to go, and has not gone yet."""
    value: str = ""
    """The owner, or the value of the annotation, or the finalizers, separated by commas."""


@dataclass(frozen=True)
class Leftover:
    """An object of the upgrade that outlived the rollback, and what holds it."""

    object: ObjectKey
    holder: Holder | None = None
    """None where nothing is known to hold it."""


@dataclass(frozen=True)
class ContainerLog:
    """The last words of one container; *previous* is the run before the current one."""

    pod: str
    container: str
    previous: bool
    text: str


@dataclass(frozen=True)
class Timings:
    """Seconds of each phase; *outcome* from the end of the upgrade, *gone* from the end of the rollback."""

    install: float = 0.0
    upgrade: float = 0.0
    outcome: float = 0.0
    rollback: float = 0.0
    gone: float = 0.0
    total: float = 0.0


@dataclass(frozen=True)
class Setting:
    """On what a submission was tried."""

    provider: str
    """Where the cluster came from: ``embedded``."""
    kubernetes: str
    """The version of its API server, ``1.37.2``."""
    nodes: int
    helm: str
    images: str
    """``stand-in`` or ``upstream``."""
    patience: float = 1
    """How many times slower than usual the machine was said to be."""
    sandbox: Protection | None = None
    """How submissions were unpacked and rendered; None where nobody has noted it."""


@dataclass(frozen=True)
class Observed:
    """A release that somebody handled by hand: which revisions were what, None for none, and what cannot be known."""

    stable: int | None
    canary: int | None
    rollback: int | None
    status: str
    """What Helm says of the canary's revision: ``superseded``."""
    unready: Cause | None = None
    """Why the stable app is not ready now; None where it is."""
    gaps: dict[str, Cause] = field(default_factory=dict)
    """Why the evidence that is left does not allow a check, by its id."""


@dataclass(frozen=True)
class Evidence:
    """One experiment.  Fields that the experiment did not reach keep their defaults."""

    name: str
    source: str
    setting: Setting | None = None
    fingerprint: str = ""
    """Of what was handed in, asked, and used to try it; a run that goes on takes over what has the same."""
    namespace: str = ""
    baseline: Rendering = field(default_factory=Rendering)
    chart: Rendering = field(default_factory=Rendering)
    files: tuple[ChartFile, ...] = ()
    """The chart's own text, for messages that point into it."""
    added: tuple[ObjectKey, ...] = ()
    """What the submission adds to the course's chart."""
    canary: Canary | None = None
    decision: Decision = UNDECIDED
    violation: Violation | None = None
    """Why it was ended after the upgrade; None where it was not."""
    install: Step | None = None
    upgrade: Step | None = None
    rollback: Step | None = None
    history: tuple[Revision, ...] = ()
    timeline: Timeline = field(default_factory=Timeline)
    settled_at: float | None = None
    """When the stable app of revision 1 was ready; times count seconds from the start of the recording."""
    restored_at: float | None = None
    """When stable was ready after the rollback; None where it never was."""
    gone_at: float | None = None
    """When nothing of the canary was left; None where something stayed."""
    ended_at: float | None = None
    """When the recording ended; None where there was none."""
    probes: tuple[Probe, ...] = ()
    leftovers: tuple[Leftover, ...] = ()
    logs: tuple[ContainerLog, ...] = ()
    timings: Timings = field(default_factory=Timings)
    observed: Observed | None = None
    """Where the release was handled by hand, and only looked at; the times then count from its first revision."""
    fault: Cause | None = None
    """Why the experiment says nothing about the submission: an infrastructure fault; None where there was none."""

    @property
    def held(self) -> float | None:
        """Return for how many seconds stable was ready at the end; None where it was not."""
        return None if self.restored_at is None or self.ended_at is None else self.ended_at - self.restored_at

    @property
    def time_limits(self) -> TimeLimits:
        """Return the time limits that it was recorded with, and is judged by."""
        return TimeLimits.for_patience(self.setting.patience if self.setting else 1)
