"""The outcome of a canary is decided as soon as it is certain, and not before."""

from __future__ import annotations

from dataclasses import replace

import pytest

from canaryproof.analysis.outcome import decide
from canaryproof.model.evidence import Decision, OutcomeName
from canaryproof.timeouts import TimeLimits
from tests.unit.stories import CANARY, Story

LIVENESS = {"livenessProbe": {"httpGet": {"port": 5003}}}
KILLING = "Container canary failed liveness probe, will be restarted"
NOT_FOUND = 'rpc error: code = NotFound desc = failed to resolve "uonyeka/canary:linux-amd-64": not found'
TIMED_OUT = 'failed to do request: Head "https://registry/v2/": dial tcp: i/o timeout'


def fate(story: Story, now: float, *, replicas: int = 1) -> Decision | None:
    """Decide at *now* (seconds), after an upgrade that ended at 1 s."""
    return decide(story.timeline, replace(CANARY, replicas=replicas), 1.0, now, TimeLimits())


def first_decision(story: Story) -> Decision:
    """Decide after every observation and at the end of the longest observation time, as an experiment does."""
    moments = [observation.at for observation in story.timeline.observations]
    decisions = (fate(story, now) for now in (*moments, 1.0 + TimeLimits().observation_extended))
    return next(decision for decision in decisions if decision)


def crashing(code: int = 1, reason: str = "") -> Story:
    """Record a container that ends, restarts and ends again."""
    story = Story().at(1.5).pod().at(2).running().at(2.1).ended(code, reason)
    return story.at(3).running().at(3.1).ended(code, reason)


def test_two_crashes_of_one_container_are_a_crash_loop() -> None:
    """The second crash of a container decides a crash loop at once, without an observed back-off."""
    decision = first_decision(crashing())

    assert (decision.outcome, decision.at, decision.proven_at) == ("crash-loop", 3.1, 3.1)
    assert "container canary ended by itself with exit code 1, twice" in decision.reason
    assert "2.1 s after the upgrade" in decision.reason
    assert len(decision.proof) == 2
    assert decision.cause.container == "canary"


def test_one_crash_decides_nothing() -> None:
    """One crash and a restart decide nothing."""
    story = Story().at(1.5).pod().at(2).running().at(2.1).ended(1).at(3).running()

    assert fate(story, 3) is None
    assert fate(story, 1 + TimeLimits().observation) is None


def test_one_crash_told_many_times_is_one() -> None:
    """A crash counts once, even if a list repeats the pod or ``lastState`` repeats the run."""
    story = Story().at(1.5).pod().at(2).running().at(2.1).ended(1).again().again().at(3).running().again().again()

    assert fate(story, 3) is None


def test_first_crash_is_only_in_last_state() -> None:
    """A crash between two observations counts, because ``lastState`` records it."""
    story = Story().at(1.5).pod().at(2).running(seen=False).ended(1, seen=False).running(seen=False)
    story.at(3).ended(2)

    decision = first_decision(story)

    assert (decision.outcome, decision.proven_at) == ("crash-loop", 3)
    assert "exit code 1 and 2" in decision.reason


def test_restart_count_stands_for_crashes_nobody_saw() -> None:
    """A restart count of two after one observed crash decides a crash loop. The proof counts the unobserved ends."""
    story = Story().at(1.5).pod().at(2)
    story.running(seen=False).ended(1, seen=False).running(seen=False).ended(1, seen=False).running(seen=False)
    story.at(4).again()

    decision = first_decision(story)

    assert (decision.outcome, decision.proven_at) == ("crash-loop", 4)
    assert "1 of its ends went unseen" in decision.proof[1]


def test_flapping_ends_in_a_crash_loop() -> None:
    """A crash loop that was decided stays one while the container runs again, and an observed back-off adds proof."""
    story = crashing(137).at(3.2).waiting("CrashLoopBackOff", "back-off 10s restarting").at(13).running()

    decision = fate(story, 13)

    assert decision
    assert (decision.outcome, decision.proven_at) == ("crash-loop", 3.1)
    assert "CrashLoopBackOff seen at 3.2 s" in decision.proof[-1]


def test_back_off_after_one_crash_seen_is_a_crash_loop() -> None:
    """A back-off with a restart count decides a crash loop, even if only ``lastState`` shows a crash."""
    story = Story().at(1.5).pod().running(seen=False).ended(1, seen=False).running(seen=False).ended(1, seen=False)
    story.at(4).waiting("CrashLoopBackOff")

    assert first_decision(story).outcome == "crash-loop"


