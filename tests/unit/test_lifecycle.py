"""An experiment always ends with evidence, and reports faults of the cluster as such."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from canaryproof.experiment.admission_probe import AdmissionProbe
from canaryproof.experiment.baseline import Baseline
from canaryproof.experiment.capacity import Capacity, Parallel
from canaryproof.experiment.context import Context, Target
from canaryproof.experiment.evidence_builder import timings_of
from canaryproof.experiment.isolation import Isolation
from canaryproof.experiment.lifecycle import run_experiment
from canaryproof.experiment.preparation import namespace_for
from canaryproof.experiment.vetting import Vetting
from canaryproof.helm.inputs import Inputs
from canaryproof.helm.verbs import Helm
from canaryproof.kube.client import KubeClient
from canaryproof.kube.recorder import Recorder
from canaryproof.kube.running_cluster import Vitals
from canaryproof.model.causes import Cause
from canaryproof.model.evidence import Decision, Evidence, Setting, Step, Timings
from canaryproof.redaction import Redactor
from canaryproof.scenario.scenario_file import load_scenario
from canaryproof.submissions.discovery import Submission
from canaryproof.system.sandbox import UNCONFINED
from canaryproof.timeouts import TimeLimits
from tests.unit.fake_api import FakeApi
from tests.unit.packing import CHART, write
from tests.unit.stories import because

HELM = """#!/bin/sh
case "$1" in
template) cat <<'END'
---
# Source: shop/templates/app.yaml
apiVersion: v1
kind: Service
metadata:
  name: shop%s
spec:
  ports:
    - port: 5000
END
;;
*) echo "Error: $1 is not expected" >&2; exit 1;;
esac
"""
NAMESPACED = "\n  namespace: sre"
REFUSED = (403, {"kind": "Status", "message": "quota exceeded"})


@pytest.fixture
def api(tmp_path: Path) -> Iterator[FakeApi]:
    """Serve a fake API without objects."""
    with FakeApi().serve(tmp_path) as api:
        yield api


@pytest.fixture
def attempt(api: FakeApi, tmp_path: Path) -> Callable[..., Evidence]:
    """Return a function that tries a submission with a Helm that only renders."""

    def run(
        *,
        doom: str = "",
        extra: str = "",
        problem: str = "",
        unsafe: bool = False,
        confined: bool = True,
        provider: str = "lab",
        **seconds: float,
    ) -> Evidence:
        def doomed() -> str | None:
            return doom if doom and ("POST", "/api/v1/namespaces") in api.asked else None

        binary = tmp_path / "helm"
        binary.write_text(HELM % extra)
        binary.chmod(0o755)
        chart = write(tmp_path / "upcommerce", CHART)
        faults: list[str] = []
        time_limits = TimeLimits(**{"look_again": 0.01, "namespace": 0.1, "gone": 0.1, **seconds})
        client = KubeClient(api.kubeconfig, "lab", time_limits)
        with Recorder(client, Vitals(), watched=(), time_limits=time_limits) as recorder:
            helm, scenario = Helm(binary, tmp_path, api.kubeconfig, "lab", time_limits=time_limits), load_scenario()
            inputs = Inputs.of(scenario, tmp_path)
            setting = Setting(provider, "1.37.2", 1, "4.3.1", "stand-in")
            admission = AdmissionProbe(client, time_limits, doomed, faults.append)
            target = Target(
                client=client,
                helm=helm,
                recorder=recorder,
                isolation=Isolation(client, "7", setting, confined, admission),
                vetting=Vetting(client, setting, scenario.namespace),
                setting=setting,
            )
            context = Context(
                scenario=scenario,
                inputs=inputs,
                baseline=Baseline(helm, scenario.release, inputs.stable[-1], "1.37.2"),
                target=target,
                capacity=Capacity.of(Parallel.exactly(1), client, time_limits, doomed),
                time_limits=time_limits,
                doomed=doomed,
                sandbox=UNCONFINED,
                redactor=Redactor(),
            )
            submission = Submission("Alice B.", "class/alice", chart, problem, unsafe=bool(problem) and unsafe)
            evidence = run_experiment(submission, context)
        client.close()
        return evidence

    return run


def test_a_wait_for_the_cluster_ends_in_a_fault(attempt: Callable[..., Evidence], api: FakeApi) -> None:
    """A cluster whose controllers do not react causes a fault, and the namespace is deleted."""
    evidence = attempt()

    assert evidence.fault
    assert evidence.fault.detail == "no ServiceAccount/default within 0.1 s; last seen: nothing"
    assert evidence.decision.outcome == "no-canary"
    assert ("DELETE", f"/api/v1/namespaces/{evidence.namespace}") in api.asked
    assert evidence.timings.total > 0


@pytest.mark.parametrize(("provider", "policies"), [("kind", 1), ("minikube", 1), ("existing", 0)])
def test_a_namespace_is_isolated_where_the_cluster_is_the_runs(
    attempt: Callable[..., Evidence], api: FakeApi, provider: str, policies: int
) -> None:
    """The experiment creates a NetworkPolicy on a cluster of kind or minikube, but none on a shared cluster."""
    evidence = attempt(provider=provider)

    path = f"/apis/networking.k8s.io/v1/namespaces/{evidence.namespace}/networkpolicies"
    assert api.asked.count(("POST", path)) == policies


def test_a_doomed_run_waits_for_nothing(attempt: Callable[..., Evidence]) -> None:
    """A wait ends at once with the reason when the cluster has failed."""
    evidence = attempt(doom="etcd ended", namespace=3600)

    assert evidence.fault
    assert "gave up on ServiceAccount/default: etcd ended" in evidence.fault.detail


def test_a_namespace_that_cannot_be_made_is_a_fault(attempt: Callable[..., Evidence], api: FakeApi) -> None:
    """A namespace that the API refuses to create is a fault, and the experiment deletes no other namespace."""
    api.answers["POST", "/api/v1/namespaces"] = REFUSED

    evidence = attempt()

    assert evidence.fault
    assert "quota exceeded" in evidence.fault.detail
    assert not [path for verb, path in api.asked if verb == "DELETE"]


def test_a_request_that_fails_with_the_cluster_names_what_has_died(
    attempt: Callable[..., Evidence], api: FakeApi
) -> None:
    """The fault names the component that ended rather than the broken connection."""
    api.answers["POST", "/api/v1/namespaces"] = REFUSED

    assert attempt(doom="etcd ended").fault == Cause(code="cluster-fault", detail="etcd ended")


def test_the_namespace_of_somebody_else_is_left_alone(attempt: Callable[..., Evidence], api: FakeApi) -> None:
    """A chart that needs the course's namespace waits for it. The experiment never takes over a namespace of others."""
    api.answers["GET", "/api/v1/namespaces/sre"] = (200, {"metadata": {"name": "sre"}})

    evidence = attempt(extra=NAMESPACED)

    assert evidence.fault
    assert "exists already and is not this run's; kubectl delete namespace sre" in evidence.fault.detail
    assert not [path for verb, path in api.asked if verb in {"POST", "DELETE"}]


