"""The messages of Kubernetes and its container runtime become facts."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from canaryproof.model import kubernetes_text as text
from canaryproof.model.causes import Why
from canaryproof.model.evidence import OutcomeName

PULL = 'Failed to pull image "a/b:1": '
MOUNT = 'MountVolume.SetUp failed for volume "config" : '
SANDBOX = "Failed to create pod sandbox: rpc error: code = Unknown desc = "
RUNC = "OCI runtime create failed: runc create failed: unable to start container process: "


@pytest.mark.parametrize(
    ("fact", "messages", "others"),
    [
        (
            text.is_no_such_image,
            [f"{PULL}a/b:1: not found", f"{PULL}pull access denied, repository does not exist", "Manifest Unknown"],
            [f"{PULL}dial tcp: i/o timeout", 'Back-off pulling image "a/b:1"'],
        ),
        (
            text.is_image_failure,
            [f"{PULL}i/o timeout", "Error: ErrImagePull", "Error: ImagePullBackOff", 'Back-off pulling image "a/b:1"'],
            ['Container image "a/b:1" already present on machine', "Back-off restarting failed container"],
        ),
        (
            text.is_source_missing,
            [
                f'{MOUNT}configmap "settings" not found',
                f'{MOUNT}secret "token" not found',
                f"{MOUNT}references non-existent secret key: token",
            ],
            [f"{MOUNT}permission denied", 'MountVolume.SetUp failed for volume "secret-key" : permission denied'],
        ),
        (
            text.is_cache_empty,
            ["failed to sync configmap cache: timed out waiting for the condition", "failed to sync secret cache: EOF"],
            ['configmap "settings" not found'],
        ),
        (
            text.is_account_missing,
            ['pods "a" is forbidden: error looking up service account: serviceaccount "deploy" not found'],
            ['secret "deploy" not found'],
        ),
        (
            text.is_killing_probe_failure,
            ["Liveness probe failed: HTTP probe failed with statuscode: 404", "Startup probe failed: EOF"],
            ["Readiness probe failed: EOF", "Container shop failed liveness probe, will be restarted"],
        ),
        (
            text.is_restart_back_off,
            ["Back-off restarting failed container shop in pod shop-1_sre(2)"],
            ['Back-off pulling image "a/b:1"'],
        ),
        (
            text.is_start_failure,
            [
                "Error: failed to create container: no such device",
                "failed to start containerd task: Failed to start container",
                f'{RUNC}exec: "nope": executable file not found in $PATH',
                f"{RUNC}exec /nope: no such file or directory",
            ],
            ["Created container: shop"],
        ),
        (
            text.is_killed_at_start,
            [f"{RUNC}container init was OOM-killed (memory limit too low?)"],
            [f"{RUNC}exec format error"],
        ),
        (text.is_sandbox_ended, [f"{SANDBOX}cannot start a stopped process"], [f"{SANDBOX}EOF"]),
        (
            text.is_storage_class_missing,
            [
                "no persistent volumes available for this claim and no storage class is set",
                'storageclass.storage.k8s.io "standard" not found',
            ],
            ['storageclass.storage.k8s.io "fast" not found'],
        ),
        (
            text.is_node_exhausted,
            [
                f"{SANDBOX}write /run/a: no space left on device",
                "Disk quota exceeded",
                "accept4: too many open files",
            ],
            ["cannot allocate memory", "read-only file system"],
        ),
    ],
    ids=lambda value: value.__name__ if callable(value) else "",
)
def test_a_message_is_told_from_others(fact: Callable[[str], bool], messages: list[str], others: list[str]) -> None:
    """Each message is recognised by text that occurs in no other."""
    assert [each for each in messages if not fact(each)] == []
    assert [each for each in others if fact(each)] == []


@pytest.mark.parametrize("probe", ["liveness", "startup"])
def test_the_probe_that_a_container_is_killed_for_is_known(probe: str) -> None:
    """The kubelet's Killing event names the probe that failed."""
    assert text.killing_probe(f"Container shop failed {probe} probe, will be restarted") == probe
    assert text.killing_probe("Stopping container shop") == ""


