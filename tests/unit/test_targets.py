"""The canary can be any workload, added or changed in place, and each scenario says how it is found."""

from __future__ import annotations

from dataclasses import replace

import pytest

from canaryproof.analysis.canary import CanaryFinding, find_canary, with_former_pods
from canaryproof.analysis.leftovers import leftover, new_pods
from canaryproof.analysis.outcome import decide
from canaryproof.model.causes import Cause
from canaryproof.model.evidence import Canary, ContainerLog, Decision, Evidence, Holder, Probe, Step
from canaryproof.model.objects import Body, Manifest, ObjectKey
from canaryproof.model.timeline import Change, Observation, Timeline
from canaryproof.scenario.terms import Expectation, Scenario, WorkloadName
from canaryproof.timeouts import TimeLimits
from tests.unit.stories import (
    CANARY,
    CANARY_DEPLOYMENT,
    CANARY_SERVICE,
    COURSE,
    STABLE,
    Story,
    deployment,
    rendering,
    service,
)

OWN = replace(COURSE, expect=Expectation(("crash-loop",)), submits_charts=False)
"""A scenario of a team's own chart that asks only for an outcome."""
STATEFUL_SET = deployment("db", image="example/db:1", port=80, replicas=3).replace(
    "kind: Deployment", "kind: StatefulSet"
)
DAEMON_SET = deployment("agent", image="example/agent:1", port=80).replace("kind: Deployment", "kind: DaemonSet")
AUTOSCALER = """
---
apiVersion: autoscaling/v2
kind: HorizontalPodAutoscaler
metadata: {name: app}
spec:
  scaleTargetRef: {kind: Deployment, name: app}
  minReplicas: 2
"""
LIMITS = TimeLimits()


def find(before: str, after: str, scenario: Scenario = OWN) -> CanaryFinding:
    """Return the canary of an upgrade."""
    return find_canary(rendering(before), rendering(after), scenario)


def canary_of(before: str, after: str, scenario: Scenario = OWN) -> Canary:
    """Return the canary, which must exist."""
    found = find(before, after, scenario).canary
    assert found
    return found


def decision_of(before: str, after: str, scenario: Scenario = OWN) -> Decision:
    """Return the reason why there is no canary."""
    found = find(before, after, scenario)
    assert found.canary is None
    assert found.decision
    return found.decision


def named(kind: str, name: str = "") -> Scenario:
    """Return a scenario that names its canary."""
    return replace(OWN, expect=Expectation(("crash-loop",), workload=WorkloadName(kind, name)))  # type: ignore[arg-type]


@pytest.mark.parametrize("kind", ["Deployment", "StatefulSet", "DaemonSet"])
def test_the_only_workload_that_is_added_is_the_canary(kind: str) -> None:
    """A workload of any kind can be the canary, beside a stable workload whose pod template changes too."""
    after = STABLE.replace("upcommerce:v3", "upcommerce:v4") + CANARY_DEPLOYMENT.replace(
        "kind: Deployment", f"kind: {kind}"
    )

    canary = canary_of(STABLE, after)

    assert (canary.key, canary.in_place) == (ObjectKey(kind, "upcommerce-canary-app"), False)


def test_the_only_workload_with_another_pod_template_is_the_canary_in_place() -> None:
    """Without an added workload, the canary is the one that changes in place; the others stay stable."""
    canary = canary_of(STABLE + STATEFUL_SET, STABLE + STATEFUL_SET.replace("db:1", "db:2"))

    assert (canary.key, canary.in_place, canary.images) == (ObjectKey("StatefulSet", "db"), True, ("example/db:2",))


def test_a_submission_with_a_service_of_its_own_has_to_add_a_deployment() -> None:
    """The course accepts neither a canary in place nor one of another kind."""
    changed = STABLE.replace("upcommerce:v3", "upcommerce:v4")

    assert decision_of(STABLE, changed, COURSE).cause.code == "no-deployment-added"
    assert decision_of(STABLE, STABLE + STATEFUL_SET, COURSE).cause.code == "no-deployment-added"
    assert find(STABLE, changed, replace(COURSE, expect=Expectation(("crash-loop",), traffic="own"))).canary


