"""A decision holds the cause with its facts, the time when it became certain, and the observations that prove it."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from canaryproof.analysis.container_log import last_words
from canaryproof.analysis.container_runs import Runs
from canaryproof.analysis.outcome import decide, with_last_words, with_program_checked
from canaryproof.model.causes import Cause, Code
from canaryproof.model.evidence import ContainerLog, Decision, OutcomeName
from canaryproof.model.objects import Body, Container, Manifest
from canaryproof.model.timeline import Observation, PodHistory
from canaryproof.timeouts import TimeLimits
from tests.unit.stories import CANARY, Story
from tests.unit.test_outcome import (
    KILLING,
    LIVENESS,
    NOT_FOUND,
    TIMED_OUT,
    crashing,
    fate,
    first_decision,
)

IMAGE = CANARY.images[0]
NESTED = (
    "failed to create shim task: unable to start container process: "
    'error during init: unable to start container process: exec: "/nope": no such file'
)
"""The message of runc about a missing program, wrapped by two other programs."""


def caused(code: Code, **fields: Any) -> Cause:
    """Return a cause that names the canary's Deployment."""
    return Cause(code=code, deployment=CANARY.name, **fields)


def ends(*codes: int, reason: str = "Error", at: tuple[float, ...] = (2.1, 3.1)) -> tuple[str, ...]:
    """Return the proof of each end of the container ``canary``."""
    return tuple(
        f"pod one, container canary: exit code {code} ({reason}), "
        f"started 2026-01-01T00:00:{number:02}Z, finished 2026-01-01T00:00:{number + 1:02}Z, seen at {seen:.1f} s"
        for number, (code, seen) in enumerate(zip(codes, at, strict=True))
    )


def probed(kind: str) -> Story:
    """Record a container that the kubelet kills twice because of its probe of this *kind*."""
    killing = f"Container canary failed {kind} probe, will be restarted"
    story = Story().at(1.5).pod(spec=LIVENESS).running().at(31).event("Killing", killing).ended(137)
    return story.at(32).running().at(61).event("Killing", killing, count=2).ended(137)


@pytest.mark.parametrize(
    ("story", "expected"),
    [
        pytest.param(
            crashing(),
            Decision(
                "crash-loop",
                caused("crash-looped", container="canary", exit_codes=(1,), ended="Error", seconds=3.1 - 1.0),
                at=3.1,
                proven_at=3.1,
                proof=ends(1, 1),
            ),
            id="crash-loop",
        ),
        pytest.param(
            crashing(0),
            Decision(
                "exits-cleanly",
                caused("exited-cleanly", container="canary", exit_codes=(0,), ended="Completed", seconds=3.1 - 1.0),
                at=3.1,
                proven_at=3.1,
                proof=ends(0, 0, reason="Completed"),
            ),
            id="exits-cleanly",
        ),
        *(
            pytest.param(
                probed(kind),
                Decision(
                    "probe-killed",
                    caused(
                        "probe-killed",
                        container="canary",
                        exit_codes=(137,),
                        ended="Error",
                        seconds=60.0,
                        probe=kind,
                    ),
                    at=61,
                    proven_at=61,
                    proof=ends(137, 137, at=(31, 61)),
                ),
                id=f"{kind}-probe",
            )
            for kind in ("liveness", "startup")
        ),
        pytest.param(
            Story().at(1.5).pod(init=True).at(2).running(container="setup", ready=False),
            Decision(
                "not-ready",
                caused("init-not-ended", container="setup", init=True, seconds=60.0),
                at=61,
                proven_at=61,
                proof=("pod one, init container setup: still running",),
            ),
            id="init-container-that-never-ends",
        ),
        pytest.param(
            Story().at(1.5).pod().running().at(2).ended(0).running().at(3).ended(1),
            Decision(
                "crash-loop",
                caused("ended-differently", container="canary", exit_codes=(0, 1), ended="Error", seconds=60.0),
                at=61,
                proven_at=61,
                proof=(*ends(0, reason="Completed", at=(2,)), ends(0, 1, at=(2, 3))[1]),
            ),
            id="different-ends",
        ),
        pytest.param(
            Story().at(1.5).pod().running().at(15).ended(3).at(50).running(),
            Decision(
                "undecided",
                caused("ended-once", container="canary", exit_codes=(3,), ended="Error", seconds=60.0),
                at=61,
                proven_at=61,
                proof=ends(3, at=(15,)),
            ),
            id="one-end",
        ),
        pytest.param(
            Story()
            .at(1.5)
            .pod(spec=LIVENESS)
            .running()
            .at(10)
            .event("Unhealthy", "Liveness probe failed: refused")
            .at(30)
            .event("Killing", KILLING)
            .at(31)
            .ended(137)
            .running(),
            Decision(
                "probe-killed",
                caused("probe-kills", container="canary", probe="liveness"),
                at=61,
                proven_at=61,
                proof=ends(137, at=(31,)),
            ),
            id="one-kill-for-a-probe",
        ),
        pytest.param(
            Story().at(1.5).pod().at(2).running().at(5).ready(ready=False),
            Decision("undecided", caused("ready-too-short", seconds=60.0), at=61, proven_at=61),
            id="ready-for-a-moment",
        ),
        pytest.param(
            Story().at(1.5).pod(),
            Decision(
                "undecided", caused("still-waiting", states=("ContainerCreating",), seconds=60.0), at=61, proven_at=61
            ),
            id="waiting",
        ),
    ],
)
def test_a_decision_tells_all_that_it_rests_on(story: Story, expected: Decision) -> None:
    """A decision names the cause, the container, the time when it became certain, and the observations as proof."""
    assert first_decision(story) == expected