def test_the_reason_of_a_failed_start_comes_last() -> None:
    """The reason of a failed start is the end of the message, after the prefixes of kubelet, containerd and runc."""
    assert text.start_failure(f'failed to create task: {RUNC}exec: "nope": not found') == 'exec: "nope": not found'
    assert text.start_failure("context deadline exceeded") == "context deadline exceeded"


def test_what_the_scheduler_says_of_other_pods_is_left_out() -> None:
    """The detail of a scheduling failure leaves out the preemption of other pods."""
    said = "0/1 nodes are available: 1 Insufficient cpu."

    assert text.scheduling_failure(f"{said} preemption: 0/1 nodes are available: 1 No victims found.") == said
    assert text.scheduling_failure(said) == said


def test_all_exceeded_quotas_are_named() -> None:
    """The facts name every exceeded quota."""
    message = (
        'pods "a" is forbidden: [exceeded quota: guard, requested: pods=1, used: pods=1, limited: pods=1,'
        " exceeded quota: guard-2.cpu, requested: cpu=1, used: cpu=1, limited: cpu=1]"
    )

    assert text.exceeded_quotas(message) == ("guard", "guard-2.cpu")
    assert text.exceeded_quotas("Created pod: a") == ()


def test_objects_are_known_by_the_names_that_controllers_make() -> None:
    """A pod belongs to the Deployment from whose name its own is derived, and not to one with a similar name."""
    assert text.is_pod_of("Deployment", "shop", "shop-7d9c5b6f4-x2k9z")
    assert not text.is_pod_of("Deployment", "shop", "shop-canary-7d9c5b6f4-x2k9z")
    assert not text.is_pod_of("Deployment", "shop", "shop-7d9c5b6f4")
    assert not text.is_pod_of("Deployment", "s.op", "shop-7d9c5b6f4-x2k9z")
    assert text.is_pod_of("StatefulSet", "shop", "shop-10")
    assert not text.is_pod_of("StatefulSet", "shop", "shop-x2k9z")
    assert text.is_pod_of("DaemonSet", "shop", "shop-x2k9z")
    assert not text.is_pod_of("DaemonSet", "shop", "shop-7d9c5b6f4-x2k9z")
    assert text.is_replica_set_of("shop", "shop-7d9c5b6f4")
    assert not text.is_replica_set_of("shop", "shop-canary-7d9c5b6f4")
    assert not text.is_replica_set_of("s.op", "shop-7d9c5b6f4")


@pytest.mark.parametrize(
    ("outcome", "message", "why"),
    [
        ("not-ready", "Readiness probe failed: connection refused", "readiness-probe"),
        ("config-error", "container has runAsNonRoot and image will run as root", "runs-as-root"),
        ("config-error", "couldn't find key url in ConfigMap sre/settings", "missing-key"),
        (
            "unschedulable",
            "0/1 nodes are available: 1 node(s) didn't match Pod's node affinity/selector",
            "node-choice",
        ),
        ("unschedulable", "pod has unbound immediate PersistentVolumeClaims", "volume-claim"),
        ("unschedulable", "0/1 nodes are available: 1 Insufficient cpu", "no-room"),
        ("refused", "error looking up service account sre/x", "no-service-account"),
        ("refused", 'pods "x" is forbidden: exceeded quota: limits', "quota"),
        ("refused", "maximum cpu usage per Container is 1, but limit is 2", "range"),
        ("refused", 'no PriorityClass with name "x" was found', "priority-class"),
        ("refused", "1 Insufficient cpu", None),
        ("healthy", "Readiness probe failed", None),
    ],
)
def test_a_message_says_more_about_an_outcome(outcome: OutcomeName, message: str, why: Why | None) -> None:
    """A message adds details only to an outcome that it matches."""
    assert text.meaning(outcome, message) == why