def test_a_kind_alone_leaves_out_workloads_of_other_kinds() -> None:
    """A scenario that states the kind of its canary finds the only added or changed workload of this kind."""
    added = STABLE + CANARY_DEPLOYMENT + STATEFUL_SET
    before, after = STABLE + STATEFUL_SET, (STABLE + STATEFUL_SET).replace("containerPort", "hostPort")

    assert canary_of(STABLE, added, named("StatefulSet")).name == "db"
    assert canary_of(before, after, named("Deployment")).name == "upcommerce-app"
    assert decision_of(STABLE, added, named("DaemonSet")).cause.code == "no-workload-changed"


def test_several_candidates_are_ambiguous_until_one_is_named() -> None:
    """Two added or two changed workloads are ambiguous; the scenario can name one of them."""
    added = STABLE + CANARY_DEPLOYMENT + STATEFUL_SET
    before, after = STABLE + STATEFUL_SET, (STABLE + STATEFUL_SET).replace("containerPort", "hostPort")

    assert decision_of(STABLE, added).cause.code == "several-workloads-added"
    assert decision_of(before, after).cause.code == "several-workloads-changed"
    assert canary_of(STABLE, added, named("StatefulSet", "db")).key == ObjectKey("StatefulSet", "db")
    assert canary_of(before, after, named("Deployment", "upcommerce-app")).in_place


def test_a_workload_that_is_not_there_is_told_with_those_that_are() -> None:
    """A named workload that the chart does not have is no canary; the reason lists the workloads."""
    decision = decision_of(STABLE, STABLE + STATEFUL_SET, named("Deployment", "db"))

    assert decision.outcome == "no-canary"
    assert decision.reason.endswith("its workloads are Deployment/upcommerce-app, StatefulSet/db")


def test_a_container_that_is_not_there_is_told_with_those_that_are() -> None:
    """A misspelt container would have no outcome: the chart alone shows that it is missing."""
    asked = replace(OWN, expect=Expectation(("crash-loop",), container="shp"))
    decision = decision_of(STABLE, STABLE + CANARY_DEPLOYMENT, asked)

    assert decision.cause == Cause(
        code="container-missing", object=f"Deployment/{CANARY.name}", container="shp", names=("main",)
    )
    assert decision.reason.endswith("its containers are main")


def test_a_workload_of_another_namespace_is_not_observed() -> None:
    """The recorder watches the namespace of the release only, so that nothing would be seen of the canary."""
    after = STABLE + CANARY_DEPLOYMENT.replace(f"name: {CANARY.name}\n", f"name: {CANARY.name}\n  namespace: far\n", 1)

    found = find_canary(rendering(STABLE), rendering(after), OWN, "shop-1")
    assert found.decision
    assert found.decision.cause == Cause(code="workload-elsewhere", object=f"Deployment/{CANARY.name}", found="far")
    assert find_canary(rendering(STABLE), rendering(after), OWN, "far").canary


def test_a_renamed_workload_is_the_canary_if_nothing_else_is_added() -> None:
    """A blue/green switch adds the canary, and removes a workload with the same image."""
    blue, green = (deployment(f"app-{colour}", image="example/app:1", port=80) for colour in ("blue", "green"))

    assert canary_of(blue, green).name == "app-green"
    assert canary_of(blue, green + CANARY_DEPLOYMENT).name == "upcommerce-canary-app"


def test_an_upgrade_that_changes_no_pod_template() -> None:
    """The only workload is the canary if the upgrade changes something else; an upgrade without a change has none."""
    app = deployment("app", image="example/app:1", port=80)

    assert canary_of(app, app.replace("replicas: 1", "replicas: 2")).name == "app"
    assert decision_of(app, app).cause.code == "no-workload-changed"
    assert decision_of(app, app + CANARY_SERVICE).cause.code == "no-workload-changed"


@pytest.mark.parametrize(
    ("chart", "replicas"),
    [
        pytest.param(deployment("app", image="a", port=80, replicas=3), 3, id="stated"),
        pytest.param(DAEMON_SET, 1, id="one-per-node"),
        pytest.param(deployment("app", image="a", port=80).replace("  replicas: 1\n", ""), 1, id="default"),
        pytest.param(
            deployment("app", image="a", port=80).replace("  replicas: 1\n", "") + AUTOSCALER, 2, id="autoscaler"
        ),
    ],
)
def test_the_number_of_pods_is_that_of_the_chart(chart: str, replicas: int) -> None:
    """The number of replicas comes from the workload, else from its autoscaler, else from the API's default."""
    assert canary_of("", chart).replicas == replicas


