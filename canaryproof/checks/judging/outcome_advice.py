"""Gives hints for an unexpected outcome, and the keys of the canary's template that decide it.  Pure module."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from canaryproof.model.causes import Code, FindingCode, Why
from canaryproof.model.evidence import Decision, OutcomeName
from canaryproof.model.hints import HintId


@dataclass(frozen=True)
class Advice:
    """A hint, and the keys of the canary's template where to look, the likeliest first."""

    hint: HintId
    keys: tuple[str, ...] = ()


def advice_on(decision: Decision) -> Advice:
    """Return the best advice on the cause of *decision*."""
    cause = decision.cause
    if closer := BY_CODE.get(cause.code):
        return closer
    if cause.why:
        return Advice(cause.why, KEYS_BY_WHY.get(cause.why, ()))
    if cause.init and (closer := OF_INIT_CONTAINERS.get(decision.outcome)):
        return closer
    return Advice(decision.outcome, KEYS.get(decision.outcome, ()))


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
"""The keys of the canary's template that most likely decide its outcome."""

IMAGE_PULL_POLICY = Advice("image-pull-policy", ("imagePullPolicy",))
POST_START = Advice("post-start-hook", ("postStart", "lifecycle"))

BY_CODE: Mapping[Code | FindingCode, Advice] = {
    "image-pull-forbidden": IMAGE_PULL_POLICY,
    "image-not-on-node": IMAGE_PULL_POLICY,
    "no-node-chosen": Advice("node-choice", ("nodeSelector", "affinity")),
    "node-silent": Advice("node-name", ("nodeName",)),
    "not-restarted": Advice("container-restart-policy", ("restartPolicy",)),
    "others-ended": Advice("other-container", ("image", "command", "args")),
    "pod-evicted": Advice("storage-limit", ("ephemeral-storage", "sizeLimit")),
    "pods-rejected": Advice("node-rejects", ("appArmorProfile", "nodeName", "nodeSelector", "os")),
    "post-start-failed": POST_START,
    "post-start-fails": POST_START,
    "restarted-with-all": Advice("restart-rules", ("restartPolicyRules",)),
    "rollout-paused": Advice("rollout-paused", ("paused",)),
    "sandbox-not-created": Advice("pod-security", ("sysctls", "securityContext", "memory")),
    "scheduler-missing": Advice("scheduler-name", ("schedulerName",)),
    "scheduling-gated": Advice("scheduling-gates", ("schedulingGates",)),
    "zero-replicas": Advice("zero-replicas", ("replicas",)),
}
"""Advice for unambiguous causes."""

OF_INIT_CONTAINERS: Mapping[OutcomeName, Advice] = {
    "image-pull": Advice("init-container-image", ("image", "initContainers")),
    "not-ready": Advice("init-container-waits", ("initContainers",)),
}
"""Advice where an init container decided."""

KEYS_BY_WHY: Mapping[Why, tuple[str, ...]] = {
    "readiness-probe": ("readinessProbe",),
    "runs-as-root": ("runAsNonRoot",),
    "missing-key": ("configMapKeyRef", "secretKeyRef", "configMap", "secret"),
    "node-choice": ("nodeSelector", "affinity"),
    "volume-claim": ("claimName",),
    "other-processor": ("image", "command"),
    "no-room": ("cpu", "memory", "resources"),
    "no-service-account": ("serviceAccountName",),
    "range": ("resources",),
    "priority-class": ("priorityClassName",),
}
"""The keys that decide, by what Kubernetes says."""