def test_the_last_of_three_different_ends_names_the_outcome() -> None:
    """The last of three different ends determines the outcome."""
    story = Story().at(1.5).pod().running().at(2).ended(0).running().at(3).ended(1).running().at(4)

    decision = first_decision(story.ended(137, "OOMKilled"))

    assert (decision.outcome, decision.cause.exit_codes) == ("oom-killed", (0, 1, 137))


def test_no_pod_in_the_whole_time_tells_how_long_that_was() -> None:
    """The cause states how long the canary had no pod, in seconds from the upgrade."""
    decision = fate(Story(), 1 + TimeLimits().observation)

    assert decision
    assert decision.cause == caused("no-pod", seconds=20.0)
    assert decision.proven_at == 21


def test_an_end_without_a_reason_is_told_as_one() -> None:
    """The proof states that an end has no reason, because a runtime need not give one."""
    story = crashing()
    for observation in story.timeline.observations:
        for status in observation.object.body.get("status", {}).get("containerStatuses", ()):
            for state in ("state", "lastState"):
                status[state].get("terminated", {}).pop("reason", None)

    assert "exit code 1 (no reason given)" in first_decision(story).proof[0]


def test_the_last_ends_name_the_reason() -> None:
    """The cause lists the exit codes up to the latest end, and the proof has the restart count of the kubelet."""
    story = Story().at(1.5).pod().at(2).running().ended(1, "Error").at(3).running().ended(2, "Error")
    for _ in range(2):
        story.at(4).running(seen=False).ended(2, seen=False)
    story.running(seen=False).ended(3, "ContainerDied").at(5).running()

    decision = fate(story, 5)

    assert decision
    assert decision.cause.exit_codes == (1, 2, 3)
    assert decision.cause.ended == "ContainerDied"
    assert decision.proven_at == 3
    assert decision.proof[-1] == "pod one, container canary: 5 restarts counted; 1 of its ends went unseen"


@pytest.mark.parametrize(
    ("messages", "detail"),
    [
        (("", ""), "StartError"),
        (("no such file", "is a directory"), "is a directory"),
        (
            (NESTED, NESTED),
            'exec: "/nope": no such file',
        ),
    ],
)
def test_a_failed_start_is_told_by_the_words_of_the_last_program(messages: tuple[str, str], detail: str) -> None:
    """The cause of a failed start quotes the innermost error message, or the reason if there is no message."""
    story = Story().at(1.5).pod().at(2)
    for message in messages:
        story.running().ended(128, "StartError", message=message)

    decision = first_decision(story)

    assert (decision.outcome, decision.cause.detail, decision.cause.probe) == ("start-error", detail, "")


def test_only_a_failed_start_is_told_by_its_words() -> None:
    """The cause of a crash does not quote the container's termination message."""
    story = Story().at(1.5).pod().at(2).running().ended(1, message="mine").running().ended(1, message="mine")

    assert first_decision(story).cause.detail == ""


