"""The cause of a decision or a fault, as facts: a code, and what a program needs to act on it; pure.

`canaryproof.model.wording` makes sentences of causes, and nothing reads those back.
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Any, Literal

Code = Literal[
    # the runs of a container
    "crash-looped",
    "ended-differently",
    "ended-once",
    "exited-cleanly",
    "init-crash-looped",
    "init-not-ended",
    "out-of-memory",
    "probe-killed",
    "probe-kills",
    "start-failed",
    # images
    "image-capitals",
    "image-name-invalid",
    "image-not-found",
    "image-not-on-node",
    "image-pull-failed",
    "image-pull-forbidden",
    # what keeps a pod from starting
    "container-not-created",
    "memory-too-low",
    "pods-refused",
    "rollout-paused",
    "unscheduled",
    "volume-not-mounted",
    "zero-replicas",
    # a pod that runs, or none
    "never-ready",
    "no-pod",
    "ready",
    "ready-too-short",
    "still-waiting",
    # what is left of a release that was handled by hand
    "events-gone",
    "events-unclear",
    "seen-back-off",
    "seen-image-failure",
    "seen-not-created",
    "seen-not-started",
    "seen-probe-kill",
    "seen-refused",
    "seen-restarts",
    "seen-running",
    "seen-unscheduled",
    # the stable app
    "deployment-missing",
    "deployment-not-available",
    "deployment-not-observed",
    "service-without-endpoints",
    "stable-not-ready",
    # the chart
    "chart-not-rendered",
    "chart-refused",
    "container-added",
    "image-changed",
    "no-deployment-added",
    "chart-malformed",
    "container-unnamed",
    "field-of-wrong-type",
    "items-not-maps",
    "label-not-text",
    "no-containers",
    "not-an-object",
    "not-yaml",
    "object-added",
    "object-incomplete",
    "object-repeated",
    "yaml-key-repeated",
    "yaml-malformed",
    "yaml-number-too-large",
    "yaml-tag",
    "objects-malformed",
    "release-violation",
    "several-deployments-added",
    "upgrade-failed",
    # the cluster
    "image-not-provided",
    "no-storage-class",
    "node-exhausted",
    "registry-not-allowed",
    # the experiment
    "not-reached",
]
"""What happened; `canaryproof.model.wording.cause_sentences` has the sentence of each."""

FindingCode = Literal[
    # the canary as rendered
    "autoscaler-overrules",
    "port-missing",
    "replicas-differ",
    "service-external",
    "service-missing",
    "service-port-differs",
    "service-selects-nothing",
    "service-selects-others",
    "stable-service-selects-canary",
    # the release
    "history-empty",
    "history-unexpected",
    "left-behind",
    "never-upgraded",
    "not-rolled-back",
    "not-seen-gone",
    "revision-forgotten",
    "revision-missing",
    "revision-not-deployed",
    "rollback-failed",
    "rollback-not-last",
    "rolled-back-to-canary",
    # the stable app
    "not-asked",
    "not-held",
    "not-restored",
    "stable-changed",
    "stable-differs-after-rollback",
    "stable-unhealthy",
    "unanswered",
    # the cluster
    "infrastructure-fault",
]
"""Why a check does not hold, where that is not the cause of the decision; checks have the sentences."""

Why = Literal[
    "missing-key",
    "no-room",
    "no-service-account",
    "node-choice",
    "priority-class",
    "quota",
    "range",
    "readiness-probe",
    "runs-as-root",
    "volume-claim",
]
"""What Kubernetes means by the text in *detail*, where that is known (`canaryproof.model.kubernetes_text`)."""


@dataclass(frozen=True, kw_only=True)
class Cause:
    """What happened, and to what; a field that says nothing about it keeps its default."""

    code: Code | FindingCode
    deployment: str = ""
    """The Deployment of the canary."""
    container: str = ""
    """The container whose state decided."""
    init: bool = False
    """Whether that is an init container."""
    image: str = ""
    images: tuple[str, ...] = ()
    """The images that ran, in order."""
    exit_codes: tuple[int, ...] = ()
    """Of its ends, in order."""
    ended: str = ""
    """The reason of the last end, as Kubernetes has it: ``Error``, ``OOMKilled``."""
    probe: str = ""
    """``liveness`` or ``startup``."""
    states: tuple[str, ...] = ()
    """Waiting reasons of containers, or reasons of events, as Kubernetes writes them."""
    count: int = 0
    """Restarts, starts, Deployments, replicas, requests, or the number of a revision."""
    replicas: tuple[int, ...] = ()
    """The pods of a Deployment: all, those of its latest template, those that are available."""
    limit: float = 0.0
    """What *count* or *seconds* should be, or may be at most."""
    ports: tuple[int, ...] = ()
    """The ports that there are."""
    pods: int = 0
    seconds: float = 0.0
    """From the upgrade to what proves it; or for how long the canary was ready, or watched, or ran."""
    object: str = ""
    """``Deployment/shop``."""
    file: str = ""
    """A template, as seen from the chart's folder."""
    files: tuple[str, ...] = ()
    """The templates that have the object."""
    line: int = 0
    """Of what the template renders to, from 1; 0 where it is not known."""
    field: str = ""
    """``spec.replicas``."""
    expected: str = ""
    """The expected type of a field: ``a map``, ``a list`` or ``a number``."""
    held_by: str = ""
    """The kind of holder that keeps the object (`canaryproof.model.evidence.HolderKind`); *detail* names the holder."""
    hook: bool = False
    """Whether the object is a hook of Helm."""
    detail: str = ""
    """The text of Kubernetes, Helm or a container runtime, or what the rules for charts say."""
    why: Why | None = None
    last_words: str = ""
    """The last line that the container logged."""
    parts: tuple[Cause, ...] = ()
    """The causes that this one is made of."""


def to_fields(cause: Cause) -> dict[str, Any]:
    """Return the fields that say something, by name: what ``results.json`` shows; seconds in whole milliseconds."""
    found: dict[str, Any] = {}
    for field in fields(cause):
        value = getattr(cause, field.name)
        value = round(value, 3) if isinstance(value, float) else value
        if value != field.default:
            found[field.name] = [to_fields(part) for part in cause.parts] if field.name == "parts" else value
    return found