def test_two_pods_that_crash_once_each_are_no_crash_loop() -> None:
    """One crash in each of two pods is no crash loop."""
    story = Story().at(1.5).pod().running().at(2).ended(1).at(3).deleting().gone()
    story.at(4).pod("two").running("two").at(5).ended(1, pod="two").at(6).running("two")

    assert fate(story, 6) is None


def test_pod_that_is_deleted_does_not_crash() -> None:
    """A run that ends with the deletion of its pod is no crash."""
    story = Story().at(1.5).pod().running().at(2).ended(1).at(3).running().at(4).deleting().at(5).ended(143)

    assert fate(story, 5) is None


def test_crashes_of_another_deployment_do_not_count() -> None:
    """Only crashes of pods that the canary's Deployment owns count."""
    story = Story().at(1.5).pod(replica_set="somebody-else").running().ended(1).running().ended(1)

    assert fate(story, 2) is None


def test_sidecar_that_crashes_is_a_crash_loop() -> None:
    """An init container that always restarts crash-loops like any other container."""
    story = Story().at(1.5).pod(init=True, spec={"restartPolicy": "Always"})
    story.running(container="setup").ended(1, container="setup").running(container="setup").ended(1, container="setup")

    decision = first_decision(story)

    assert decision.outcome == "crash-loop"
    assert "container setup" in decision.reason


@pytest.mark.parametrize(
    ("code", "reason", "outcome"),
    [
        pytest.param(0, "Completed", "exits-cleanly", id="exit-0"),
        pytest.param(137, "OOMKilled", "oom-killed", id="oom"),
        pytest.param(128, "StartError", "start-error", id="bad-command"),
        pytest.param(127, "ContainerCannotRun", "start-error", id="bad-command-elsewhere"),
        pytest.param(128, "Error", "crash-loop", id="exit-128-of-its-own"),
        pytest.param(137, "Error", "crash-loop", id="killed-without-a-probe"),
    ],
)
def test_ends_have_their_own_names(code: int, reason: str, outcome: OutcomeName) -> None:
    """Two ends of the same kind give the outcome of that kind."""
    assert first_decision(crashing(code, reason)).outcome == outcome


@pytest.mark.parametrize(("first", "second"), [("OOMKilled", "Error"), ("Error", "OOMKilled")])
def test_a_kill_for_memory_that_the_runtime_missed_is_one(first: str, second: str) -> None:
    """Two kills decide ``oom-killed`` if the runtime gives the reason OOMKilled for only one of them."""
    story = Story().at(1.5).pod().at(2).running().at(2.1).ended(137, first)

    assert first_decision(story.at(3).running().at(3.1).ended(137, second)).outcome == "oom-killed"


def test_a_crash_besides_a_kill_for_memory_is_neither_twice() -> None:
    """An OOM kill and an exit with the container's own code decide nothing together."""
    story = Story().at(1.5).pod().at(2).running().at(2.1).ended(137, "OOMKilled")

    assert fate(story.at(3).running().at(3.1).ended(1), 4) is None


@pytest.mark.parametrize("code", [137, 143, 0, 1])
def test_probe_kills_are_not_crashes(code: int) -> None:
    """A container that the kubelet kills because of its probe is probe-killed, whatever its exit code is."""
    story = Story().at(1.5).pod(spec=LIVENESS).running().at(31).event("Killing", KILLING).ended(code)
    story.at(32).running().at(61).event("Killing", KILLING, count=2).ended(code)

    decision = fate(story, 61)

    assert decision
    assert decision.outcome == "probe-killed"
    assert "liveness probe" in decision.reason


def test_crash_beside_a_harmless_probe_is_a_crash_loop() -> None:
    """A crash is a probe kill only if the kubelet reports it. A probe in the spec does not suffice."""
    story = Story().at(1.5).pod(spec=LIVENESS).running().ended(137).at(2).running().ended(137)

    assert first_decision(story).outcome == "crash-loop"


def test_crash_and_probe_kill_are_told_apart() -> None:
    """One crash and one probe kill decide nothing.

    Among the ends, the one with the exit code of a signal is the probe kill.
    """
    story = Story().at(1.5).pod(spec=LIVENESS).running().at(2).ended(1).running()
    story.at(31).event("Killing", KILLING).ended(143)

    assert fate(story, 31) is None
    decision = first_decision(story.at(42).running().at(43).ended(1))
    assert decision.outcome == "crash-loop"
    assert "143" not in " ".join(decision.proof)