def test_the_courses_own_namespace_is_used_where_a_chart_insists(
    attempt: Callable[..., Evidence], api: FakeApi
) -> None:
    """The experiment creates the course's namespace for a chart that needs it, and deletes it afterwards."""
    api.answers["GET", "/api/v1/namespaces/sre"] = (404, {"kind": "Status"})

    evidence = attempt(extra=NAMESPACED)

    assert evidence.namespace == "sre"
    assert ("DELETE", "/api/v1/namespaces/sre") in api.asked


def test_a_submission_without_a_chart_asks_for_nothing(attempt: Callable[..., Evidence], api: FakeApi) -> None:
    """A submission without a chart is decided without the cluster."""
    evidence = attempt(problem="saw no Chart.yaml")

    assert evidence.decision.outcome == "broken-chart"
    assert "saw no Chart.yaml" in evidence.decision.reason
    assert evidence.chart.error == evidence.decision.cause.detail
    assert evidence.fault is None
    assert api.asked == []


def test_what_intake_has_refused_is_unsafe(attempt: Callable[..., Evidence], api: FakeApi) -> None:
    """A submission that intake has refused is unsafe, and is decided without the cluster."""
    evidence = attempt(problem="a link that leads out", unsafe=True)

    assert (evidence.decision.outcome, evidence.chart.error) == ("unsafe-chart", "a link that leads out")
    assert api.asked == []


def test_what_reaches_out_is_refused_before_anything_is_applied(attempt: Callable[..., Evidence], api: FakeApi) -> None:
    """A chart that reaches out of its namespace is refused, and nothing is created.

    The experiment only asks the cluster for its kinds.
    """
    evidence = attempt(extra="\n  namespace: kube-system")

    assert evidence.decision.outcome == "unsafe-chart"
    assert "Service/shop (templates/app.yaml) is for the namespace 'kube-system'" in evidence.chart.error
    assert evidence.files
    assert {verb for verb, _ in api.asked} == {"GET"}


