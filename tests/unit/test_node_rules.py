"""A pod that no scheduler assigns, no kubelet admits, or whose sandbox cannot be made decides the outcome."""

from __future__ import annotations

import pytest

from canaryproof.analysis.infrastructure import out_of_reach
from canaryproof.analysis.node_rules import sandbox_fields
from canaryproof.analysis.outcome import decide
from canaryproof.model.causes import Code
from canaryproof.model.evidence import Decision
from canaryproof.model.objects import Body
from canaryproof.model.wording.cause_sentences import describe
from canaryproof.timeouts import TimeLimits
from tests.unit.stories import CANARY, Story

LIMITS = TimeLimits()
PROFILE = "Pod was rejected: Cannot enforce AppArmor: AppArmor is not enabled on the host"
NO_SANDBOX = "Failed to create pod sandbox: rpc error: code = Unknown desc = open /proc/sys/net: invalid argument"
USER_NAMESPACES = "Failed to create pod sandbox: can't set `spec.hostUsers: false`, runtime does not support it"


def at(story: Story, now: float) -> Decision | None:
    """Decide at *now*, after an upgrade that ended at 1 s."""
    return decide(story.timeline, CANARY, 1.0, now, LIMITS)


def storm(reason: str, message: str = PROFILE, *, fields: Body | None = None, pods: int = 2) -> Story:
    """Record pods that the kubelet rejects, one after the other, from 2 s on."""
    story = Story()
    for number in range(pods):
        name = f"pod{number}"
        story.at(2 + number / 10).pod(name, fields=fields).failed(reason, message, pod=name)
    return story


def profile(kind: str) -> Body:
    """Return the fields of a pod with an AppArmor profile."""
    return {"securityContext": {"appArmorProfile": {"type": kind}}}


@pytest.mark.parametrize("reason", ["AppArmor", "SysctlForbidden", "NodeAffinity", "PodOSNotSupported"])
def test_the_second_pod_that_the_kubelet_rejects_decides(reason: str) -> None:
    """The second rejection decides at once, in the kubelet's words, because the next pods would meet the same end."""
    assert at(storm(reason, pods=1), 3) is None

    decision = at(storm(reason), 2.1)

    assert decision
    assert (decision.outcome, decision.cause.code, decision.proven_at) == ("refused", "pods-rejected", 2.1)
    assert f"({reason}): Cannot enforce AppArmor" in decision.reason


@pytest.mark.parametrize(
    ("reason", "fields", "decides"),
    [
        ("OutOfcpu", {"nodeName": "node1"}, True),
        ("OutOfcpu", {}, False),
        ("UnexpectedAdmissionError", {}, False),
    ],
)
def test_a_rejection_that_can_pass_must_last(reason: str, fields: Body, *, decides: bool) -> None:
    """A node without room for a pod may have it later, unless the chart itself chose the node."""
    story = storm(reason, fields=fields)

    assert (at(story, 2.1) is not None) == decides
    assert at(story, 2 + LIMITS.persistence) is not None


def test_a_pod_that_is_deleted_was_not_rejected() -> None:
    """The pod of an ended canary has the phase Failed, and no reason."""
    assert at(storm("", ""), 10) is None


@pytest.mark.parametrize(("kind", "is_missing"), [("RuntimeDefault", True), ("Localhost", False)])
def test_a_node_without_apparmor_lacks_what_others_have(kind: str, *, is_missing: bool) -> None:
    """The profile of the runtime exists on every node with AppArmor. Another profile is the submission's matter."""
    story = storm("AppArmor", fields=profile(kind))
    decision = at(story, 2.1)
    assert decision

    lack = out_of_reach(decision, CANARY, story.timeline)

    assert (lack is not None) == is_missing
    assert not lack or "no AppArmor" in describe(lack)


@pytest.mark.parametrize(
    ("reason", "disruption"),
    [
        ("Evicted", "TerminationByKubelet"),
        ("Terminated", "TerminationByKubelet"),
        ("Preempting", "TerminationByKubelet"),
        ("NodeShutdown", ""),
    ],
)
def test_a_pod_that_the_node_ends_for_itself_is_no_fault_of_the_submission(reason: str, disruption: str) -> None:
    """Pressure, a shutdown and a more important pod are the node's own reasons."""
    message = "The node was low on resource: memory. "
    story = Story().at(2).pod().running().failed(reason, message, disruption=disruption)

    assert at(story, 3) is None
    decision = at(story, 1 + LIMITS.observation_extended)
    assert decision
    lack = out_of_reach(decision, CANARY, story.timeline)
    assert lack
    assert (lack.code, lack.pod) == ("node-ended-pod", "one")