def test_kill_for_another_reason_is_no_probe_kill() -> None:
    """A kill is no probe kill if the container has neither a liveness nor a startup probe."""
    story = Story().at(1.5).pod().running().event("Killing", KILLING, count=2).ended(137).running().ended(137)

    assert first_decision(story).outcome == "crash-loop"


def test_one_probe_kill_is_named_when_time_is_up() -> None:
    """A canary with one probe kill is probe-killed at the end of the observation, even if it is Ready again."""
    story = Story().at(1.5).pod(spec=LIVENESS).running().at(10).event("Unhealthy", "Liveness probe failed: refused")
    story.at(30).event("Killing", KILLING).at(31).ended(137).running()

    assert fate(story, 29) is None
    assert fate(story, 55) is None
    assert first_decision(story).outcome == "probe-killed"


def test_init_container_that_crashes_has_its_own_name() -> None:
    """Two failures of an init container decide an init crash loop."""
    story = Story().at(1.5).pod(init=True)
    story.running(container="setup").ended(1, container="setup").running(container="setup").ended(1, container="setup")

    decision = first_decision(story)

    assert decision.outcome == "init-crash-loop"
    assert "init container setup" in decision.reason


def test_init_container_that_never_ends_keeps_the_canary_from_being_ready() -> None:
    """An init container that still runs at the end of the observation makes the canary not ready."""
    story = Story().at(1.5).pod(init=True).at(2).running(container="setup", ready=False)

    assert fate(story, 1.0 + TimeLimits().observation) is None
    decision = fate(story, 1.0 + TimeLimits().observation_extended)
    assert decision
    assert decision.outcome == "not-ready"
    assert "init container setup did not end" in decision.reason


def test_init_container_that_does_its_work_is_no_end() -> None:
    """An init container that ends successfully decides nothing, even twice."""
    story = Story().at(1.5).pod(init=True)
    story.running(container="setup").ended(0, container="setup").running(container="setup").ended(0, container="setup")

    assert fate(story, 2) is None


def test_different_ends_wait_for_one_that_comes_again() -> None:
    """Two different ends decide nothing. The next end of either kind decides."""
    story = Story().at(1.5).pod().running().ended(0).running().at(3).ended(1)

    assert fate(story, 3) is None
    assert first_decision(story.at(14).running().ended(1)).outcome == "crash-loop"


def test_different_ends_are_decided_by_the_last_when_time_is_up() -> None:
    """The last end decides at the end of the observation if no kind of end occurred twice."""
    story = Story().at(1.5).pod().running().ended(0).running().at(3).ended(1)

    decision = first_decision(story)

    assert (decision.outcome, decision.at) == ("crash-loop", 61)
    assert "in different ways" in decision.reason


@pytest.mark.parametrize(
    ("reason", "message"),
    [
        ("ErrImagePull", NOT_FOUND),
        ("ImagePullBackOff", f"Back-off pulling image: ErrImagePull: {NOT_FOUND}"),
        ("InvalidImageName", "couldn't parse image name"),
        ("ErrImageNeverPull", "Container image is not present with pull policy of Never"),
    ],
)
def test_image_that_is_not_there_is_decided_at_once(reason: str, message: str) -> None:
    """The first failure to pull an image decides if another attempt cannot succeed."""
    decision = first_decision(Story().at(1.5).pod().at(2).waiting(reason, message))

    assert (decision.outcome, decision.at, decision.proven_at) == ("image-pull", 2, 2)
    assert CANARY.images[0] in decision.reason


def test_image_that_may_come_is_decided_at_the_second_failure() -> None:
    """A failure to pull an image that may pass decides only when it occurs again."""
    story = Story().at(1.5).pod().at(2).waiting("ErrImagePull", TIMED_OUT).again()
    story.at(3).waiting("ImagePullBackOff", "Back-off")

    assert fate(story, 3) is None
    decision = first_decision(story.at(14).waiting("ErrImagePull", TIMED_OUT))
    assert (decision.at, decision.proven_at) == (14, 14)


def test_image_that_came_after_all_is_no_image_pull() -> None:
    """A failed pull decides nothing if a later one succeeds."""
    story = Story().at(1.5).pod().at(2).waiting("ErrImagePull", TIMED_OUT).at(14).running()

    assert fate(story, 15) is None


