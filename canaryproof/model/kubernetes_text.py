"""Parses messages of Kubernetes and its container runtime, if no API field has the same information.  Pure module.

The messages belong to events, conditions and container states. No other module searches them. Each pattern names its
source: Kubernetes 1.37 (paths without a project name), containerd 2.4, runc 1.4, Go 1.25.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from canaryproof.model.causes import Why
from canaryproof.model.evidence import OutcomeName

MEANINGS: Mapping[OutcomeName, Mapping[Why, str]] = {
    "not-ready": {
        "readiness-probe": r"readiness probe",  # kubelet, prober/prober.go: "Readiness probe failed: ..."
    },
    "start-error": {
        "other-processor": r"exec format error",  # Linux, ENOEXEC
    },
    "config-error": {
        "runs-as-root": r"runAsNonRoot|non-numeric user",  # kubelet, kuberuntime/security_context_others.go
        "missing-key": r"couldn't find key|references non-existent",  # kubelet_pods.go; volume/configmap, volume/secret
    },
    "unschedulable": {
        "node-choice": r"affinity|selector|taint",  # scheduler, plugins nodeaffinity and tainttoleration
        "volume-claim": r"persistentvolumeclaim",  # scheduler, plugin volumebinding
        "no-room": r"insufficient",  # scheduler, plugin noderesources/fit.go
    },
    "refused": {
        "no-service-account": r"service ?account",  # API server, admission plugin ServiceAccount
        "quota": r"exceeded quota",  # API server, admission plugin ResourceQuota
        "range": r"(maximum|minimum) (cpu|memory)",  # API server, admission plugin LimitRanger
        "priority-class": r"priority ?class",  # API server, admission plugin Priority
    },
}
"""Patterns for each outcome. The first match counts, and case is ignored."""


def meaning(outcome: OutcomeName, text: str) -> Why | None:
    """Return the meaning of the Kubernetes message *text* for *outcome*, or None if it is not known."""
    patterns = MEANINGS.get(outcome, {})
    return next((why for why, pattern in patterns.items() if re.search(pattern, text, re.IGNORECASE)), None)


_NO_SUCH_IMAGE = re.compile(
    r"not found|manifest unknown|name unknown|does not exist|access denied|invalid reference", re.IGNORECASE
)


def is_no_such_image(message: str) -> bool:
    """Report whether a registry does not have an image, or refuses access to it. A retry fails in the same way.

    Source: the error codes of the OCI distribution specification, as passed on by containerd's ``remotes/docker``.
    """
    return bool(_NO_SUCH_IMAGE.search(message))


_PULL = re.compile(r"pull image|ErrImagePull|ImagePullBackOff|Back-off pulling|InvalidImageName", re.IGNORECASE)


def is_image_failure(message: str) -> bool:
    """Report whether the kubelet failed to pull an image (``pkg/kubelet/images/image_manager.go``)."""
    return bool(_PULL.search(message))


_MISSING_SOURCE = re.compile(r"(configmap|secret).*not found|references non-existent", re.IGNORECASE)


def is_source_missing(message: str) -> bool:
    """Report whether a ConfigMap or Secret that a pod needs, or one of its keys, is missing.

    Source: ``pkg/volume/configmap/configmap.go``, ``pkg/volume/secret/secret.go``, and apimachinery's ``NewNotFound``.
    """
    return bool(_MISSING_SOURCE.search(message))


_CACHE = re.compile(r"failed to sync .*cache")


def is_cache_empty(message: str) -> bool:
    """Report whether the kubelet has not read a ConfigMap or Secret yet (``util/manager/watch_based_manager.go``)."""
    return bool(_CACHE.search(message))


_NO_ACCOUNT = re.compile(r"serviceaccount .*not found")


def is_account_missing(message: str) -> bool:
    """Report whether a pod's ServiceAccount is missing (``plugin/pkg/admission/serviceaccount/admission.go``)."""
    return bool(_NO_ACCOUNT.search(message))


_KILLED_FOR_PROBE = re.compile(r"failed (liveness|startup) probe")


def killing_probe(message: str) -> str:
    """Return the probe because of which the kubelet kills a container: ``liveness``, ``startup`` or an empty string.

    Source: ``pkg/kubelet/kuberuntime/kuberuntime_manager.go``.
    """
    found = _KILLED_FOR_PROBE.search(message)
    return found[1] if found else ""


def is_failed_hook_kill(message: str) -> bool:
    """Report whether the kubelet kills a container because its ``postStart`` hook failed.

    Source: ``pkg/kubelet/kuberuntime/kuberuntime_container.go``, ``startContainer``.
    """
    return message == "FailedPostStartHook"