@pytest.mark.parametrize(
    ("strategy", "replicas"),
    [
        ("{type: RollingUpdate}", 3),
        ("{rollingUpdate: {partition: 2}}", 1),
        ("{rollingUpdate: {partition: 9}}", 0),
        ("{type: OnDelete}", 0),
    ],
)
def test_a_strategy_limits_the_pods_of_a_canary_in_place(strategy: str, replicas: int) -> None:
    """In place, the canary has the pods that the update strategy replaces. A new set starts all of them."""
    limited = STATEFUL_SET.replace("  replicas: 3\n", f"  replicas: 3\n  updateStrategy: {strategy}\n")

    assert canary_of(limited, limited.replace("db:1", "db:2")).replicas == replicas
    assert canary_of("", limited).replicas == 3


WEB = ObjectKey("StatefulSet", "web")
IN_PLACE = Canary("web", "t", 1, (), ("a:2",), kind="StatefulSet", in_place=True)


def workload(spec: Body | None = None, **status: int) -> Body:
    """Return a live workload whose controller has seen its second generation."""
    counts = {"observedGeneration": 2, "replicas": 1, "updatedReplicas": 0, "availableReplicas": 1, **status}
    return {
        "kind": "StatefulSet",
        "metadata": {"name": "web", "generation": 2},
        "spec": {"replicas": 1, **(spec or {})},
        "status": counts,
    }


def pod(revision: str, uid: str, *, ready: bool = True) -> Body:
    """Return a pod of the StatefulSet."""
    labels = {"controller-revision-hash": revision}
    owners = [{"kind": "StatefulSet", "name": "web", "uid": "s"}]
    conditions = [{"type": "Ready", "status": str(ready)}]
    metadata = {"name": "web-0", "uid": uid, "labels": labels, "ownerReferences": owners}
    return {
        "kind": "Pod",
        "metadata": metadata,
        "spec": {"containers": [{"name": "main"}]},
        "status": {"conditions": conditions},
    }


def seen(*changes: tuple[float, Change, Body]) -> Timeline:
    """Record *changes*."""
    return Timeline(tuple(Observation(at, change, Manifest(body)) for at, change, body in changes))


def test_the_pods_of_a_canary_in_place_are_those_of_another_revision() -> None:
    """The pods before the upgrade are stable's, and so are those that a rollback makes of the former template."""
    old, new, restored = pod("web-1", "a"), pod("web-2", "b"), pod("web-1", "c")
    before = seen((0, "ADDED", old))
    after = seen((0, "ADDED", old), (1, "DELETED", old), (2, "ADDED", new), (3, "DELETED", new), (4, "ADDED", restored))
    canary = with_former_pods(IN_PLACE, before)

    assert canary.former == ("web-1",)
    assert [each.uid for each in canary.pods(after)] == ["b"]
    assert [each.uid for each in replace(canary, in_place=False).pods(after)] == ["a", "b", "c"]


@pytest.mark.parametrize(
    ("spec", "status", "code"),
    [
        ({"updateStrategy": {"type": "OnDelete"}}, {}, "update-on-delete"),
        ({"updateStrategy": {"rollingUpdate": {"partition": 1}}}, {}, "update-partitioned"),
        ({"paused": True}, {}, "rollout-paused"),
        ({}, {"updatedReplicas": 1}, "template-unchanged"),
    ],
)
def test_a_workload_whose_pods_stay_is_not_rolled_out(spec: Body, status: dict[str, int], code: str) -> None:
    """The outcome is certain once the controller has seen the change and had time for new pods."""
    canary = replace(IN_PLACE, former=("web-1",))
    timeline = seen((0, "ADDED", pod("web-1", "a")), (1, "MODIFIED", workload(spec, **status)))

    assert decide(timeline, canary, 1, 1 + LIMITS.persistence / 2, LIMITS) is None
    decision = decide(timeline, canary, 1, 1 + LIMITS.persistence, LIMITS)
    assert decision
    assert (decision.outcome, decision.cause.code) == ("not-rolled-out", code)