def test_missing_configuration_must_persist() -> None:
    """A missing ConfigMap decides only after it has been missing for the persistence time."""
    story = Story().at(1.5).pod().at(2).waiting("CreateContainerConfigError", 'configmap "settings" not found')

    assert fate(story, 3) is None
    decision = fate(story, 2 + TimeLimits().persistence)
    assert decision
    assert decision.outcome == "config-error"
    assert 'configmap "settings" not found' in decision.reason


def test_cache_that_is_not_filled_is_no_missing_configuration() -> None:
    """A late cache of the kubelet is no configuration error."""
    message = "failed to sync configmap cache: timed out waiting for the condition"
    story = Story().at(1.5).pod().at(2).waiting("CreateContainerConfigError", message)

    assert fate(story, 15) is None


def test_container_that_cannot_be_created_is_a_start_error() -> None:
    """A container without a command decides a start error, because it cannot be created."""
    story = Story().at(1.5).pod().at(2).waiting("CreateContainerError", "no command specified")

    decision = fate(story, 10)

    assert decision
    assert decision.outcome == "start-error"


def test_volume_of_a_missing_config_map_is_a_config_error() -> None:
    """A pod whose volume cannot be mounted decides a configuration error, from the event that names the reason."""
    message = 'MountVolume.SetUp failed for volume "settings" : configmap "settings" not found'
    story = Story().at(1.5).pod().at(2).event("FailedMount", message)

    assert fate(story, 3) is None
    decision = fate(story, 2 + TimeLimits().persistence)
    assert decision
    assert decision.outcome == "config-error"


def test_volume_that_came_late_is_no_config_error() -> None:
    """A failed mount decides nothing once the container runs."""
    message = 'MountVolume.SetUp failed for volume "settings" : configmap "settings" not found'
    story = Story().at(1.5).pod().at(2).event("FailedMount", message).at(4).running()

    assert fate(story, 15) is None


def test_unschedulable_must_persist() -> None:
    """A pod is unschedulable only after it has waited for the time limit, because every upgrade has a short wait."""
    story = Story().at(1.5).pod().unschedulable("0/1 nodes are available: 1 Insufficient cpu.")

    assert fate(story, 5) is None
    decision = fate(story, 1.5 + TimeLimits().unschedulable)
    assert decision
    assert decision.outcome == "unschedulable"
    assert "Insufficient cpu" in decision.reason


def test_pod_that_found_its_node_is_not_unschedulable() -> None:
    """A pod that gets a node late is not unschedulable."""
    story = Story().at(1.5).pod().unschedulable("Insufficient cpu").at(10).running()

    assert fate(story, 18) is None


def test_refused_pods_are_decided_soon() -> None:
    """Pods that a quota or an admission rule refuses decide the outcome after the persistence time."""
    story = Story().at(1.5).refused('pods "x" is forbidden: violates PodSecurity "baseline:latest"')

    assert fate(story, 2) is None
    decision = fate(story, 1.5 + TimeLimits().persistence)
    assert decision
    assert decision.outcome == "refused"
    assert "violates PodSecurity" in decision.reason


def test_account_that_is_not_there_yet_gets_more_time() -> None:
    """A missing ServiceAccount decides only at the end of the observation, because a new namespace gets it late."""
    story = Story().at(1.5).refused('error looking up service account sre/default: serviceaccount "default" not found')

    assert fate(story, 10) is None
    decision = fate(story, 1.0 + TimeLimits().observation)
    assert decision
    assert decision.outcome == "refused"


def test_ready_for_the_whole_observation_is_healthy() -> None:
    """A canary is healthy once it has been Ready for the whole observation time without a restart."""
    story = Story().at(1.5).pod().at(3).running()

    assert fate(story, 2.9 + TimeLimits().observation) is None
    decision = fate(story, 3 + TimeLimits().observation)
    assert decision
    assert decision.outcome == "healthy"
    assert "without a restart" in decision.reason


def test_every_replica_must_be_ready_to_be_healthy() -> None:
    """A canary is healthy only if all of its replicas are Ready."""
    story = Story().at(1.5).pod().running()

    assert fate(story, 30, replicas=2) is None
    story.at(1.6).pod("two").running("two")
    decision = fate(story, 30, replicas=2)
    assert decision
    assert decision.outcome == "healthy"