@pytest.mark.parametrize(
    ("image", "waiting", "message", "code"),
    [
        (IMAGE, "ErrImagePull", NOT_FOUND, "image-not-found"),
        (IMAGE, "InvalidImageName", "couldn't parse image name", "image-name-invalid"),
        (IMAGE, "ErrImageNeverPull", "Container image is not present with pull policy of Never", "image-not-on-node"),
        ("Uonyeka/canary:1", "ErrImagePull", TIMED_OUT, "image-capitals"),
    ],
)
def test_an_image_that_cannot_be_pulled_is_told_by_what_the_kubelet_says(
    image: str, waiting: str, message: str, code: Code
) -> None:
    """The cause of a failed pull names the image and the container and quotes the kubelet."""
    decision = first_decision(Story(image=image).at(1.5).pod().at(2).waiting(waiting, message))

    assert decision == Decision(
        "image-pull",
        caused(code, container="canary", image=image, detail=message),
        at=2,
        proven_at=2,
        proof=(f"pod one, container canary: {waiting} at 2.0 s: {message}",),
    )


def test_an_image_that_still_fails_when_time_is_up_is_told_by_the_last_failure() -> None:
    """A failed pull that may pass decides at the end of the observation. The last reason replaces a missing message."""
    story = Story().at(1.5).pod().at(2).waiting("ErrImagePull", TIMED_OUT).at(3).waiting("ImagePullBackOff")

    assert fate(story, 1.0 + TimeLimits().observation) is None
    assert first_decision(story) == Decision(
        "image-pull",
        caused("image-pull-failed", container="canary", image=IMAGE, detail="ImagePullBackOff"),
        at=61,
        proven_at=3,
        proof=("pod one, container canary: ImagePullBackOff at 3.0 s: ",),
    )


def test_capitals_behind_the_host_say_nothing() -> None:
    """Capital letters after the registry host of an image do not make its name invalid."""
    story = Story(image="registry.lan/Team/app:1").at(1.5).pod().at(2).waiting("ErrImagePull", TIMED_OUT)

    assert fate(story, 2) is None


def test_a_limit_of_another_resource_is_no_limit_of_memory() -> None:
    """A CPU limit is no memory limit, so that a sandbox that ends is not counted as OOM-killed."""
    spec = {"resources": {"limits": {"cpu": "1"}}}
    ended = "failed to start sandbox container task: cannot start a stopped process"

    assert first_decision(Story().at(1.5).pod(spec=spec).event("FailedCreatePodSandBox", ended)).outcome == "undecided"


def refusing(kind: str = "Deployment", **condition: str) -> Body:
    """Return the canary's Deployment, or another object with its name, with one condition."""
    return {
        "kind": kind,
        "metadata": {"name": CANARY.name, "uid": "u"},
        "status": {"conditions": [{"type": "ReplicaFailure", "status": "True", **condition}]},
    }


def test_a_refusal_is_told_from_its_first_moment() -> None:
    """A refusal lasts from its first observation, and the cause quotes the latest message."""
    story = Story().at(3).refused("exceeded quota: a").at(4).refused("exceeded quota: b")

    assert fate(story, 3 + TimeLimits().persistence - 0.1) is None
    assert fate(story, 3 + TimeLimits().persistence) == Decision(
        "refused",
        caused("pods-refused", detail="exceeded quota: b", why="quota"),
        at=8,
        proven_at=8,
        proof=("ReplicaFailure since 3.0 s: exceeded quota: b",),
    )


def test_a_refusal_that_may_pass_is_told_when_time_is_up() -> None:
    """A missing ServiceAccount decides at the end of the observation."""
    missing = 'error looking up service account sre/default: serviceaccount "default" not found'

    decision = fate(Story().at(1.5).refused(missing), 1 + TimeLimits().observation)

    assert decision
    assert (decision.proven_at, decision.proof) == (21, (f"ReplicaFailure since 1.5 s: {missing}",))


@pytest.mark.parametrize(
    ("body", "detail"),
    [
        (refusing(message="no room", reason="FailedCreate"), "no room"),
        (refusing(reason="FailedCreate"), "FailedCreate"),
        (refusing(), ""),
        (refusing(type="Progressing", status="False", reason="ReplicaSetCreateError", message="too long"), "too long"),
    ],
)
def test_a_refusal_is_told_by_the_condition_of_the_deployment(body: Body, detail: str) -> None:
    """The cause of a refusal quotes the condition's message, or else its reason.

    If not even a ReplicaSet can be created, the condition is ``Progressing``.
    """
    decision = fate(Story().at(1.5).observe(body, "MODIFIED"), 1.5 + TimeLimits().persistence)

    assert decision
    assert (decision.outcome, decision.cause.detail) == ("refused", detail)


