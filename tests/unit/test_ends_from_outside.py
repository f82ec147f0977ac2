"""A container that the kubelet ends, or that is not the canary's own, does not make a crash loop."""

from __future__ import annotations

from dataclasses import replace

import pytest

from canaryproof.analysis.decisive_container import decisive_container
from canaryproof.analysis.outcome import decide
from canaryproof.model.evidence import Decision
from canaryproof.model.objects import Body, Container, ContainerPort, Manifest, RestartRule
from canaryproof.timeouts import TimeLimits
from tests.unit.stories import CANARY, Story

HOOKED: Body = {"lifecycle": {"postStart": {"exec": {"command": ["/nope"]}}}}
HOOK_KILL = "FailedPostStartHook"
HOOK = 'Exec lifecycle hook ([/nope]) for Container "canary" in Pod "one_sre(1)" failed - error: '
MISSING = 'OCI runtime exec failed: unable to start container process: exec: "/nope": stat /nope: no such file'
GONE = "rpc error: code = NotFound desc = failed to exec in container: container not created: not found"
RESTART_ALL: Body = {"restartPolicyRules": [{"action": "RestartAllContainers", "exitCodes": {"operator": "In"}}]}
IMAGE = CANARY.images[0]


def at(story: Story, now: float, *, decisive: str = "") -> Decision | None:
    """Decide at *now*, after an upgrade that ended at 1 s."""
    return decide(story.timeline, replace(CANARY, decisive=decisive), 1.0, now, TimeLimits())


def hooked(code: int, error: str) -> Story:
    """Record a container that ends twice with *code* while the kubelet kills it because its hook failed."""
    message = f'{HOOK}{error}, message: ""'
    story = Story().at(1.5).pod(spec=HOOKED).at(2).running()
    story.event("Killing", HOOK_KILL).ended(code).waiting("PostStartHookError", message).at(3).running()
    return story.event("Killing", HOOK_KILL, count=2).ended(code).waiting("PostStartHookError", message)


@pytest.mark.parametrize("code", [0, 1, 2, 137, 143])
def test_a_failed_hook_ends_a_container_with_any_exit_code(code: int) -> None:
    """A container that is killed for its hook does not end by itself, whatever its exit code is."""
    decision = at(hooked(code, MISSING), 3)

    assert decision
    assert (decision.outcome, decision.cause.code) == ("start-error", "post-start-failed")
    assert "FailedPostStartHook" in decision.reason
    assert "/nope" in decision.cause.detail


@pytest.mark.parametrize("error", [GONE, "command '/agnhost help' exited with 137: "])
def test_a_container_that_ends_before_its_hook_crashes(error: str) -> None:
    """A hook that fails because its container ended is a consequence of the crash."""
    decision = at(hooked(1, error), 3 + TimeLimits().report)

    assert decision
    assert decision.outcome == "crash-loop"


def test_an_event_about_a_kill_may_arrive_late() -> None:
    """Ends of a container with a hook decide only when the event about the kill would have arrived."""
    story = Story().at(1.5).pod(spec=HOOKED).at(2).running().ended(137).at(3).running().ended(137)

    assert at(story, 3) is None
    assert at(story, 3 + TimeLimits().report) is not None
    late = at(story.at(3.2).event("Killing", HOOK_KILL, count=2), 3.2)
    assert late
    assert late.outcome == "start-error"


def test_one_failed_hook_is_the_best_guess() -> None:
    """A container that was killed for its hook once is decided at the end of the observation."""
    story = Story().at(1.5).pod(spec=HOOKED).at(2).running().event("Killing", HOOK_KILL).ended(137).at(3).running()

    assert at(story, 3) is None
    decision = at(story, 1 + TimeLimits().observation_extended)
    assert decision
    assert decision.cause.code == "post-start-fails"


def test_a_container_that_is_restarted_with_all_others_does_not_crash() -> None:
    """The kubelet removes a container that it restarts for another one, and makes up a termination for it."""
    story = Story().at(1.5).pod(spec=RESTART_ALL).at(2).running().event("Killing", "killing")
    story.ended(137, "RestartingAllContainers").at(3).running().event("Killing", "killing", count=2)

    decision = at(story.ended(137, "RestartingAllContainers"), 3)

    assert decision
    assert (decision.outcome, decision.cause.code) == ("not-ready", "restarted-with-all")


@pytest.mark.parametrize(
    ("policy", "code", "outcome"), [("Never", 1, "not-ready"), ("OnFailure", 0, "not-ready"), ("OnFailure", 1, None)]
)
def test_a_container_with_its_own_restart_policy_may_end_for_good(policy: str, code: int, outcome: str | None) -> None:
    """The first end decides if the kubelet does not restart the container."""
    decision = at(Story().at(1.5).pod(spec={"restartPolicy": policy}).at(2).running().ended(code), 2)

    assert (decision.outcome if decision else None) == outcome
    assert decision is None or policy in decision.reason


def test_a_restart_rule_comes_before_the_restart_policy() -> None:
    """A rule that applies to the exit code restarts a container with the policy Never."""
    rule = RestartRule("Restart", "NotIn", (0,))
    container = Container("canary", IMAGE, restart_policy="Never", restart_rules=(rule,))

    assert container.restarts_after(1)
    assert not container.restarts_after(0)