def is_stop(message: str) -> bool:
    """Report whether the kubelet ends a container with its pod.

    Source: ``pkg/kubelet/kuberuntime/kuberuntime_container.go``, ``killContainer``.
    """
    return message.startswith("Stopping container ")


def is_restart_of_all(message: str) -> bool:
    """Report whether the kubelet kills a container because a restart rule of another one restarts all containers.

    Source: ``pkg/kubelet/kuberuntime/kuberuntime_manager.go``, ``SyncPod``.
    """
    return message == "killing"


_HOOK = re.compile(r" failed - error: (?P<error>.*?)(, message: \".*)?$", re.DOTALL)
_OWN_FAILURE = re.compile(r"exited with (?!137\b)\d+|unable to start container process: exec: ")


def hook_failure(message: str) -> str:
    """Return why a ``postStart`` hook failed, or an empty string if it failed because its container had ended.

    Requests of the kubelet fail by themselves. A command fails by itself if it does not exist or ends with an exit code
    other than that of SIGKILL.

    Source: ``pkg/kubelet/lifecycle/handlers.go``; runc, ``libcontainer/process_linux.go``.
    """
    found = _HOOK.search(message)
    if not found:
        return ""
    return found["error"] if message.startswith("HTTP ") or _OWN_FAILURE.search(found["error"]) else ""


_FAILED_PROBE = re.compile(r"^(Liveness|Startup) probe failed")


def is_killing_probe_failure(message: str) -> bool:
    """Report whether a liveness or startup probe failed (``pkg/kubelet/prober/prober.go``)."""
    return bool(_FAILED_PROBE.search(message))


def is_restart_back_off(message: str) -> bool:
    """Report whether the kubelet waits before it restarts a container (``kuberuntime/kuberuntime_manager.go``)."""
    return "restarting failed container" in message


_START = re.compile(r"failed to (create|start) container|executable file not found|no such file", re.IGNORECASE)


def is_start_failure(message: str) -> bool:
    """Report whether a container failed to start (kubelet, containerd; Go, ``os/exec`` and ``syscall``)."""
    return bool(_START.search(message))


def start_failure(message: str) -> str:
    """Return the reason why a container failed to start, without the prefixes of the programs that passed it on.

    Returns an empty string if the message has no such reason.

    Source: runc, ``libcontainer/process_linux.go``.
    """
    return message.rpartition("unable to start container process: ")[2]


_PROGRAM = re.compile(
    r"(exec \S+|standard_init_linux\.go:\d+: exec user process caused): "
    r"(?P<reason>exec format error|no such file or directory|permission denied)"
)


def program_failure(log: str) -> str:
    """Return why the kernel does not run a container's program, if that is all that the container's *log* says.

    Returns an empty string if the program ran.

    Source: runc, ``libcontainer/standard_init_linux.go`` and ``init_linux.go``.
    """
    found = _PROGRAM.fullmatch(log.strip())
    return found[0] if found else ""


def is_killed_at_start(message: str) -> bool:
    """Report whether a memory limit is too low even to start the container.

    Source: runc, ``libcontainer/process_linux.go``.
    """
    return "OOM-killed" in message


def is_sandbox_ended(message: str) -> bool:
    """Report whether a container ended between its creation and its start.

    A pod's sandbox does not end by itself in this state, because it waits to be started.

    Source: containerd, ``cmd/containerd-shim-runc-v2/process/init_state.go``.
    """
    return "cannot start a stopped process" in message


def scheduling_failure(message: str) -> str:
    """Return the reason why no node can run a pod, without the result of the preemption.

    Source: ``pkg/scheduler/framework/plugins/defaultpreemption``.
    """
    return message.partition(" preemption: ")[0]


def without_rejection(message: str) -> str:
    """Return why a kubelet does not admit a pod, without the words with which it says so.

    Source: ``pkg/kubelet/kubelet.go``, ``rejectPod``.
    """
    return message.removeprefix("Pod was rejected: ")


_INSUFFICIENT = re.compile(r"Insufficient ([\w./-]*\w)")


def insufficient_resources(message: str) -> tuple[str, ...]:
    """Return the names of the resources of which no node has enough for a pod.

    Source: ``pkg/scheduler/framework/plugins/noderesources/fit.go``.
    """
    return tuple(dict.fromkeys(_INSUFFICIENT.findall(message)))


_NO_STORAGE_CLASS = re.compile(r'no storage class is set|storageclass\.storage\.k8s\.io "standard" not found')