@pytest.mark.parametrize(
    ("fields", "status", "code"),
    [
        ({"nodeName": "worker-7"}, {}, "node-silent"),
        ({"schedulerName": "my-scheduler"}, {}, "scheduler-missing"),
        ({"schedulingGates": [{"name": "wait"}]}, {"reason": "SchedulingGated"}, "scheduling-gated"),
        ({"nodeName": "node1"}, {"status": "True"}, None),
        ({"schedulerName": "default-scheduler"}, {}, None),
    ],
)
def test_a_pod_that_nobody_takes_is_unschedulable(fields: Body, status: Body, code: Code | None) -> None:
    """A pod without a start time decides after a while, if its own fields keep schedulers and nodes from it."""
    story = Story().at(2).pod(fields=fields)
    if status:
        story.scheduled(**status)

    assert at(story, 10) is None
    decision = at(story, 2 + LIMITS.unschedulable)

    assert (decision.cause.code if decision else None) == code
    assert decision is None or decision.outcome == "unschedulable"


@pytest.mark.parametrize(
    ("fields", "message", "lack"),
    [
        ({"securityContext": {"sysctls": [{"name": "net.ipv4.tcp_rmem", "value": "x"}]}}, NO_SANDBOX, None),
        ({}, NO_SANDBOX, "sandbox-not-created"),
        ({"hostUsers": False}, USER_NAMESPACES, "node-feature-missing"),
    ],
)
def test_a_sandbox_that_cannot_be_made_decides(fields: Body, message: str, lack: Code | None) -> None:
    """Without a field that changes the sandbox, its failure is the node's. Others have user namespaces."""
    story = Story().at(2).pod(fields=fields).event("FailedCreatePodSandBox", message, count=2)

    assert at(story, 3) is None
    decision = at(story, 2 + LIMITS.persistence)

    assert decision
    assert (decision.outcome, decision.cause.code) == ("start-error", "sandbox-not-created")
    found = out_of_reach(decision, CANARY, story.timeline)
    assert (found.code if found else None) == lack


@pytest.mark.parametrize(
    ("spec", "fields"),
    [
        ({}, ()),
        ({"hostUsers": True}, ()),
        ({"hostUsers": False, "runtimeClassName": "a"}, ("hostUsers", "runtimeClassName")),
        ({"containers": [{"resources": {"limits": {"memory": "4Mi"}}}]}, ("resources.limits.memory",)),
        ({"resources": {"limits": {"memory": "4Mi"}}}, ("resources.limits.memory",)),
        ({"containers": [{"resources": {"limits": {"memory": "1Gi"}}}]}, ()),
    ],
)
def test_fields_that_change_a_sandbox_are_known(spec: Body, fields: tuple[str, ...]) -> None:
    """Settings of the pod and tight memory limits can keep the runtime from making the sandbox."""
    assert sandbox_fields({"spec": spec}) == fields


@pytest.mark.parametrize(
    ("message", "lack"),
    [
        ("0/1 nodes are available: 1 Insufficient nvidia.com/gpu.", ("nvidia.com/gpu",)),
        ("0/1 nodes are available: 1 Insufficient hugepages-2Mi.", ("hugepages-2Mi",)),
        ("0/1 nodes are available: 1 Insufficient cpu, 1 Insufficient nvidia.com/gpu.", None),
        ("0/1 nodes are available: 1 Insufficient ephemeral-storage.", None),
    ],
)
def test_a_device_that_no_node_has_is_no_fault_of_the_submission(message: str, lack: tuple[str, ...] | None) -> None:
    """A request for a device is out of reach, unless the pod also asks for more than any node has of the rest."""
    story = Story().at(2).pod().unschedulable(message)
    decision = at(story, 2 + LIMITS.unschedulable)
    assert decision

    found = out_of_reach(decision, CANARY, story.timeline)

    assert (found.names if found else None) == lack
