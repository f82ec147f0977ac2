"""What each outcome means, and which causes lead to it; the tests replay recordings to compare."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from canaryproof.model.causes import Code
from canaryproof.model.evidence import OutcomeName
from canaryproof.timeouts import TimeLimits

LIMITS = TimeLimits()


@dataclass(frozen=True)
class Meaning:
    """The meaning of one outcome, in Markdown, and the codes of its causes."""

    text: str
    causes: tuple[Code, ...]


MEANINGS: Mapping[OutcomeName, Meaning] = {
    "crash-loop": Meaning(
        "A container of the canary ended by itself with a non-zero exit code, was restarted, and ended so again. "
        "If a scenario names the image of the canary, only the container with its port or its image counts.",
        ("crash-looped", "ended-differently", "seen-back-off", "seen-restarts"),
    ),
    "healthy": Meaning(
        f"All pods of the canary have been Ready for {LIMITS.observation:g} s, and no container ended, "
        f"or the container that counts has been running for {LIMITS.observation:g} s while another one crashes.",
        ("ready", "others-ended", "seen-running"),
    ),
    "not-ready": Meaning(
        f"The canary runs, but no pod of it became Ready within {LIMITS.observation:g} s, or it has no pods at all. "
        "Or its container does not stay: the kubelet evicted the pod because of the pod's own limits, restarted all "
        "containers because of a restart rule, or does not restart the container after its end.",
        (
            "never-ready",
            "init-not-ended",
            "zero-replicas",
            "rollout-paused",
            "others-ended",
            "pod-evicted",
            "restarted-with-all",
            "not-restarted",
            "ended-differently",
        ),
    ),
    "image-pull": Meaning(
        "The kubelet cannot get an image of the canary.",
        (
            "image-not-found",
            "image-pull-failed",
            "image-capitals",
            "image-name-invalid",
            "image-not-on-node",
            "image-pull-forbidden",
            "seen-image-failure",
        ),
    ),
    "config-error": Meaning(
        "A container or a volume of the canary needs a ConfigMap, a Secret or a key that does not exist, "
        "or the security context of the container contradicts its image. "
        f"Kubernetes reported that for {LIMITS.persistence:g} s.",
        ("container-not-created", "volume-not-mounted", "seen-not-created"),
    ),
    "start-error": Meaning(
        "The container runtime cannot create or start a container or the sandbox of the canary's pod, for example "
        "because its command does not exist in the image, or the kubelet kills the container because its `postStart` "
        "hook fails.",
        (
            "start-failed",
            "post-start-failed",
            "post-start-fails",
            "container-not-created",
            "sandbox-not-created",
            "ended-differently",
            "seen-not-started",
        ),
    ),
    "exits-cleanly": Meaning(
        "A container of the canary ended with exit code 0, was restarted, and ended so again.",
        ("exited-cleanly", "ended-differently"),
    ),
    "oom-killed": Meaning(
        "The kernel killed a container of the canary twice because it used more memory than its limit, "
        "or the limit is too low to start a pod at all.",
        ("out-of-memory", "memory-too-low", "ended-differently"),
    ),
    "probe-killed": Meaning(
        "The kubelet killed a container of the canary because its liveness or startup probe failed.",
        ("probe-killed", "probe-kills", "ended-differently", "seen-probe-kill"),
    ),
    "init-crash-loop": Meaning(
        "An init container of the canary ended with a non-zero exit code, was restarted, and ended so again.",
        ("init-crash-looped", "ended-differently"),
    ),
    "unschedulable": Meaning(
        f"For {LIMITS.unschedulable:g} s, no scheduler assigned a pod of the canary to a node, or the node that the "
        "pod names did not take it, or the controller of a DaemonSet found no node for it.",
        ("unscheduled", "no-node-chosen", "scheduling-gated", "scheduler-missing", "node-silent", "seen-unscheduled"),
    ),
    "refused": Meaning(
        "The API server refused the upgrade, or it refused the pods of the canary, or the kubelet rejected them.",
        ("upgrade-failed", "pods-refused", "pods-rejected", "seen-refused"),
    ),
    "no-canary": Meaning(
        "The upgrade adds no workload and changes the pod template of none, or the workload or the container that the "
        "scenario names does not exist, or is in another namespace. "
        "A submission of the course must add a Deployment to the stable chart.",
        ("no-deployment-added", "no-workload-changed", "workload-missing", "container-missing", "workload-elsewhere"),
    ),
    "ambiguous": Meaning(
        "The upgrade adds or changes several workloads, and any of them could be the canary.",
        ("several-deployments-added", "several-workloads-added", "several-workloads-changed"),
    ),
    "broken-chart": Meaning(
        "Helm cannot render the chart, or what it renders is not well-formed.",
        ("chart-refused", "chart-not-rendered", "objects-malformed"),
    ),
    "unsafe-chart": Meaning(
        "The chart contains something that [no submission may have](#what-a-submission-may-have).",
        ("chart-refused", "release-violation"),
    ),
    "hook-failed": Meaning(
        "A hook of the chart failed, so that Helm ended the operation. The report shows the log of the hook, its "
        "container and the exit code. A hook that fails at the rollback replaces the canary's earlier outcome.",
        ("hook-failed",),
    ),
    "not-rolled-out": Meaning(
        "The canary is a workload that exists in revision 1, and it got no new pod: the upgrade does not change its "
        "pod template, or the update strategy keeps its pods (`OnDelete`, a partition, a paused rollout).",
        ("template-unchanged", "update-on-delete", "update-partitioned", "rollout-paused"),
    ),
    "undecided": Meaning(
        "The observation ended before any other outcome was certain, or the experiment did not reach the upgrade.",
        (
            "ended-once",
            "still-waiting",
            "ready-too-short",
            "no-pod",
            "former-pod-ending",
            "events-gone",
            "events-unclear",
            "not-reached",
        ),
    ),
}
