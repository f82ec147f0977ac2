"""A missing feature of the cluster or the node is no fault of the submission."""

from __future__ import annotations

from dataclasses import replace

import pytest

from canaryproof.analysis.infrastructure import foreign_images, out_of_reach, shortage
from canaryproof.model.causes import Cause
from canaryproof.model.evidence import Decision
from canaryproof.model.objects import Body, Manifest
from canaryproof.model.pull_answer import PullAnswer
from canaryproof.model.registries import Registries
from canaryproof.model.timeline import Observation, Timeline
from canaryproof.model.wording.cause_sentences import describe
from canaryproof.scenario.scenario_file import load_scenario
from tests.unit.stories import CANARY, Story

STAND_INS = load_scenario().stand_ins
OURS = CANARY.images[0]
FULL = "failed to create containerd task: mkdir /run/containerd/io.containerd: no space left on device"
PENDING = Decision(
    "unschedulable", Cause(code="unscheduled", detail="pod has unbound immediate PersistentVolumeClaims")
)


def told(message: str) -> Timeline:
    """Return a timeline with this message of the cluster about a claim."""
    event: Body = {"kind": "Event", "metadata": {"name": "e", "uid": "e"}, "message": message}
    return Story().observe(event | {"involvedObject": {"kind": "PersistentVolumeClaim", "name": "data"}}).timeline


@pytest.mark.parametrize(
    ("images", "foreign"),
    [
        ((OURS,), ()),
        (("busybox:1.36", OURS), ("busybox:1.36",)),
        (("busybox:1.36", f"docker.io/{OURS}"), ("busybox:1.36",)),
        (("uonyeka/upcommerce:v33", OURS), ()),
        (("nginx", "busybox"), ()),
    ],
)
def test_images_beside_the_courses_are_foreign(images: tuple[str, ...], foreign: tuple[str, ...]) -> None:
    """An image is foreign only if the chart also has the course's image.

    Without it there is no canary, and a mistyped name is the author's fault.
    """
    assert foreign_images(replace(CANARY, images=images), STAND_INS) == foreign


def test_where_images_are_pulled_none_is_foreign() -> None:
    """No image is foreign without stand-ins, because the cluster can pull every image."""
    assert foreign_images(replace(CANARY, images=("busybox", OURS)), ()) == ()


def test_a_foreign_image_that_decides_is_out_of_reach() -> None:
    """An init container with a foreign image that keeps the canary from starting is an infrastructure fault."""
    canary = replace(CANARY, foreign=("busybox:1.36",))
    waits = Decision("image-pull", Cause(code="image-not-found", image="busybox:1.36", init=True))
    slip = Decision("image-pull", Cause(code="image-not-found", image=OURS))

    assert out_of_reach(waits, canary, Timeline()) == Cause(code="image-not-provided", image="busybox:1.36")
    assert out_of_reach(slip, canary, Timeline()) is None


def test_an_image_of_another_registry_is_out_of_reach_where_only_some_are_asked() -> None:
    """An image of a registry that the proxy does not allow is an infrastructure fault that names the option.

    An unknown image of the course's registry stays a fault of the author.
    """
    canary = replace(CANARY, images=("elsewhere.lan:5000/app:1", OURS))
    refused = Decision("image-pull", Cause(code="image-pull-failed", image="elsewhere.lan:5000/app:1"))
    slip = Decision("image-pull", Cause(code="image-not-found", image=OURS))
    registries = Registries.of(STAND_INS)

    lack = out_of_reach(refused, canary, Timeline(), registries)
    assert lack
    assert "--image-registry elsewhere.lan:5000" in describe(lack)
    assert out_of_reach(refused, canary, Timeline()) is None
    assert out_of_reach(slip, canary, Timeline(), registries) is None
    assert out_of_reach(refused, canary, Timeline(), Registries.of(added=["elsewhere.lan:5000"])) is None


@pytest.mark.parametrize(
    "message",
    [
        "no persistent volumes available for this claim and no storage class is set",
        'storageclass.storage.k8s.io "standard" not found',
    ],
)
def test_a_claim_that_other_clusters_serve_is_out_of_reach(message: str) -> None:
    """A claim that uses the default class ``standard`` of minikube and kind is an infrastructure fault."""
    lack = Cause(code="no-storage-class", object="PersistentVolumeClaim/data")
    assert out_of_reach(PENDING, CANARY, told(message)) == lack


def test_a_claim_that_no_cluster_serves_is_the_charts() -> None:
    """A claim for another class, or a pod that is too large, is a fault of the chart."""
    too_large = Decision("unschedulable", Cause(code="unscheduled", detail="Insufficient cpu"))

    assert out_of_reach(PENDING, CANARY, told('storageclass.storage.k8s.io "fsat" not found')) is None
    assert out_of_reach(too_large, CANARY, Timeline()) is None