@pytest.mark.parametrize("code", [0, 1, 137])
def test_an_evicted_pod_ends_its_containers(code: int) -> None:
    """The end of a container with its evicted pod is no crash, and the limit that the pod exceeded decides."""
    story = Story().at(1.5).pod().at(2).running().ended(1).at(3).running().at(4)
    story.event("Killing", "Stopping container canary").ended(code)
    assert at(story, 4) is None

    story.event("Evicted", 'Usage of EmptyDir volume "s" exceeds the limit "1Mi". ', component="kubelet")
    decision = at(story, 4)

    assert decision
    assert (decision.outcome, decision.cause.code) == ("not-ready", "pod-evicted")
    assert decision.reason.endswith('exceeds the limit "1Mi".')


def test_an_end_that_the_pod_reports_with_its_failure_is_no_crash() -> None:
    """The kubelet can report the failure of a pod and the end of its container at once."""
    story = Story().at(1.5).pod().at(2).running().ended(1).at(3).running().at(4).failed("Evicted").ended(137)

    assert at(story, 4) is None


@pytest.mark.parametrize(("kill", "code"), [(True, 137), (True, 0), (False, 1)])
def test_a_sidecar_counts_until_the_canary_starts(*, kill: bool, code: int) -> None:
    """A sidecar that never starts keeps the canary's own container from starting."""
    spec: Body = {"livenessProbe": {}} | {"startupProbe": {"tcpSocket": {"port": 9}}}
    story = Story().at(1.5).pod(init=True, spec={**spec, "restartPolicy": "Always"})
    for moment in (2, 3):
        story.at(moment).running(container="setup", ready=False)
        if kill:
            message = "Container setup failed startup probe, will be restarted"
            story.event("Killing", message, container="setup", count=moment - 1)
        story.ended(code, container="setup")

    decision = at(story, 3 + TimeLimits().report, decisive="canary")

    assert decision
    assert decision.outcome == ("probe-killed" if kill else "init-crash-loop")
    assert (decision.cause.container, decision.cause.init) == ("setup", True)


def beside(*, ready: bool = True) -> Story:
    """Record a container ``canary`` that runs, and a container ``log-shipper`` that crashes twice."""
    story = Story().at(1.5).pod(sidecar="log-shipper").at(2).running(ready=ready)
    for moment in (2, 3):
        story.at(moment).running(container="log-shipper").at(moment + 0.5).ended(1, container="log-shipper")
    return story


def test_a_crash_of_another_container_does_not_count() -> None:
    """The container that counts decides after the whole observation, and the sentence names both containers."""
    story = beside()
    early = at(story, 4, decisive="canary")
    decision = at(story, 2 + TimeLimits().observation, decisive="canary")

    assert early is None
    assert decision
    assert decision.cause.code == "others-ended"
    assert "container canary" in decision.reason
    assert "only container log-shipper ended" in decision.reason


def test_a_crash_of_any_container_counts_if_the_scenario_names_none() -> None:
    """Without a named container or image, the first crash loop decides."""
    decision = at(beside(), 4)

    assert decision
    assert (decision.outcome, decision.cause.container) == ("crash-loop", "log-shipper")


def container(name: str, image: str, *ports: int, init: bool = False) -> Container:
    """Return a container that declares ports."""
    return Container(name, image, tuple(map(ContainerPort, ports)), init=init)


@pytest.mark.parametrize(
    ("containers", "name"),
    [
        ([container("canary", IMAGE, 5003)], "canary"),
        ([container("helper", IMAGE), container("canary", IMAGE, 5003)], "canary"),
        ([container("canary", "other", 5003), container("helper", IMAGE)], "canary"),
        ([container("helper", "other"), container("canary", f"docker.io/{IMAGE}")], "canary"),
        ([container("helper", "other", 5003), container("canary", IMAGE, 5003)], "canary"),
        ([container("setup", IMAGE, 5003, init=True), container("canary", "other")], ""),
        ([container("one", "other"), container("two", "another")], ""),
    ],
)
def test_the_canarys_own_container_has_its_port_or_its_image(containers: list[Container], name: str) -> None:
    """The port decides before the image. Without either, any container can be the canary's own."""
    assert decisive_container(containers, IMAGE, 5003) == name


def test_without_an_image_every_container_counts() -> None:
    """A scenario that names no image asks about no particular container."""
    assert decisive_container([container("canary", IMAGE, 5003), container("helper", "other")], None, 5003) == ""


def test_fields_of_a_container_that_let_the_kubelet_end_it_are_read() -> None:
    """A hook, a restart policy and restart rules are read from the spec of a pod."""
    rules = [{"action": "Restart", "exitCodes": {"operator": "In", "values": [1, 2]}}]
    body = {"name": "canary", "image": IMAGE, "restartPolicy": "Never", "restartPolicyRules": rules, **HOOKED}
    (found,) = Manifest({"kind": "Pod", "spec": {"containers": [body]}}).containers

    assert found.post_start
    assert found.restart_policy == "Never"
    assert found.restart_rules == (RestartRule("Restart", "In", (1, 2)),)