@pytest.mark.parametrize(
    "body",
    [
        refusing(status="False", message="it was refused once"),
        refusing(type="Progressing", reason="ReplicaSetUpdated", message="it goes on"),
        refusing(type="Available", reason="ReplicaSetCreateError", message="said in the wrong place"),
        refusing("ReplicaSet", message="an object of the same name"),
    ],
)
def test_other_conditions_are_no_refusal(body: Body) -> None:
    """Other conditions, and conditions of other objects, are no refusal."""
    assert fate(Story().at(1.5).observe(body, "MODIFIED"), 15) is None


def test_a_healthy_canary_tells_since_when_and_with_which_images() -> None:
    """The cause of a healthy canary counts from the last pod that became Ready, and names each image once."""
    story = Story().at(0).pod().running().at(1.5).pod("two").at(3).running("two")
    canary = replace(CANARY, replicas=2, images=(IMAGE, "side", IMAGE))

    decision = decide(story.timeline, canary, 1.0, 30, TimeLimits())

    assert decision == Decision(
        "healthy",
        caused("ready", seconds=27.0, images=(IMAGE, "side")),
        at=30,
        proven_at=23,
        proof=("pod one: Ready since 0.0 s", "pod two: Ready since 3.0 s"),
    )


def test_a_canary_that_was_ready_from_the_first_moment_on_is_healthy_as_soon() -> None:
    """A canary that is Ready when the recording begins is healthy once the observation time has passed."""
    decision = fate(Story().at(0).pod().running(), 20)

    assert decision
    assert (decision.proven_at, decision.cause.seconds) == (20, 20)


def test_a_pod_that_never_becomes_ready_is_told_by_its_probe() -> None:
    """The cause of a pod that never becomes Ready quotes the latest message of its probe, if there is one.

    Another pod that was Ready before does not change this.
    """
    story = Story().at(1.5).pod("other").running("other").at(4).ready("other", ready=False)
    story.at(5).pod().running(ready=False)

    decision = fate(story, 25)

    assert fate(story, 24.9) is None
    assert decision == Decision(
        "not-ready",
        caused("never-ready"),
        at=25,
        proven_at=25,
        proof=("pod one: running since 5.0 s, not Ready",),
    )
    story.event("Unhealthy", "Readiness probe failed: a").observe(_said_of("one", "Readiness probe failed: b"))
    told = fate(story, 25)
    assert told
    assert (told.cause.detail, told.cause.why) == ("Readiness probe failed: b", "readiness-probe")


def _said_of(pod: str, message: str) -> Body:
    return {
        "kind": "Event",
        "metadata": {"name": "later", "uid": "later"},
        "reason": "Unhealthy",
        "message": message,
        "involvedObject": {"uid": f"uid-Pod-{pod}"},
    }


def test_an_init_container_that_ended_is_not_waited_for() -> None:
    """The canary does not wait for an init container that has ended."""
    story = Story().at(1.5).pod(init=True).at(2).running(container="setup", ready=False)
    story.at(3).ended(0, container="setup").at(4).waiting("PodInitializing")

    assert first_decision(story).cause.code == "still-waiting"


def test_what_a_pod_waits_for_in_the_end_is_what_it_waits_for_last() -> None:
    """The cause names the latest waiting state and quotes the latest warning."""
    story = Story().at(1.5).pod().at(2).waiting("PodInitializing").at(3).waiting("ContainerCreating")
    story.event("FailedCreatePodSandBox", "no network")

    assert first_decision(story).cause == caused(
        "still-waiting", states=("ContainerCreating",), detail="no network", seconds=60.0
    )


CRASHED = Decision("crash-loop", caused("crash-looped", container="canary"))


def log(text: str, *, container: str = "canary", previous: bool = True) -> ContainerLog:
    """Return a log of a container."""
    return ContainerLog("one", container, previous=previous, text=text)


@pytest.mark.parametrize(
    ("log", "words"),
    [
        (
            "Error: unknown flag: --x\n\n      --port int   the port\n  -v, --version    get version\n",
            "Error: unknown flag: --x",
        ),
        ("flag provided but not defined: -x\nUsage of shop:\n  -port int\n", "flag provided but not defined: -x"),
        ("Error: no such command\nUsage:\n  shop [flags]\n\nFlags:\n  -h, --help\n", "Error: no such command"),
        ("usage: shop [-h]\nshop: error: unrecognized arguments: --x\n", "shop: error: unrecognized arguments: --x"),
        ("listening\npanic: boom\n\ngoroutine 1 [running]:\nmain.main()\n\t/main.go:3 +0x1d\n", "panic: boom"),
        ("Traceback (most recent call last):\n  File a, line 1\nKeyError: 'PORT'\n", "KeyError: 'PORT'"),
        ("Exception in thread main: no port\n\tat shop.Main(Main.java:3)\n", "Exception in thread main: no port"),
        ("  -v   only a list\n", "-v only a list"),
        (" \n\n", ""),
        ("x" * 300, "x" * 200 + "..."),
    ],
)
def test_the_last_words_are_the_message_before_a_list(log: str, words: str) -> None:
    """A list of flags or a stack trace below the message does not tell why a program ended."""
    assert last_words(log) == words


