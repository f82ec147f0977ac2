"""What to try when the canary meets another fate than it should, and which keys of its template decide that; pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from canaryproof.checks.judging.finding import HINTS
from canaryproof.model.causes import Code, FindingCode, Why
from canaryproof.model.evidence import Decision, OutcomeName


@dataclass(frozen=True)
class Advice:
    """A hint, and the keys of the canary's template where to look, the likeliest first."""

    hint: str
    keys: tuple[str, ...] = ()


def advice_on(decision: Decision) -> Advice:
    """Return what helps best against what *decision* gives as its reason."""
    cause = decision.cause
    closer = BY_CODE.get(cause.code) or (BY_WHY.get(cause.why) if cause.why else None)
    if not closer and cause.init:
        closer = OF_INIT_CONTAINERS.get(decision.outcome)
    return closer or Advice(HINTS[decision.outcome], KEYS.get(decision.outcome, ()))


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

IMAGE_PULL_POLICY = Advice(
    "a node that has not got an image has to pull it: look at imagePullPolicy", ("imagePullPolicy",)
)

BY_CODE: Mapping[Code | FindingCode, Advice] = {
    "image-pull-forbidden": IMAGE_PULL_POLICY,
    "image-not-on-node": IMAGE_PULL_POLICY,
    "rollout-paused": Advice("a rollout that is paused does not begin: look at spec.paused", ("paused",)),
    "zero-replicas": Advice("follow spec.replicas of its template to where it is set", ("replicas",)),
}
"""Advice for causes that leave no doubt."""

OF_INIT_CONTAINERS: Mapping[OutcomeName, Advice] = {
    "image-pull": Advice(
        "look at the image of the init container; the assignment asks for none", ("image", "initContainers")
    ),
    "not-ready": Advice("look at what the init container waits for; the assignment asks for none", ("initContainers",)),
}
"""Advice where an init container decided."""

BY_WHY: Mapping[Why, Advice] = {
    "readiness-probe": Advice(
        "compare the port and path of the readiness probe with what the program serves", ("readinessProbe",)
    ),
    "runs-as-root": Advice("the image runs as root, which its securityContext forbids: look there", ("runAsNonRoot",)),
    "missing-key": Advice(
        "compare the key that the canary asks for with those of the ConfigMap or Secret, letter by letter",
        ("configMapKeyRef", "secretKeyRef", "configMap", "secret"),
    ),
    "node-choice": Advice("look at what the pod asks of its node: no node has it", ("nodeSelector", "affinity")),
    "volume-claim": Advice(
        "look at the claim of its volume: is it in the chart, and can the cluster fulfil it?", ("claimName",)
    ),
    "no-room": Advice(
        "compare its requests and limits with the assignment's, units too: no node has that much",
        ("cpu", "memory", "resources"),
    ),
    "no-service-account": Advice(
        "the ServiceAccount that the canary names is not in the chart", ("serviceAccountName",)
    ),
    "quota": Advice("the ResourceQuota leaves no room for the canary: is it the chart's own?"),
    "range": Advice("the LimitRange does not allow what the canary asks for: is it the chart's own?", ("resources",)),
    "priority-class": Advice("no such PriorityClass is in the cluster", ("priorityClassName",)),
}
"""Advice for what Kubernetes says."""
