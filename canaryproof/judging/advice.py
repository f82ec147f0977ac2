"""What to try when the canary meets another fate than it should, and which keys of its template decide that; pure."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from canaryproof.evidence import Decision, OutcomeName
from canaryproof.judging.finding import HINTS


@dataclass(frozen=True)
class Advice:
    """A hint, and the keys of the canary's template where to look, the likeliest first."""

    hint: str
    keys: tuple[str, ...] = ()


def advice_on(decision: Decision) -> Advice:
    """Return what helps best against what *decision* gives as its reason."""
    for outcome, reason, advice in CLOSER:
        if outcome == decision.outcome and re.search(reason, decision.reason, re.IGNORECASE):
            return advice
    return Advice(HINTS[decision.outcome], KEYS.get(decision.outcome, ()))


KEYS: Mapping[OutcomeName, tuple[str, ...]] = {
    "healthy": ("image",),
    "not-ready": ("readinessProbe", "replicas"),
    "image-pull": ("image",),
    "config-error": ("configMapRef", "secretRef", "configMapKeyRef", "secretKeyRef", "configMap", "secret"),
    "start-error": ("command", "args", "image"),
    "exits-cleanly": ("command", "args", "image"),
    "oom-killed": ("memory",),
    "probe-killed": ("livenessProbe", "startupProbe"),
    "init-crash-loop": ("initContainers",),
    "unschedulable": ("cpu", "nodeSelector", "affinity"),
}
"""The keys of the canary's template that most likely decide its fate."""

CLOSER: tuple[tuple[OutcomeName, str, Advice], ...] = (
    (
        "image-pull",
        r"imagePullPolicy Never",
        Advice("a node that has not got an image has to pull it: look at imagePullPolicy", ("imagePullPolicy",)),
    ),
    (
        "image-pull",
        r"init container",
        Advice("look at the image of the init container; the assignment asks for none", ("image", "initContainers")),
    ),
    (
        "not-ready",
        r"init container",
        Advice("look at what the init container waits for; the assignment asks for none", ("initContainers",)),
    ),
    ("not-ready", r"is paused", Advice("a rollout that is paused does not begin: look at spec.paused", ("paused",))),
    ("not-ready", r"0 replicas", Advice("follow spec.replicas of its template to where it is set", ("replicas",))),
    (
        "not-ready",
        r"readiness probe",
        Advice("compare the port and path of the readiness probe with what the program serves", ("readinessProbe",)),
    ),
    (
        "config-error",
        r"runAsNonRoot|non-numeric user",
        Advice("the image runs as root, which its securityContext forbids: look there", ("runAsNonRoot",)),
    ),
    (
        "config-error",
        r"couldn't find key|references non-existent",
        Advice(
            "compare the key that the canary asks for with those of the ConfigMap or Secret, letter by letter",
            ("configMapKeyRef", "secretKeyRef", "configMap", "secret"),
        ),
    ),
    (
        "unschedulable",
        r"affinity|selector|taint",
        Advice("look at what the pod asks of its node: no node has it", ("nodeSelector", "affinity")),
    ),
    (
        "unschedulable",
        r"persistentvolumeclaim",
        Advice("look at the claim of its volume: is it in the chart, and can the cluster fulfil it?", ("claimName",)),
    ),
    (
        "unschedulable",
        r"insufficient",
        Advice(
            "compare its requests and limits with the assignment's, units too: no node has that much",
            ("cpu", "memory", "resources"),
        ),
    ),
    (
        "refused",
        r"service ?account",
        Advice("the ServiceAccount that the canary names is not in the chart", ("serviceAccountName",)),
    ),
    ("refused", r"exceeded quota", Advice("the ResourceQuota leaves no room for the canary: is it the chart's own?")),
    (
        "refused",
        r"(maximum|minimum) (cpu|memory)",
        Advice("the LimitRange does not allow what the canary asks for: is it the chart's own?", ("resources",)),
    ),
    ("refused", r"priority ?class", Advice("no such PriorityClass is in the cluster", ("priorityClassName",))),
)
"""Advice for reasons that are known more closely: outcome, and what its reason says."""