def test_the_last_words_are_those_of_the_container_that_decided() -> None:
    """The last log line is that of the deciding container's previous run."""
    logs = (
        log("listening\n", previous=False),
        log("sidecar: no peer\n", container="side"),
        log("no port given\ngiving up\n\n  \n"),
    )

    assert with_last_words(CRASHED, logs).cause == replace(CRASHED.cause, last_words="giving up")


def test_the_running_container_is_asked_where_the_one_before_said_nothing() -> None:
    """The last log line comes from the running container if the previous run logged nothing."""
    assert with_last_words(CRASHED, (log("starting", previous=False), log("\n"))).cause.last_words == "starting"
    assert with_last_words(CRASHED, (log("x", container="side"),)) == CRASHED
    assert with_last_words(CRASHED, ()) == CRASHED


@pytest.mark.parametrize(
    ("outcome", "told"),
    [
        ("crash-loop", True),
        ("init-crash-loop", True),
        ("exits-cleanly", True),
        ("oom-killed", True),
        ("probe-killed", True),
        ("healthy", False),
        ("image-pull", False),
        ("undecided", False),
    ],
)
def test_only_containers_that_ran_and_ended_have_last_words(outcome: OutcomeName, *, told: bool) -> None:
    """Only a container that ran and ended gets a last log line in its cause."""
    assert bool(with_last_words(replace(CRASHED, outcome=outcome), (log("bye"),)).cause.last_words) is told


def test_many_last_words_are_cut_after_200_characters() -> None:
    """The last log line is cut after 200 characters, and control characters are removed first."""
    kept, cut = "x" * 200, "y" * 201

    assert with_last_words(CRASHED, (log(f"\x1b[1m{kept[3:]}"),)).cause.last_words.startswith("[1m")
    assert with_last_words(CRASHED, (log(kept),)).cause.last_words == kept
    assert with_last_words(CRASHED, (log(cut),)).cause.last_words == f"{'y' * 200}..."


def test_an_end_soon_after_the_upgrade_is_told_in_parts_of_a_second() -> None:
    """The cause states the time from the upgrade in fractions of a second.

    It is 0 for an end before the upgrade returned.
    """
    story = Story().at(0.2).pod().running().ended(1)

    assert first_decision(story.at(1.5).running().ended(1)).cause.seconds == 0.5
    assert first_decision(Story().at(0.2).pod().running().ended(1).running().ended(1)).cause.seconds == 0


def test_a_kill_for_memory_may_leave_any_exit_code() -> None:
    """A container with the reason OOMKilled is OOM-killed whatever its exit code is.

    The kernel may have killed a child, after which the program ends with its own code.
    """
    assert first_decision(crashing(1, "OOMKilled")).outcome == "oom-killed"


@pytest.mark.parametrize(
    ("ends_in_order", "detail"),
    [
        ([("StartError", "a"), ("StartError", "b"), ("StartError", "c")], "c"),
        ([("StartError", ""), ("StartError", ""), ("ContainerCannotRun", "")], "ContainerCannotRun"),
    ],
)
def test_the_last_of_three_failed_starts_is_told(ends_in_order: list[tuple[str, str]], detail: str) -> None:
    """The cause quotes the message of the last failed start, or its reason if there is no message."""
    story = Story().at(1.5).pod().at(2)
    for reason, message in ends_in_order:
        story.running().ended(128, reason, message=message)

    decision = fate(story, 2)

    assert decision
    assert decision.cause.detail == detail


SOURCE_MISSING = 'MountVolume.SetUp failed for volume "settings" : configmap "settings" not found'
KILLED_AT_START = "runc create failed: container init was OOM-killed (memory limit too low?)"


