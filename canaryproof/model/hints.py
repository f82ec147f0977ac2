"""Defines hints for checks that do not hold, as data: an ID and the subject of the advice.  This module is pure.

`canaryproof.model.wording.hint_sentences` turns hints into sentences. No code parses these sentences.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from canaryproof.model.causes import OriginCode, Why
from canaryproof.model.evidence import OutcomeName, ViolationCode
from canaryproof.model.helm_text import Symptom

HintId = Literal[
    OutcomeName,
    OriginCode,
    Symptom,
    Why,
    ViolationCode,
    # the chart
    "as-told",
    "deployment-is-hook",
    "field-is-list",
    "field-is-map",
    "field-is-number",
    "key-repeated",
    "label-not-text",
    "object-repeated",
    # the canary
    "autoscaler",
    "container-port",
    "container-restart-policy",
    "image-pull-policy",
    "init-container-image",
    "init-container-waits",
    "labels-of-its-own",
    "node-name",
    "node-rejects",
    "other-container",
    "pod-security",
    "post-start-hook",
    "look-before-restart",
    "name-the-canary",
    "replicas-of-its-own",
    "replicas-source",
    "restart-rules",
    "rollout-paused",
    "scheduler-name",
    "scheduling-gates",
    "storage-limit",
    "values-of-canary",
    "container-term",
    "namespace-of-release",
    "workload-term",
    "zero-replicas",
    # its Service
    "labels-of-stable",
    "port-name-of-stable",
    "port-protocol",
    "select-both",
    "select-canary-alone",
    "selector-and-labels",
    "service-missing",
    "service-port-term",
    "service-ports",
    "service-type",
    "service-without-selector",
    "traffic-in-place",
    "traffic-none",
    "traffic-not-none",
    # the release
    "delete-pod",
    "hook-changes-release",
    "left-by-policy",
    "left-by-something",
    "free-and-upgrade",
    "no-uninstall",
    "rollback-after-uninstall",
    "rollback-by-force",
    "rollback-command",
    "rollback-failed",
    "rollback-impossible",
    "rollback-through-canary",
    "rollback-through-canary-by-force",
    "upgrade-again",
    "upgrade-by-force",
    "upgrade-by-hand",
    "upgrade-missing",
    # the stable app
    "hold-on",
    "not-taken-back",
    "pods-before-others",
    "port-by-number",
    "restore-templates",
    "service-switched",
    "stable-changes-too",
    "stable-changes",
    "stable-objects",
    "stable-pods",
    "stable-silent",
]
"""The IDs of hints. A hint that follows from an outcome, mistake, symptom, meaning or violation has the ID of that."""


@dataclass(frozen=True, kw_only=True)
class Hint:
    """One piece of advice. Fields that do not apply keep their defaults."""

    id: HintId
    object: str = ""
    """The object, such as ``Service/upcommerce-service``."""
    name: str = ""
    """The name of a key of the values, or of a release."""
    namespace: str = ""
    files: tuple[str, ...] = ()
    """Templates, relative to the chart's folder."""
    revision: int = 0
    through: int = 0
    """The canary's revision, if the way to *revision* leads through it."""
    detail: str = ""
    """The advice itself, if the refusal of the chart already contains it."""