def test_one_replica_that_crash_loops_is_enough() -> None:
    """One pod that crash-loops decides a crash loop, even if another pod is Ready."""
    story = Story().at(1.5).pod().running().pod("two").running("two")
    story.at(3).ended(1, pod="two").running("two").at(4).ended(1, pod="two")

    assert first_decision(story).outcome == "crash-loop"


def test_recovery_from_one_crash_is_healthy_only_in_the_end() -> None:
    """A canary that recovers from one crash is healthy at the end. The reason mentions the restart."""
    story = Story().at(1.5).pod().running().at(2).ended(1).running()

    assert fate(story, 40) is None
    decision = first_decision(story)
    assert decision.outcome == "healthy"
    assert "after 1 restart" in decision.reason


def test_one_late_crash_leaves_it_undecided() -> None:
    """A canary with one late crash stays undecided, and the reason describes the crash."""
    story = Story().at(1.5).pod().running().at(15).ended(3).at(50).running()

    decision = first_decision(story)

    assert decision.outcome == "undecided"
    assert "ended once, with exit code 3" in decision.reason


def test_running_but_never_ready_is_not_ready() -> None:
    """A canary that runs and never becomes Ready is not ready, and the reason quotes its probe."""
    story = Story().at(1.5).pod().running(ready=False).at(5).event("Unhealthy", "Readiness probe failed: refused")

    assert fate(story, 15) is None
    decision = fate(story, 1.5 + TimeLimits().observation)
    assert decision
    assert decision.outcome == "not-ready"
    assert "Readiness probe failed" in decision.reason


def test_readiness_that_was_lost_is_undecided() -> None:
    """A canary that loses its readiness is undecided."""
    story = Story().at(1.5).pod().running().at(5).ready(ready=False)

    decision = first_decision(story)

    assert (decision.outcome, decision.at) == ("undecided", 61)
    assert "not Ready for long enough" in decision.reason


def test_no_replicas_are_not_ready() -> None:
    """A canary with no replicas is not ready."""
    decision = fate(Story(), 1, replicas=0)

    assert decision
    assert decision.outcome == "not-ready"


def test_no_pod_is_undecided_when_time_is_up() -> None:
    """A Deployment that gets no pod is undecided at the end of the normal observation time."""
    assert fate(Story(), 0.9 + TimeLimits().observation) is None
    decision = fate(Story(), 1 + TimeLimits().observation)
    assert decision
    assert decision.outcome == "undecided"
    assert "had no pod" in decision.reason


def test_waiting_pod_is_undecided_in_the_end() -> None:
    """A pod that never starts its container is undecided, and the reason names the state in which it waits."""
    decision = first_decision(Story().at(1.5).pod().event("FailedCreatePodSandBox", "no network"))

    assert decision.outcome == "undecided"
    assert "ContainerCreating (no network)" in decision.reason


@pytest.mark.parametrize(
    ("limits", "message", "outcome"),
    [
        ({}, "runc create failed: container init was OOM-killed (memory limit too low?)", "oom-killed"),
        ({"memory": "2Mi"}, "failed to start sandbox container task: cannot start a stopped process", "oom-killed"),
        ({}, "failed to start sandbox container task: cannot start a stopped process", "undecided"),
    ],
)
def test_a_sandbox_that_is_killed_for_memory_is_told_from_one_that_ends(
    limits: dict[str, str], message: str, outcome: str
) -> None:
    """A sandbox that ends before its start is OOM-killed if the pod has a memory limit or runc reports it.

    Without either, the machine may be at fault, and the outcome stays undecided.
    """
    spec = {"resources": {"limits": limits}} if limits else {}

    assert first_decision(Story().at(1.5).pod(spec=spec).event("FailedCreatePodSandBox", message)).outcome == outcome


def test_later_observations_do_not_change_an_earlier_decision() -> None:
    """Observations after *now* change no decision, so that a full recording replays as it happened."""
    story = crashing()

    assert fate(story, 3) is None


def test_an_image_that_a_pod_mounts_is_named() -> None:
    """A container waits for an image that is mounted as a volume, as it does for its own."""
    message = 'failed to pull and unpack image "docker.io/uonyeka/models:v1": not found'
    volumes = [{"name": "models", "image": {"reference": "uonyeka/models:v1"}}]
    decision = first_decision(Story().at(1.5).pod(fields={"volumes": volumes}).at(2).waiting("ErrImagePull", message))

    assert decision.outcome == "image-pull"
    assert "image uonyeka/models:v1 was not found" in decision.reason
