"""Defines the evidence: the immutable record of one experiment, and the only input of checks, reports and replays."""

from __future__ import annotations

import math
from dataclasses import dataclass, field, replace
from typing import Literal

from canaryproof.model.causes import Cause, Code
from canaryproof.model.helm_text import without_repetition
from canaryproof.model.objects import Manifest, ObjectKey, WorkloadKind
from canaryproof.model.refusals import Refusal
from canaryproof.model.timeline import Event, PodHistory, Timeline
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
    "hook-failed",
    "not-rolled-out",
    "undecided",
]


@dataclass(frozen=True)
class Decision:
    """The outcome of the canary, and its cause."""

    outcome: OutcomeName
    cause: Cause
    at: float | None = None
    """Seconds from the start of the recording to the decision, or None if the chart alone determined the outcome."""
    proven_at: float | None = None
    """Seconds from the start of the recording to the observation that proved the outcome."""
    proof: tuple[str, ...] = ()
    """The observations that prove the outcome, one line each: container, exit code, reason, times."""
    refusals: tuple[Refusal, ...] = ()
    """The refused objects of the rendering, if they determined the outcome."""

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
    """A forbidden action of a release in the cluster. It ends the experiment without a rollback."""

    code: ViolationCode
    object: str = ""
    """The Helm record that the violation concerns, such as ``Secret/sh.helm.release.v1.upcommerce.v2``."""
    detail: str = ""
    """The problem with the objects, or Kubernetes' message about the quota."""
    refusals: tuple[Refusal, ...] = ()
    """The refused objects."""


def violation_cause(violation: Violation) -> Cause:
    """Return a violation as a cause."""
    detail = describe_refusals(violation.refusals) or violation.detail
    return Cause(code=violation.code, object=violation.object, detail=detail)


UNDECIDED = Decision("undecided", Cause(code="not-reached"))


@dataclass(frozen=True)
class ServiceRoute:
    """A Service whose selector and ``targetPort`` lead to the canary."""

    name: str
    source: str
    ports: tuple[tuple[int, int], ...]
    """Pairs of the Service's port and the container port to which it leads, or 0 if a named port does not resolve."""
    also_selects: tuple[str, ...] = ()
    """Other workloads of the chart whose pods the selector also matches."""


@dataclass(frozen=True)
class Canary:
    """The workload under test, and the Services that select its pods.

    The upgrade adds the workload, or changes its pod template (in place). In place, only its new pods are the canary.
    """

    name: str
    source: str
    replicas: int
    """The number of pods that the upgrade makes from the pod template."""
    ports: tuple[int, ...]
    images: tuple[str, ...]
    services: tuple[ServiceRoute, ...] = ()
    unpulled: tuple[str, ...] = ()
    """Images with ``imagePullPolicy: Never`` that no container of the stable chart has brought to a node before."""
    foreign: tuple[str, ...] = ()
    """Images other than the scenario's that the cluster cannot pull. They do not determine an outcome."""
    kind: WorkloadKind = "Deployment"
    in_place: bool = False
    """Whether the workload exists in the stable revision."""
    decisive: str = ""
    """The container whose ends determine the outcome, or an empty string if those of any container do."""
    former: tuple[str, ...] = ()
    """In place: the revision hashes of the pods before the upgrade. The pods of the canary have other ones."""

    @property
    def key(self) -> ObjectKey:
        """Return the identity of the workload."""
        return ObjectKey(self.kind, self.name)

    def pods(self, timeline: Timeline) -> tuple[PodHistory, ...]:
        """Return every pod that the canary ever had, in the order of first observation."""
        return tuple(pod for pod in timeline.pods_of(self.key) if not self.in_place or pod.revision not in self.former)


@dataclass(frozen=True)
class Rendering:
    """The objects that Helm rendered from a chart, or the error of the rendering."""

    manifests: tuple[Manifest, ...] = ()
    error: str = ""
    hint: str = ""
    """The hint that belongs to the error."""
    cause: Cause | None = None
    """The typed cause, if the error concerns an object."""
    rendered: bool = False
    """True if Helm rendered the chart and the error concerns one of its objects."""


def rendering_failure(rendering: Rendering) -> Cause:
    """Return the cause of a failed rendering."""
    code: Code = "objects-malformed" if rendering.rendered else "chart-not-rendered"
    return Cause(code=code, detail=rendering.error, parts=rendering.cause.parts if rendering.cause else ())


@dataclass(frozen=True)
class ChartFile:
    """A file of the submitted chart. *path* is relative to the chart's folder."""

    path: str
    text: str