def test_a_workload_in_place_that_asks_for_no_pods_has_none() -> None:
    """An upgrade that sets 0 replicas is told by that, and not as an unchanged pod template."""
    canary = replace(IN_PLACE, former=("web-1",))
    timeline = seen((0, "ADDED", pod("web-1", "a")), (1, "MODIFIED", workload({"replicas": 0})))

    assert decide(timeline, canary, 1, 1 + LIMITS.persistence / 2, LIMITS) is None
    decision = decide(timeline, canary, 1, 1 + LIMITS.persistence, LIMITS)
    assert decision
    assert (decision.outcome, decision.cause.code) == ("not-ready", "zero-replicas")


AGENT = Canary("agent", "t", 1, (), ("a:2",), kind="DaemonSet")


def agent(wanted: int) -> Body:
    """Return a live DaemonSet whose controller wants pods on so many nodes."""
    counts = {"observedGeneration": 1, "desiredNumberScheduled": wanted, "currentNumberScheduled": wanted}
    return {"kind": "DaemonSet", "metadata": {"name": "agent", "generation": 1}, "spec": {}, "status": counts}


def of_agent(uid: str) -> Body:
    """Return a Ready pod of the DaemonSet."""
    body: Body = pod("agent-1", uid)
    owners = [{"kind": "DaemonSet", "name": "agent", "uid": "d"}]
    return body | {"metadata": {**body["metadata"], "name": uid, "ownerReferences": owners}}


@pytest.mark.parametrize("in_place", [False, True])
def test_a_daemon_set_is_healthy_only_with_a_ready_pod_on_every_node(in_place: bool) -> None:  # noqa: FBT001
    """A rollout takes one node after another: one Ready pod of three is no healthy canary yet."""
    canary, now = replace(AGENT, in_place=in_place), 3 + LIMITS.observation
    first = [(1.0, "ADDED", agent(2)), (2.0, "ADDED", of_agent("one"))]

    assert decide(seen(*first), canary, 1, now, LIMITS) is None  # type: ignore[arg-type]
    decision = decide(seen(*first, (2.5, "ADDED", of_agent("two"))), canary, 1, now, LIMITS)  # type: ignore[arg-type]
    assert decision
    assert decision.outcome == "healthy"


@pytest.mark.parametrize("in_place", [False, True])
def test_a_daemon_set_that_no_node_is_fit_for(in_place: bool) -> None:  # noqa: FBT001
    """Its controller chooses the nodes before there is a pod, so that no scheduler says it."""
    timeline = seen((1, "ADDED", agent(0)))

    decision = decide(timeline, replace(AGENT, in_place=in_place), 1, 1 + LIMITS.persistence, LIMITS)
    assert decision
    assert (decision.outcome, decision.cause.code) == ("unschedulable", "no-node-chosen")


def test_a_workload_whose_controller_is_late_may_still_be_rolled_out() -> None:
    """Nothing is certain while the status of the workload is older than its spec."""
    canary = replace(IN_PLACE, former=("web-1",))
    late = seen((0, "ADDED", pod("web-1", "a")), (1, "MODIFIED", workload(observedGeneration=1, updatedReplicas=1)))

    assert decide(late, canary, 1, 1 + LIMITS.persistence, LIMITS) is None


def test_a_former_pod_may_take_its_time_to_end() -> None:
    """The new pod of a StatefulSet comes after the end of the former one, however slow that is."""
    canary, late = replace(IN_PLACE, former=("web-1",)), 1 + LIMITS.observation
    former, gone = pod("web-1", "a"), pod("web-1", "a")
    gone["metadata"]["deletionTimestamp"] = "2026-01-01T00:00:30Z"
    ends = seen((0, "ADDED", former), (1, "MODIFIED", workload(updatedReplicas=0)), (2, "MODIFIED", gone))
    ended = Timeline((*ends.observations, Observation(3, "DELETED", Manifest(gone))))

    assert decide(ends, canary, 1, late, LIMITS) is None
    decision = decide(ends, canary, 1, 1 + LIMITS.observation_extended, LIMITS)
    assert decision
    assert (decision.outcome, decision.cause.code, decision.cause.pod) == ("undecided", "former-pod-ending", "web-0")
    decision = decide(ended, canary, 1, late, LIMITS)
    assert decision
    assert decision.cause.code == "no-pod"


def test_a_canary_that_is_added_is_rolled_out_whatever_its_strategy_is() -> None:
    """A partition and OnDelete are about changes: a new workload starts all its pods."""
    timeline = seen((1, "ADDED", workload({"updateStrategy": {"type": "OnDelete"}})))

    assert decide(timeline, replace(IN_PLACE, in_place=False), 1, 10, LIMITS) is None


