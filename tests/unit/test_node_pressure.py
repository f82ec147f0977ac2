"""What a node lacks is told apart from what a chart lacks."""

from __future__ import annotations

import pytest

from canaryproof.analysis.node_pressure import shortage
from canaryproof.model.objects import Manifest
from canaryproof.model.timeline import Observation, Timeline

FULL = "failed to create containerd task: mkdir /run/containerd/io.containerd: no space left on device"


def said(reason: str, message: str, by: str = "kubelet") -> Timeline:
    """Return a timeline with one event."""
    event = {"kind": "Event", "metadata": {"name": "a"}, "reason": reason, "message": message}
    return Timeline((Observation(1.0, "ADDED", Manifest({**event, "source": {"component": by}})),))


@pytest.mark.parametrize(
    ("reason", "message"),
    [
        ("FailedCreatePodSandBox", f"Failed to create pod sandbox: rpc error: {FULL}"),
        ("Failed", f"Error: {FULL}"),
        ("FailedMount", "MountVolume.SetUp failed for volume kube-api-access: mkdir /var/lib: disk quota exceeded"),
        ("FailedCreatePodSandBox", "failed to create fsnotify watcher: too many open files"),
    ],
)
def test_a_node_that_lacks_something_says_so(reason: str, message: str) -> None:
    """Its own words are told."""
    assert shortage(said(reason, message)) == message


@pytest.mark.parametrize(
    ("reason", "message", "by"),
    [
        ("Failed", 'Error: exec: "/nope": stat /nope: no such file or directory', "kubelet"),
        ("FailedMount", 'MountVolume.SetUp failed for volume "a": configmap "b" not found', "kubelet"),
        ("Failed", "Error: failed to mount: mkdirat /data: read-only file system", "kubelet"),
        ("BackOff", f"Back-off restarting failed container: {FULL}", "kubelet"),
        ("Failed", FULL, "the-students-own-controller"),
        ("Unhealthy", "Readiness probe failed: no space left on device", "kubelet"),
    ],
)
def test_what_a_chart_lacks_is_no_shortage(reason: str, message: str, by: str) -> None:
    """Neither missing objects, nor what a container says of itself, nor what others claim."""
    assert shortage(said(reason, message, by)) == ""


def test_many_words_are_cut() -> None:
    """A reason is one sentence, not a page."""
    assert len(shortage(said("Failed", f"{FULL} {'x' * 1000}"))) == 303