def is_storage_class_missing(message: str) -> bool:
    """Report whether a claim needs a StorageClass that is missing.

    It is the default class of the cluster, or ``standard``, the default class of minikube and kind.

    Source: ``pkg/controller/volume/persistentvolume/pv_controller.go``.
    """
    return bool(_NO_STORAGE_CLASS.search(message))


_EXHAUSTED = re.compile(r"no space left on device|disk quota exceeded|too many open files", re.IGNORECASE)


def is_node_exhausted(message: str) -> bool:
    """Report whether a node has no disk space or file descriptors left: ENOSPC, EDQUOT, EMFILE, ENFILE.

    No chart can exhaust these. ENOMEM and EROFS do not count, because a memory limit that is too low and a read-only
    file system also cause them.

    Source: Go, ``syscall/zerrors_linux_amd64.go``.
    """
    return bool(_EXHAUSTED.search(message))


def exceeded_quotas(message: str) -> tuple[str, ...]:
    """Return the names of the ResourceQuotas that refused an object.

    Source: apiserver, ``pkg/admission/plugin/resourcequota/controller.go``.
    """
    return tuple(re.findall(r"exceeded quota: ([a-z0-9.-]+),", message))


_POLICIES = (
    # apiserver, pkg/admission/plugin/policy/validating/dispatcher.go
    (re.compile(r"ValidatingAdmissionPolicy '([^']+)' with binding"), "ValidatingAdmissionPolicy/{}"),
    # apiserver, pkg/admission/plugin/webhook/errors/statuserror.go
    (re.compile(r"admission webhook \"([^\"]+)\" denied the request"), "admission webhook {}"),
    # pod-security-admission, admission/admission.go; canaryproof itself asks for "baseline"
    (re.compile(r"violates PodSecurity \"(restricted)\b"), "Pod Security Standard {}"),
)


def policy_refusal(message: str) -> str:
    """Return the admission policy of the cluster that refused an object, or an empty string for another message."""
    for pattern, name in _POLICIES:
        if found := pattern.search(message):
            return name.format(found[1])
    return ""


def refusing_quotas(message: str) -> tuple[str, ...]:
    """Return the names of the ResourceQuotas that refused an object: exceeded, or it lacks a request or a limit.

    Source: apiserver, ``pkg/admission/plugin/resourcequota/controller.go``.
    """
    return exceeded_quotas(message) + tuple(re.findall(r"failed quota: ([a-z0-9.-]+): must specify", message))


def is_limit_range_refusal(message: str) -> bool:
    """Report whether a LimitRange refused a pod (``plugin/pkg/admission/limitranger/admission.go``)."""
    pattern = r"(maximum|minimum) [\w.-]+ usage per (Container|Pod)|max limit to request ratio per (Container|Pod)"
    return bool(re.search(pattern, message))


def is_pod_of(kind: str, workload: str, name: str) -> bool:
    """Report whether a pod with this *name* can belong to a workload.

    The name of a Deployment's pod is the name of its ReplicaSet and five random characters, that of a DaemonSet's pod
    the name of the DaemonSet and such characters, and that of a StatefulSet's pod ends with its number.

    Source: apiserver, ``pkg/storage/names/generate.go``; ``pkg/controller/statefulset/stateful_set_utils.go``.
    """
    ends = {"Deployment": "[a-z0-9]+-[a-z0-9]{5}", "StatefulSet": r"\d+", "DaemonSet": "[a-z0-9]{5}"}
    return bool(re.fullmatch(f"{re.escape(workload)}-{ends[kind]}", name))


def is_replica_set_of(deployment: str, name: str) -> bool:
    """Report whether a ReplicaSet with this *name* can belong to a Deployment.

    The name of such a ReplicaSet is the name of the Deployment and a hash of its pod template.

    Source: ``pkg/controller/deployment/sync.go``.
    """
    return bool(re.fullmatch(rf"{re.escape(deployment)}-[a-z0-9]+", name))


_CLOSED = re.compile(r"error trying to reach service: (EOF|unexpected EOF|.*connection reset by peer)$")
_OTHER_PROTOCOL = re.compile(r"error trying to reach service: .*(malformed HTTP|http2: |tls: )")


def is_closed_connection(message: str) -> bool:
    """Report whether a server accepted the connection of the API server's proxy, and closed it without an answer.

    The error is that of Go's HTTP transport (``net/http/transport.go``).
    """
    return bool(_CLOSED.search(message)) and "dial tcp" not in message


def is_other_protocol(message: str) -> bool:
    """Report whether a server answered the API server's proxy, but not in HTTP/1 (Go, ``net/http/response.go``)."""
    return bool(_OTHER_PROTOCOL.search(message)) and "dial tcp" not in message