@dataclass(frozen=True)
class Step:
    """One Helm operation. *began* and *ended* are seconds from the start of the recording."""

    command: str
    began: float
    ended: float
    error: str = ""
    """Helm's error, or an empty string if Helm reported success."""
    cause: Cause | None = None
    """The cause that the error does not mention, or None if the error states the cause itself."""
    gave_up: bool = False
    """True if Helm applied the objects, and its error is that they did not become ready (``--wait``)."""

    @property
    def succeeded(self) -> bool:
        """Report whether Helm reported success."""
        return not self.error

    @property
    def seconds(self) -> float:
        """Return the duration of the operation in seconds."""
        return self.ended - self.began


def upgrade_failure(upgrade: Step) -> Cause:
    """Return the cause of a failed upgrade."""
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
    """The failure of a request to a Service."""

    message: str
    """A description of the failure for the user."""
    timed_out: bool = False
    """True if no answer arrived within the time limit."""
    closed: bool = False
    """True if the server accepted the connection, and closed it without an answer."""

    def __str__(self) -> str:
        """Return the message."""
        return self.message


@dataclass(frozen=True)
class Probe:
    """One request to the stable Service. *error* is empty if the response was successful."""

    at: float
    seconds: float
    error: str = ""
    timed_out: bool = False
    """True if no answer arrived within the time limit. The Service was then silent for all *seconds*."""
    service: str = ""
    """The name of the Service. Empty in records of earlier versions, which asked one Service only."""


Way = Literal["service-address", "api-server"]
"""How requests reach a Service: at its own address, as its clients' requests do, or through the API server's proxy."""

HolderKind = Literal["owner", "resource-policy", "hook", "finalizers", "deletion", "ordered-ready", "revision"]


@dataclass(frozen=True)
class Holder:
    """The reason why an object still exists."""

    kind: HolderKind
    """The kind of holder.

    ``deletion``: the deletion was requested, but is not complete yet. ``ordered-ready``: the StatefulSet waits for the
    pod to be Ready before it replaces it.  ``revision``: the revision before the rollback failed and did not have the
    object, so the rollback did not delete it.
    """
    value: str = ""
    """The owner, the value of the annotation, the finalizers, separated by commas, or the revision."""


@dataclass(frozen=True)
class Leftover:
    """An object of the upgrade that outlived the rollback, and its holder."""

    object: ObjectKey
    holder: Holder | None = None
    """The holder, or None if none is known."""


@dataclass(frozen=True)
class ContainerLog:
    """The end of the log of one container. *previous* is true for the run before the current one."""

    pod: str
    container: str
    previous: bool
    text: str


@dataclass(frozen=True)
class Timings:
    """The duration of each phase in seconds.

    *outcome* counts from the end of the upgrade, and *gone* from the end of the rollback.
    """

    install: float = 0.0
    upgrade: float = 0.0
    outcome: float = 0.0
    rollback: float = 0.0
    gone: float = 0.0
    total: float = 0.0


@dataclass(frozen=True)
class Setting:
    """The environment in which a submission was checked."""

    provider: str
    """The provider of the cluster, such as ``embedded``."""
    kubernetes: str
    """The version of the API server, such as ``1.37.2``."""
    nodes: int
    helm: str
    images: str
    """``stand-in`` or ``upstream``."""
    patience: float = 1
    """The factor of ``--patience``: the number of times that the machine is slower than usual."""
    sandbox: Protection | None = None
    """The protection with which submissions were unpacked and rendered, or None if it was not recorded."""


@dataclass(frozen=True)
class Observed:
    """A release handled by hand: the role of each revision, or None if there is none, and the gaps in the evidence."""

    stable: int | None
    canary: int | None
    rollback: int | None
    status: str
    """Helm's status of the canary's revision, such as ``superseded``."""
    applied: bool | None = None
    """Whether the objects of the canary's revision reached the cluster, although *status* is not a success. None if
    nothing shows it any more."""
    target_has_canary: bool = False
    """True if the revision to which the rollback went has the canary itself."""
    safe: int | None = None
    """A revision on record that succeeded without the canary, to which a rollback can go, or None if there is none."""
    unready: Cause | None = None
    """The reason why the stable app is not ready now, or None if it is ready."""
    gaps: dict[str, Cause] = field(default_factory=dict)
    """By check ID, the reason why the remaining evidence is not sufficient for the check."""