@pytest.mark.parametrize(
    ("answer", "lack"),
    [
        (PullAnswer("unavailable", "mirror answers 503"), "registry-fails"),
        (PullAnswer("present", "mirror answers 200"), "registry-fails"),
        (PullAnswer("missing", "mirror answers 404"), None),
        (None, None),
    ],
)
def test_a_registry_with_a_problem_is_no_fault_of_the_submission(answer: PullAnswer | None, lack: str | None) -> None:
    """A failed pull is the submission's only if the registry does not know the image, or cannot be asked."""
    failed = Decision("image-pull", Cause(code="image-pull-failed", image=OURS, detail="503 Service Unavailable"))

    found = out_of_reach(failed, CANARY, Timeline(), None, answer)

    assert (found.code if found else None) == lack


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
    """The fault of a node quotes the node's message."""
    assert shortage(said(reason, message), None) == Cause(code="node-exhausted", detail=message)


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
    """Missing objects, messages of containers and claims in other objects are no shortage of the node."""
    assert shortage(said(reason, message, by), ["/run has no space"]) is None


def test_many_words_are_cut() -> None:
    """A long message is shortened to one sentence."""
    lack = shortage(said("Failed", f"{FULL} {'x' * 1000}"), None)

    assert lack
    assert len(lack.detail) == 303


def test_the_images_of_the_courses_account_are_not_foreign() -> None:
    """An image of the course's account is not foreign, however many parts its name has."""
    canary = replace(CANARY, images=("uonyeka/tools/debug:1", "uonyekatoo/x:1", "uonyeka/nested/image:1"))

    assert foreign_images(canary, {"uonyeka/nested/image:1"}) == ("uonyekatoo/x:1",)


def test_an_image_that_must_not_be_pulled_is_in_reach() -> None:
    """An image with ``imagePullPolicy: Never`` is a matter of the chart, whatever its registry is."""
    forbidden = Decision("image-pull", Cause(code="image-pull-forbidden", image="elsewhere.lan:5000/app:1"))
    canary = replace(CANARY, foreign=("elsewhere.lan:5000/app:1",))

    assert out_of_reach(forbidden, canary, Timeline(), Registries.of(added=["own.lan"])) is None


def test_only_events_tell_of_storage() -> None:
    """Only events prove a storage fault, because a submission can put the same text into its own objects."""
    written: Body = {"kind": "ConfigMap", "metadata": {"name": "e", "uid": "e"}, "message": "no storage class is set"}

    assert out_of_reach(PENDING, CANARY, Story().observe(written).timeline) is None


def test_the_first_words_of_a_node_are_found_among_others() -> None:
    """The fault quotes the first matching event, also among other objects, and with the newer name field."""
    pod = {"kind": "Pod", "metadata": {"name": "p"}}
    event = {"kind": "Event", "metadata": {"name": "b"}, "reason": "Failed", "message": FULL}
    others = said("Pulled", "Successfully pulled image").observations
    bodies = (pod, {**event, "reportingComponent": "kubelet"})

    found = Timeline((*others, *(Observation(2.0, "ADDED", Manifest(each)) for each in bodies)))

    assert shortage(found, None) == Cause(code="node-exhausted", detail=FULL)


def test_words_of_the_greatest_length_are_not_cut() -> None:
    """A message of exactly the maximum length is not shortened."""
    message = FULL.ljust(300, "x")

    assert shortage(said("Failed", message), None) == Cause(code="node-exhausted", detail=message)


def test_a_claim_is_confirmed_on_the_machine() -> None:
    """A message of the kubelet counts only if the machine had run out of something when it came."""
    claim = said("Failed", FULL)

    assert shortage(claim, ()) is None
    assert shortage(claim, ["/run has no space"]) == Cause(
        code="node-exhausted", detail=FULL, names=("/run has no space",)
    )
    assert shortage(said("Failed", "another message"), ["/run has no space"]) is None


@pytest.mark.parametrize(("command", "believed"), [("/app", True), ("/no space left on device", False)])
def test_without_a_measurement_the_words_of_a_pod_are_not_believed(command: str, *, believed: bool) -> None:
    """A pod whose own spec has the words of a shortage proves none."""
    story = Story().pod(spec={"command": [command]}).event("Failed", FULL)
    event = story.timeline.observations[-1].object
    event.body["source"] = {"component": "kubelet"}

    assert (shortage(story.timeline, None) is not None) == believed
