"""Defines the cause of a decision or a fault as data: a code, and the facts that a program needs.  This module is pure.

`canaryproof.model.wording` turns causes into sentences. No code parses these sentences.
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
    "not-restarted",
    "others-ended",
    "out-of-memory",
    "post-start-failed",
    "post-start-fails",
    "probe-killed",
    "probe-kills",
    "restarted-with-all",
    "start-failed",
    # images
    "image-capitals",
    "image-name-invalid",
    "image-not-found",
    "image-not-on-node",
    "image-pull-failed",
    "image-pull-forbidden",
    # obstacles to the start of a pod
    "container-not-created",
    "memory-too-low",
    "no-node-chosen",
    "node-silent",
    "pod-evicted",
    "pods-refused",
    "pods-rejected",
    "rollout-paused",
    "sandbox-not-created",
    "scheduler-missing",
    "scheduling-gated",
    "unscheduled",
    "volume-not-mounted",
    "template-unchanged",
    "update-on-delete",
    "update-partitioned",
    "zero-replicas",
    # a running pod, or no pod
    "former-pod-ending",
    "never-ready",
    "no-pod",
    "ready",
    "ready-too-short",
    "still-waiting",
    # the remaining evidence of a release handled by hand
    "told",
    "not-watched",
    "revision-pruned",
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
    "condition-missing",
    "deployment-missing",
    "deployment-not-available",
    "deployment-not-observed",
    "pod-unstarted",
    "service-without-endpoints",
    # the chart
    "chart-not-rendered",
    "chart-refused",
    "no-chart",
    "container-added",
    "image-changed",
    "no-deployment-added",
    "no-workload-changed",
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
    "changed-record",
    "deep-record",
    "missing-record",
    "quota-exceeded",
    "unknown-record",
    "unsafe-objects",
    "several-deployments-added",
    "hook-failed",
    "several-workloads-added",
    "several-workloads-changed",
    "upgrade-failed",
    "container-missing",
    "workload-elsewhere",
    "workload-missing",
    # the cluster
    "image-for-other-processor",
    "image-not-provided",
    "no-storage-class",
    "node-ended-pod",
    "node-exhausted",
    "node-feature-missing",
    "resource-missing",
    "registry-fails",
    "refused-by-policy",
    "registry-not-allowed",
    # the experiment
    "not-reached",
]
"""The codes of causes. `canaryproof.model.wording.cause_sentences` contains the sentence for each code."""

OriginCode = Literal[
    "braces-unmatched",
    "character-typographic",
    "colon-in-value",
    "colon-without-space",
    "dot-missing",
    "file-ignored",
    "file-of-helpers",
    "file-outside-templates",
    "file-renders-nothing",
    "file-under-condition",
    "file-utf-16",
    "image-not-indented",
    "image-value-missing",
    "kind-unknown",
    "manifest-twice",
    "quote-unmatched",
    "stray-backtick",
    "tab-indents",
    "value-missing",
    "value-no-map",
    "values-empty",
    "values-key-empty",
    "values-key-nested",
    "values-missing",
    "values-misnamed",
]
"""A mistake in the files of a chart that leads to an error of Helm or the cluster."""

FindingCode = Literal[
    OriginCode,
    # the canary as rendered
    "autoscaler-overrules",
    "port-missing",
    "replicas-differ",
    "restarted-before-healthy",
    "service-external",
    "service-missing",
    "service-port-differs",
    "service-selects-canary",
    "service-selects-canary-alone",
    "service-selects-nothing",
    "service-selects-others",
    "shared-service-port-unknown",
    "stable-service-missing",
    "stable-service-selects-canary",
    # the target of a port of a Service
    "leads-to-name",
    "leads-to-number",
    "leads-to-unknown-name",
    # the release
    "history-empty",
    "history-unexpected",
    "left-behind",
    "never-upgraded",
    "not-rolled-back",
    "not-seen-gone",
    "outcome-differs",
    "revision",
    "revision-forgotten",
    "revision-missing",
    "revision-not-deployed",
    "field-conflict",
    "release-deleted",
    "release-missing",
    "release-uninstalled",
    "rollback-failed",
    "rollback-not-last",
    "rollback-unfinished",
    "rolled-back-to-canary",
    "upgrade-in-disguise",
    # changes of the chart to stable
    "command-changed",
    "container-image-changed",
    "container-left-out",
    "container-more",
    "object-missing",
    "ports-changed",
    "probe-port-unknown",
    "replicas-zero",
    "routes",
    "routes-changed",
    "selector-changed",
    "stable-changed",
    # the stable app in the cluster
    "field-differs",
    "no-live-pod",
    "not-asked",
    "not-held",
    "not-restored",
    "pod-crashed",
    "pod-image-differs",
    "pod-not-ready",
    "pod-restarted",
    "answered-rarely",
    "unanswered",
    # checks that a scenario waives
    "check-left-out",
    "no-stable-service",
    "one-pod-per-node",
    "outcome-rules-out",
    "shared-in-place",
    "term-absent",
    # the cluster, the tools and the tests
    "assertion-failed",
    "cluster-fault",
    "command-failed",
    "infrastructure-fault",
    "internal-fault",
    "limit-exceeded",
    "scenario-fault",
    "system-fault",
    "toolchain-fault",
    "usage-fault",
    "wait-ended",
]
"""The codes of findings and their parts. `canaryproof.model.wording.finding_sentences` contains the sentences."""

Why = Literal[
    "missing-key",
    "no-room",
    "no-service-account",
    "node-choice",
    "other-processor",
    "priority-class",
    "quota",
    "range",
    "readiness-probe",
    "runs-as-root",
    "volume-claim",
]
"""The meaning of the Kubernetes text in *detail*, if it is known (`canaryproof.model.kubernetes_text`)."""

During = Literal["canary", "run"]
"""A period of an experiment: ``canary``, while the canary existed; ``run``, from revision 1 to the end."""


@dataclass(frozen=True, kw_only=True)
class Cause:
    """An event or a state, and the objects that it concerns. Fields that do not apply keep their defaults."""

    code: Code | FindingCode
    """The kind of event or state."""
    deployment: str = ""
    """The Deployment of the canary."""
    container: str = ""
    """The container that decided the outcome."""
    init: bool = False
    """True if *container* is an init container."""
    image: str = ""
    """The image of *container*, or the image that a finding concerns."""
    images: tuple[str, ...] = ()
    """The images that ran, in order of time."""
    exit_codes: tuple[int, ...] = ()
    """The exit codes of the container's runs, in order of time."""
    ended: str = ""
    """The reason of the last termination, as Kubernetes reports it: ``Error``, ``OOMKilled``."""
    probe: str = ""
    """The probe that failed: ``liveness`` or ``startup``."""
    states: tuple[str, ...] = ()
    """Waiting reasons of containers, reasons of events, or statuses of revisions, as Kubernetes and Helm write them."""
    count: int = 0
    """The number of restarts, starts, Deployments, replicas, failed requests or objects, or a revision number."""
    replicas: tuple[int, ...] = ()
    """The numbers of pods of a Deployment: all pods, pods of its latest template, and available pods."""
    limit: float = 0.0
    """The value that *count* or *seconds* should have, or must not exceed."""
    ports: tuple[int, ...] = ()
    """The declared ports."""
    pods: int = 0
    """The number of pods."""
    seconds: float = 0.0
    """Seconds from the upgrade to the proof, or seconds for which the canary was ready, observed or running."""
    object: str = ""
    """The object, such as ``Deployment/shop``."""
    file: str = ""
    """The template, relative to the chart's folder."""
    files: tuple[str, ...] = ()
    """The templates that contain the object."""
    line: int = 0
    """The line in the output of the template, from 1, or 0 if it is not known."""
    field: str = ""
    """The field of the object, such as ``spec.replicas``."""
    expected: str = ""
    """The expected value: a type (``a map``, ``a list``, ``a number``), a value or an outcome."""
    found: str = ""
    """The value that was found instead."""
    names: tuple[str, ...] = ()
    """The names of other objects that the cause concerns: workloads, ports, containers, fields, resources, gates."""
    protocol: str = ""
    """The protocol of a port, if it is not TCP."""
    pod: str = ""
    """The name of the pod."""
    during: During | None = None
    """The period: ``canary``, while the canary existed; ``run``, from revision 1 to the end."""
    requests: int = 0
    """The number of requests to the stable Service."""
    answered: int = 0
    """The number of requests that were answered."""
    held_by: str = ""
    """The kind of holder that keeps the object: ``owner``, ``resource-policy``, ``hook``, ``finalizers`` or
    ``deletion``. *detail* names the holder."""
    hook: bool = False
    """True if the object is a Helm hook."""
    detail: str = ""
    """A message of Kubernetes, Helm, a container runtime or the rules for charts."""
    why: Why | None = None
    """The meaning of the text in *detail*, if it is known."""
    last_words: str = ""
    """The last line of the container's log."""
    parts: tuple[Cause, ...] = ()
    """The causes of which this cause consists."""
    known: Cause | None = None
    """The cause that led to this one, if it is known."""


def to_fields(cause: Cause) -> dict[str, Any]:
    """Return the fields that differ from their defaults, by name, for ``results.json``. Floats have three decimals."""
    found: dict[str, Any] = {}
    for field in fields(cause):
        value = getattr(cause, field.name)
        value = round(value, 3) if isinstance(value, float) else value
        if isinstance(value, Cause):
            found[field.name] = to_fields(value)
        elif value != field.default:
            found[field.name] = [to_fields(part) for part in cause.parts] if field.name == "parts" else value
    return found