@dataclass(frozen=True)
class Evidence:
    """The record of one experiment. Fields that the experiment did not reach keep their defaults."""

    name: str
    source: str
    setting: Setting | None = None
    fingerprint: str = ""
    """The fingerprint of submission, scenario and setting. A resumed run reuses evidence with an equal fingerprint."""
    submitted: bool = True
    """Whether the canary's chart is a submission, which is not trusted. Otherwise, it is the scenario's own."""
    namespace: str = ""
    baseline: Rendering = field(default_factory=Rendering)
    chart: Rendering = field(default_factory=Rendering)
    files: tuple[ChartFile, ...] = ()
    """The source text of the chart, so that messages can refer to its lines."""
    added: tuple[ObjectKey, ...] = ()
    """The objects that the upgrade adds to those of the stable revision."""
    canary: Canary | None = None
    decision: Decision = UNDECIDED
    violation: Violation | None = None
    """The violation that ended the experiment after the upgrade, or None."""
    setup: tuple[Step, ...] = ()
    """The steps of the scenario's setup, before revision 1."""
    install: Step | None = None
    stable_upgrades: tuple[Step, ...] = ()
    """The upgrades to the further stable revisions, before the canary's."""
    upgrade: Step | None = None
    rollback: Step | None = None
    history: tuple[Revision, ...] = ()
    timeline: Timeline = field(default_factory=Timeline)
    settled_at: float | None = None
    """Seconds from the start of the recording until the stable app of revision 1 was ready."""
    restored_at: float | None = None
    """Seconds until stable was ready after the rollback, or None if it never was."""
    gone_at: float | None = None
    """Seconds until nothing of the canary was left, or None if something was left."""
    ended_at: float | None = None
    """Seconds until the end of the recording, or None if there was no recording."""
    probes: tuple[Probe, ...] = ()
    probed_through: Way = "api-server"
    """How the requests of *probes* reached the Service."""
    leftovers: tuple[Leftover, ...] = ()
    logs: tuple[ContainerLog, ...] = ()
    timings: Timings = field(default_factory=Timings)
    observed: Observed | None = None
    """The facts of a release that was handled by hand and only observed. Its times count from its first revision."""
    fault: Cause | None = None
    """The infrastructure fault because of which the experiment allows no verdict on the submission, or None."""

    @property
    def stable_revision(self) -> int:
        """Return the number of the last stable revision, to which the rollback returns."""
        return 1 + len(self.stable_upgrades)

    @property
    def canary_revision(self) -> int:
        """Return the number of the revision with the canary."""
        return self.stable_revision + 1

    @property
    def held(self) -> float | None:
        """Return the seconds for which stable was ready at the end, or None if it was not."""
        return None if self.restored_at is None or self.ended_at is None else self.ended_at - self.restored_at

    @property
    def time_limits(self) -> TimeLimits:
        """Return the time limits with which the experiment was recorded and is judged."""
        return TimeLimits.for_patience(self.setting.patience if self.setting else 1)

    @property
    def canary_pods(self) -> tuple[PodHistory, ...]:
        """Return every pod that the canary ever had, with all observed versions."""
        return self.canary.pods(self.timeline) if self.canary else ()

    def pods_of(self, kind: str, name: str) -> tuple[PodHistory, ...]:
        """Return every pod that a workload ever had, such as ``pods_of("Deployment", "shop")``."""
        return self.timeline.pods_of(ObjectKey(kind, name))

    def events_about(self, kind: str, name: str) -> tuple[Event, ...]:
        """Return the events about an object, such as ``events_about("StatefulSet", "db")``."""
        return tuple(each for each in self.timeline.events if each.object == ObjectKey(kind, name))

    @property
    def crash_log(self) -> str:
        """Return the end of the log of the container that decided the outcome, or an empty string if there is none.

        The run before the current one counts first, because the current one may only have begun.
        """
        decisive = (each for each in self.logs if each.container == self.decision.cause.container)
        return next((each.text for each in sorted(decisive, key=lambda log: not log.previous)), "")

    @property
    def probes_during_canary(self) -> tuple[Probe, ...]:
        """Return the requests to stable Services from the end of the upgrade to the start of the rollback."""
        began = self.upgrade.ended if self.upgrade else math.inf
        ended = self.rollback.began if self.rollback else math.inf
        return tuple(each for each in self.probes if began <= each.at < ended)

    @property
    def objects_before(self) -> dict[ObjectKey, Manifest]:
        """Return the objects of the namespace when the upgrade began."""
        return self.timeline.until(self.upgrade.began).objects if self.upgrade else {}

    @property
    def objects_during_canary(self) -> dict[ObjectKey, Manifest]:
        """Return the objects of the namespace when the rollback began."""
        return self.timeline.until(self.rollback.began).objects if self.rollback else {}

    @property
    def objects_after(self) -> dict[ObjectKey, Manifest]:
        """Return the objects of the namespace at the end of the recording."""
        return self.timeline.objects
