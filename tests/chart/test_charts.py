"""The course's chart and the reference, rendered by the real Helm."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest

from canaryproof.analysis.canary import find_canary
from canaryproof.cluster.embedded.toolchain import Machine, provide
from canaryproof.helm.verbs import Helm
from canaryproof.model.evidence import Rendering
from canaryproof.model.objects import ObjectKey
from canaryproof.scenario.scenario_file import load_scenario
from canaryproof.scenario.terms import Scenario
from canaryproof.system.paths import cache_folder
from canaryproof.system.progress import Silence
from canaryproof.system.sandbox_detection import sandbox_available
from canaryproof.timeouts import TimeLimits

pytestmark = pytest.mark.chart

REFERENCE = Path(__file__).parents[2] / "upcommerce"


@pytest.fixture(scope="module", params=["helm", "helm3"])
def helm(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Helm:
    """The pinned Helm 4 and the pinned Helm 3."""
    toolchain = provide(
        cache=cache_folder(os.environ), progress=Silence(), tools=[request.param], machine=Machine(TimeLimits())
    )
    home = tmp_path_factory.mktemp("helm")
    sandbox = sandbox_available(TimeLimits())
    return Helm(
        toolchain.path(request.param),
        home,
        home / "no-kubeconfig",
        "no-context",
        sandbox=sandbox,
        time_limits=TimeLimits(),
    )


@pytest.fixture(scope="module")
def scenario() -> Scenario:
    """The UpCommerce course."""
    return load_scenario()


@pytest.fixture(scope="module")
def readable(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder that all users may search, for a chart that is rendered without rights."""
    folder = tmp_path_factory.mktemp("charts")
    folder.chmod(0o755)
    return folder


@pytest.fixture(scope="module")
def baseline(helm: Helm, scenario: Scenario) -> Rendering:
    """The chart with which every student starts."""
    return helm.renderer.template(scenario.release, scenario.stable_chart, scenario.namespace, trusted=True)


@pytest.fixture(scope="module")
def reference(helm: Helm, scenario: Scenario, readable: Path) -> Rendering:
    """The reference solution of the course."""
    return helm.renderer.template(
        scenario.release, shutil.copytree(REFERENCE, readable / "upcommerce", dirs_exist_ok=True), scenario.namespace
    )


def test_the_courses_chart_is_a_deployment_and_its_service(baseline: Rendering) -> None:
    """The course's chart renders to the Deployment and the Service that the assignment describes."""
    deployment, service = sorted(baseline.manifests, key=lambda it: it.kind)

    assert (deployment.key, service.key) == (
        ObjectKey("Deployment", "upcommerce-app"),
        ObjectKey("Service", "upcommerce-service"),
    )
    (container,) = deployment.body["spec"]["template"]["spec"]["containers"]
    assert container == {
        "name": "upcommerce",
        "image": "uonyeka/upcommerce:v3",
        "ports": [{"containerPort": 5000}],
        "imagePullPolicy": "Always",
        "resources": {"limits": {"cpu": 1, "memory": "4Gi"}},
    }
    assert service.body["spec"]["type"] == "NodePort"
    assert service.body["spec"]["ports"] == [{"protocol": "TCP", "port": 5000, "targetPort": 5000}]


def test_the_reference_adds_one_canary_and_its_service(
    baseline: Rendering, reference: Rendering, scenario: Scenario
) -> None:
    """The reference renders to the course's chart, and to a canary by the course's terms with its Service only."""
    finding = find_canary(baseline, reference, load_scenario())

    assert finding.added == (
        ObjectKey("Service", "upcommerce-canary-service"),
        ObjectKey("Deployment", "upcommerce-canary-app"),
    )
    assert finding.canary
    assert (finding.canary.replicas, finding.canary.ports) == (
        scenario.expect.replicas,
        (scenario.expect.container_port,),
    )
    assert [route.ports for route in finding.canary.services] == [((5003, 5003),)]


def test_a_template_that_does_not_render_is_named_with_its_line(helm: Helm, tmp_path: Path) -> None:
    """A rendering error contains Helm's message with file and line, without the folder of the harness."""
    chart = tmp_path / "charts" / "broken"
    (chart / "templates").mkdir(parents=True)
    (chart / "Chart.yaml").write_text("apiVersion: v2\nname: broken\nversion: 0.1.0\n", encoding="utf-8")
    (chart / "templates" / "app.yaml").write_text("kind: Deployment\nname: {{ .Values.a.b }}\n", encoding="utf-8")

    error = helm.renderer.template("broken", chart, "sre").error

    assert "templates/app.yaml:2" in error
    assert "nil pointer evaluating interface {}.b" in error