@pytest.mark.parametrize(
    ("story", "expected"),
    [
        pytest.param(
            Story()
            .at(1.5)
            .pod()
            .at(2)
            .waiting("CreateContainerConfigError", "failed to sync configmap cache: timed out")
            .at(3)
            .waiting("CreateContainerConfigError", 'configmap "settings" not found'),
            Decision(
                "config-error",
                caused("container-not-created", container="canary", detail='configmap "settings" not found'),
                at=10,
                proven_at=7,
                proof=(
                    'pod one, container canary: CreateContainerConfigError since 2.0 s: configmap "settings" not found',
                ),
            ),
            id="no-configuration",
        ),
        pytest.param(
            Story().at(1.5).pod().at(2).event("FailedMount", SOURCE_MISSING),
            Decision(
                "config-error",
                caused("volume-not-mounted", detail=SOURCE_MISSING),
                at=10,
                proven_at=7,
                proof=(SOURCE_MISSING,),
            ),
            id="no-volume",
        ),
        pytest.param(
            Story().at(1.5).pod().at(2).event("FailedCreatePodSandBox", KILLED_AT_START),
            Decision(
                "oom-killed", caused("memory-too-low"), at=10, proven_at=7, proof=(f"pod one: {KILLED_AT_START}",)
            ),
            id="too-little-memory",
        ),
    ],
)
def test_a_canary_that_cannot_start_tells_what_it_lacks(story: Story, expected: Decision) -> None:
    """The cause of a canary that cannot start quotes the kubelet.

    The decision is certain once the failure has lasted for the persistence time.
    """
    assert fate(story, 10) == expected


def test_a_pod_without_a_node_tells_what_the_scheduler_says() -> None:
    """The cause of an unschedulable pod quotes the scheduler. The time limit counts from the first such observation."""
    story = Story().at(8).pod().unschedulable("0/1 nodes are available: 1 Insufficient cpu.")

    assert fate(story, 20) is None
    assert fate(story, 23) == Decision(
        "unschedulable",
        caused("unscheduled", detail="0/1 nodes are available: 1 Insufficient cpu.", why="no-room"),
        at=23,
        proven_at=23,
        proof=("pod one: Unschedulable since 8.0 s: 0/1 nodes are available: 1 Insufficient cpu.",),
    )


def test_a_canary_that_asks_for_no_pod_is_told_so() -> None:
    """A canary with zero replicas is decided at once, and the proof names the field."""
    assert fate(Story(), 1, replicas=0) == Decision(
        "not-ready", caused("zero-replicas"), at=1, proven_at=1, proof=("spec.replicas: 0",)
    )


@pytest.mark.parametrize(
    ("reason", "message"), [("FailedMount", "timed out waiting for the condition"), ("Unhealthy", SOURCE_MISSING)]
)
def test_other_events_say_nothing_of_a_missing_source(reason: str, message: str) -> None:
    """Only a failed mount with a missing source is a configuration error."""
    assert fate(Story().at(1.5).pod().at(2).event(reason, message), 15) is None


def test_a_container_that_is_seen_waiting_first_waits_since_then() -> None:
    """A container that is first observed while it waits has waited since that observation."""
    status = {"name": "canary", "state": {"waiting": {"reason": "CreateContainerError"}}}
    pod = Manifest({"metadata": {"name": "one"}, "status": {"containerStatuses": [status]}})
    seen = PodHistory("u", (Observation(3, "ADDED", pod), Observation(4, "MODIFIED", pod)))

    assert Runs(seen, Container("canary", "image"), ()).waiting_since(frozenset({"CreateContainerError"})) == 3


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("exec /extra/main: exec format error\n", "other-processor"),
        ("standard_init_linux.go:228: exec user process caused: exec format error", "other-processor"),
        ("exec /extra/main: no such file or directory", None),
    ],
)
def test_a_program_that_the_kernel_does_not_run_never_started(text: str, why: str | None) -> None:
    """A container whose log has only runc's last words is a start error, in these words."""
    decision = with_program_checked(CRASHED, (log(text),))

    assert (decision.outcome, decision.cause.code, decision.cause.why) == ("start-error", "start-failed", why)
    assert text.strip() in decision.reason


@pytest.mark.parametrize(
    "text", ["starting\nexec /extra/main: exec format error", "exec format error", "exec /bin/app: giving up", ""]
)
def test_a_program_that_says_more_has_run(text: str) -> None:
    """A program that wrote a line of its own ran, and crashed."""
    assert with_program_checked(CRASHED, (log(text),)) == CRASHED
    assert with_program_checked(CRASHED, (log("exec /a: exec format error", container="side"),)) == CRASHED