@pytest.mark.parametrize(
    ("provider", "refused"),
    [("embedded", False), ("kind", False), ("minikube", False), ("existing", True), ("of-a-later-version", True)],
)
def test_a_cluster_is_taken_for_somebody_elses_unless_the_run_made_it(
    attempt: Callable[..., Evidence], api: FakeApi, provider: str, *, refused: bool
) -> None:
    """A cluster counts as shared unless the run created it. A chart may publish Services only on the run's own."""
    balanced = "\nspec: {type: LoadBalancer}\n---\napiVersion: v1\nkind: Service\nmetadata:\n  name: other"

    evidence = attempt(extra=balanced, provider=provider)

    assert (evidence.decision.outcome == "unsafe-chart") is refused
    assert ("POST", "/api/v1/namespaces") not in api.asked or not refused


def test_a_namespace_keeps_what_is_tried_inside(attempt: Callable[..., Evidence], api: FakeApi) -> None:
    """The namespace refuses privileged pods, and the user of the upgrade has rights only in it."""
    namespace = attempt().namespace

    made = {path: body for (verb, path), body in zip(api.asked, api.bodies, strict=True) if verb == "POST"}
    labels = made["/api/v1/namespaces"]["metadata"]["labels"]
    rbac = f"/apis/rbac.authorization.k8s.io/v1/namespaces/{namespace}"
    binding, role = made[f"{rbac}/rolebindings"], made[f"{rbac}/roles"]
    assert labels["pod-security.kubernetes.io/enforce"] == "baseline"
    assert [each["name"] for each in binding["subjects"]] == [f"canaryproof:{namespace}"]
    assert (binding["roleRef"]["kind"], binding["roleRef"]["name"]) == ("Role", role["metadata"]["name"])
    assert f"/api/v1/namespaces/{namespace}/resourcequotas" in made


def test_rights_for_pods_end_an_experiment_that_cannot_be_confined(
    attempt: Callable[..., Evidence], api: FakeApi
) -> None:
    """A chart that grants rights to pods ends the experiment if the account cannot confine the rollback.

    This is no fault of the chart.
    """
    binding = "\n---\napiVersion: rbac.authorization.k8s.io/v1\nkind: RoleBinding\nmetadata:\n  name: a"
    evidence = attempt(extra=binding, confined=False)

    assert evidence.fault
    assert "may not upgrade as another user, which RoleBinding/a takes" in evidence.fault.detail
    assert ("POST", "/api/v1/namespaces") not in api.asked


def test_an_account_that_cannot_confine_makes_the_limits_all_the_same(
    attempt: Callable[..., Evidence], api: FakeApi
) -> None:
    """An account that cannot confine users still creates the limits. The chart is frozen, and no rights are granted."""
    namespace = attempt(confined=False).namespace

    made = {path for verb, path in api.asked if verb == "POST"}
    assert {f"/api/v1/namespaces/{namespace}/{each}" for each in ("resourcequotas", "limitranges")} <= made
    assert not [path for path in made if "rbac" in path]


@pytest.mark.parametrize(
    ("name", "slug"), [("Alice B.", "alice-b"), ("x" * 99, "x" * 40), ("---", "submission"), ("Ünal_1", "nal-1")]
)
def test_a_namespace_has_a_name_that_kubernetes_takes(name: str, slug: str) -> None:
    """Each namespace has a unique name of at most 63 lower-case letters, digits and dashes."""
    first, second = namespace_for("sre", name), namespace_for("sre", name)

    assert first.startswith(f"sre-{slug}-")
    assert len(first) <= 63
    assert first != second


def test_the_phases_are_timed_from_where_they_begin() -> None:
    """The time of the outcome starts at the end of the upgrade.

    The time until the canary is gone starts at the end of the rollback.
    """
    evidence = Evidence(
        "a",
        "a",
        decision=Decision("crash-loop", because(""), at=5.0),
        install=Step("", 0.5, 1.0),
        upgrade=Step("", 2.0, 2.25),
        rollback=Step("", 5.5, 6.0),
        settled_at=1.5,
        gone_at=6.5,
        ended_at=7.0,
    )

    assert timings_of(evidence) == Timings(install=1.0, upgrade=0.25, outcome=2.75, rollback=0.5, gone=0.5, total=7.0)
    assert timings_of(Evidence("a", "a", ended_at=1.0)) == Timings(total=1.0)
