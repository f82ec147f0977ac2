"""Each reason for which a canary never starts has its own outcome."""

from __future__ import annotations

from dataclasses import replace

from canaryproof.analysis.outcome import decide
from canaryproof.analysis.unstarted_pods import unstarted_pods
from canaryproof.model.evidence import Decision
from canaryproof.model.wording.cause_sentences import describe
from canaryproof.timeouts import TimeLimits
from tests.unit.stories import CANARY, Story
from tests.unit.test_outcome import crashing, fate

SANDBOX = (
    "Failed to create pod sandbox: rpc error: failed to create shim task: OCI runtime create failed: runc create failed"
    ": unable to start container process: container init was OOM-killed (memory limit too low?)"
)
NO_HOST = 'failed to do request: Head "https://Uonyeka/v2/canary/manifests/linux-amd64": lookup Uonyeka: no such host'


def test_a_paused_deployment_is_not_ready_at_once() -> None:
    """A paused Deployment is not ready at once, because its pods will not come."""
    paused = {"kind": "Deployment", "metadata": {"name": CANARY.name, "uid": "u"}, "spec": {"paused": True}}

    decision = fate(Story().at(1.5).observe(paused, "MODIFIED"), 1.5)

    assert decision
    assert (decision.outcome, decision.reason.split(",")[0]) == ("not-ready", f"{CANARY.name} is paused")


def test_a_limit_below_the_start_of_a_pod_is_out_of_memory() -> None:
    """A canary whose memory limit is too low for its pod's start is OOM-killed, once the failure has persisted.

    The kubelet reports this failure only in an event.
    """
    story = Story().at(1.5).pod().at(2).event("FailedCreatePodSandBox", SANDBOX)

    assert fate(story, 3) is None
    decision = fate(story, 2 + TimeLimits().persistence)
    assert decision
    assert decision.outcome == "oom-killed"
    assert "memory limit is too low" in decision.reason


def test_a_sandbox_that_fails_for_another_reason_is_not_the_canarys() -> None:
    """A sandbox that fails for another reason, such as a late network, decides nothing."""
    story = Story().at(1.5).pod().at(2).event("FailedCreatePodSandBox", "failed to set up network: cni not ready")

    assert fate(story, 10) is None


def test_a_limit_below_the_start_of_a_program_is_out_of_memory() -> None:
    """A program that the kernel kills at its start for lack of memory is OOM-killed, not a bad command."""
    said = (
        "runc create failed: unable to start container process: container init was OOM-killed (memory limit too low?)"
    )
    killed = Story().at(1.5).pod().at(2).ended(128, "StartError", message=said)
    decision = fate(killed.at(3).ended(128, "StartError", message=said), 3)

    assert decision
    assert decision.outcome == "oom-killed"


def test_an_image_that_must_not_be_pulled_is_not_there() -> None:
    """An image with ``imagePullPolicy: Never`` decides at once, even if another submission's copy is on the node."""
    never = replace(CANARY, unpulled=CANARY.images)

    decision = decide(crashing().timeline, never, 1.0, 3.1, TimeLimits())

    assert decision
    assert (decision.outcome, decision.proven_at) == ("image-pull", 1.0)
    assert f"imagePullPolicy Never forbids to pull {CANARY.images[0]}" in decision.reason


def test_a_capital_letter_makes_an_image_unknown_at_once() -> None:
    """An image with a capital letter decides at once, because it counts as a registry host that does not exist."""
    story = Story(image="Uonyeka/canary:linux-amd64").at(1.5).pod().at(2).waiting("ErrImagePull", NO_HOST)

    decision = fate(story, 2)

    assert decision
    assert decision.outcome == "image-pull"
    assert "names have no capital letters" in decision.reason


def test_what_becomes_of_a_sidecar_that_cannot_be_had_says_nothing() -> None:
    """A sidecar whose image is unavailable decides nothing while the canary's own container runs."""
    foreign = replace(CANARY, foreign=CANARY.images)
    story = Story().at(1.5).pod().at(2).waiting("ErrImagePull", "not found")

    assert fate(story, 2)
    assert decide(story.timeline, foreign, 1.0, 2, TimeLimits()) is None


def test_preemption_is_left_out() -> None:
    """The reason of an unschedulable pod leaves out the remark about preemption."""
    said = "0/1 nodes are available: 1 Insufficient cpu. preemption: 0/1 nodes are available: 1 is not helpful."
    decision: Decision | None = fate(Story().at(1.5).pod().unschedulable(said), 1.5 + TimeLimits().unschedulable)

    assert decision
    assert decision.reason.endswith("1 Insufficient cpu.")


def test_a_stable_pod_that_does_not_start_is_told_with_the_words_of_the_runtime() -> None:
    """The message of a start error names the program that is missing; an exit code alone does not."""
    missing = 'runc create failed: exec: "/bin/bash": stat /bin/bash: no such file or directory'
    timeline = Story().pod().ended(128, "StartError", message=missing).timeline

    (cause,) = unstarted_pods(timeline)
    assert cause.exit_codes == (128,)
    assert describe(cause).endswith(f"StartError (exit code 128: {missing})")
    (crash,) = unstarted_pods(Story().pod().ended(1, "Error").timeline)
    assert describe(crash).endswith("Error (exit code 1)")
