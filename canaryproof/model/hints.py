"""What to try where a check does not hold, as facts: an id, and what the advice is about; pure.

`canaryproof.model.wording.hint_sentences` makes sentences of hints, and nothing reads those back.
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
    "image-pull-policy",
    "init-container-image",
    "init-container-waits",
    "labels-of-its-own",
    "replicas-of-its-own",
    "replicas-source",
    "rollout-paused",
    "zero-replicas",
    # its Service
    "port-protocol",
    "select-canary-alone",
    "selector-and-labels",
    "service-missing",
    "service-ports",
    "service-type",
    "service-without-selector",
    # the release
    "hook-changes-release",
    "left-by-policy",
    "left-by-something",
    "rollback-again",
    "rollback-command",
    "rollback-failed",
    "rollback-further",
    "upgrade-again",
    "upgrade-by-hand",
    "upgrade-missing",
    # the stable app
    "hold-on",
    "not-taken-back",
    "port-by-number",
    "restore-templates",
    "stable-changes",
    "stable-objects",
    "stable-pods",
    "stable-silent",
]
"""What is advised; what an outcome, a mistake, a symptom, a refusal or a violation suggests has the id of that."""


@dataclass(frozen=True, kw_only=True)
class Hint:
    """One piece of advice; a field that it does not need keeps its default."""

    id: HintId
    object: str = ""
    """``Service/upcommerce-service``."""
    name: str = ""
    """A key of the values, or a release."""
    namespace: str = ""
    files: tuple[str, ...] = ()
    """Templates, as seen from the chart's folder."""
    revision: int = 0
    detail: str = ""
    """The advice itself, where whoever refused the chart gave it."""