def test_refused_pods_of_a_stateful_set_are_told_by_events() -> None:
    """The API server's refusal is in an event of the controller, which must be as old as a lasting refusal is."""
    about = {"kind": "StatefulSet", "name": "web"}
    event = {
        "kind": "Event",
        "metadata": {"name": "e"},
        "involvedObject": about,
        "reason": "FailedCreate",
        "message": "no",
    }
    timeline = seen((1, "ADDED", workload()), (2, "ADDED", event))
    canary = replace(IN_PLACE, in_place=False)

    assert decide(timeline, canary, 1, 2 + LIMITS.persistence / 2, LIMITS) is None
    decision = decide(timeline, canary, 1, 2 + LIMITS.persistence, LIMITS)
    assert decision
    assert (decision.outcome, decision.cause.detail) == ("refused", "no")
    early = seen((0.5, "ADDED", workload()), (0.8, "ADDED", event), (1.2, "MODIFIED", event))
    assert decide(early, canary, 1, 1 + LIMITS.persistence, LIMITS), "the controller was faster than Helm"
    before = seen((0.5, "ADDED", workload()), (0.8, "ADDED", event))
    assert decide(before, canary, 1, 1 + LIMITS.persistence, LIMITS) is None


@pytest.mark.parametrize(
    ("spec", "ready", "holder"),
    [
        ({}, False, Holder("ordered-ready", "StatefulSet/web")),
        ({"podManagementPolicy": "OrderedReady"}, False, Holder("ordered-ready", "StatefulSet/web")),
        ({"podManagementPolicy": "Parallel"}, False, None),
        ({}, True, None),
    ],
)
def test_a_stuck_pod_of_a_stateful_set_is_left_over(spec: Body, ready: bool, holder: Holder | None) -> None:  # noqa: FBT001
    """A pod of the canary that is not Ready is not replaced by an OrderedReady set, and says so."""
    timeline = seen((0, "ADDED", workload(spec)), (1, "ADDED", pod("web-2", "b", ready=ready)))
    left = new_pods(timeline, replace(IN_PLACE, former=("web-1",)))
    (key,) = left

    assert key == ObjectKey("Pod", "web-0")
    assert leftover(key, left[key], frozenset(left), timeline).holder == holder


def test_a_service_of_a_canary_of_any_kind_is_a_route() -> None:
    """The Services that select a StatefulSet's pods are routes, as for a Deployment."""
    (route,) = canary_of(STABLE, STABLE + STATEFUL_SET + service("db", {"app": "db"}, port=80, target="http")).services

    assert (route.name, route.ports) == ("db", ((80, 80),))


def test_the_evidence_answers_what_checks_of_a_team_ask() -> None:
    """The evidence has the pods and their restarts, the crash log, the requests, the events and the objects by time."""
    story = Story().at(2).pod().running().at(3).ended(1).at(4).running().at(5).event("BackOff", "restarting")
    logs = (ContainerLog("one", "canary", previous, text) for previous, text in ((False, "begins"), (True, "ends")))
    given = Evidence(
        "alice",
        "",
        canary=CANARY,
        decision=Decision("crash-loop", Cause(code="crash-looped", container="canary")),
        timeline=story.timeline,
        upgrade=Step("upgrade", 1, 1.5),
        rollback=Step("rollback", 4.5, 6),
        probes=(Probe(1, 0.1), Probe(3, 0.1, "refused"), Probe(5, 0.1)),
        logs=tuple(logs),
    )

    (canary,) = given.canary_pods
    assert given.pods_of("Deployment", CANARY.name) == (canary,)
    assert canary.restarts_over_time == ((2, 0), (4, 1))
    assert given.crash_log == "ends"
    assert [each.at for each in given.probes_during_canary] == [3]
    moments = (given.objects_before, given.objects_during_canary, given.objects_after)
    assert [ObjectKey("Pod", "one") in each for each in moments] == [False, True, True]


def test_evidence_of_nothing_has_no_answers() -> None:
    """Without a cluster, there are no pods, logs, requests and objects."""
    given = Evidence("alice", "")

    assert (given.canary_pods, given.crash_log, given.probes_during_canary) == ((), "", ())
    assert (given.objects_before, given.objects_during_canary, given.objects_after) == ({}, {}, {})
    assert given.events_about("Pod", "one") == ()
