"""``canaryproof plan`` and ``canaryproof init``, with the real Helm and without a cluster."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from canaryproof.cli.subcommands import main
from canaryproof.cluster.embedded.toolchain import Machine, provide
from canaryproof.scenario.scenario_file import load_scenario
from canaryproof.system.paths import cache_folder
from canaryproof.system.process import run
from canaryproof.system.progress import Silence
from canaryproof.timeouts import TimeLimits

pytestmark = pytest.mark.chart

SWITCHED = """\
{{- range $track := list "stable" "canary" }}
{{- if or (eq $track "stable") $.Values.canary.enabled }}
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: shop-{{ $track }}}
spec:
  selector: {matchLabels: {app: shop, track: {{ $track }}}}
  template:
    metadata: {labels: {app: shop, track: {{ $track }}}}
    spec:
      containers: [{name: shop, image: "example/shop:{{ $track }}", ports: [{containerPort: 8080, name: http}]}]
{{- end }}
{{- end }}
---
apiVersion: v1
kind: Service
metadata: {name: shop}
spec:
  selector: {app: shop}
  ports: [{port: 80, targetPort: http}]
"""


@pytest.fixture(scope="module")
def helm() -> Path:
    """The pinned Helm."""
    tools = provide(cache=cache_folder(os.environ), progress=Silence(), tools=["helm"], machine=Machine(TimeLimits()))
    return tools.path("helm")


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The current folder, with a chart whose canary has a switch."""
    chart = tmp_path / "shop"
    (chart / "templates").mkdir(parents=True)
    (chart / "Chart.yaml").write_text("apiVersion: v2\nname: shop\nversion: 1.0.0\n", encoding="utf-8")
    (chart / "values.yaml").write_text("metrics: {enabled: false}\ncanary: {enabled: false}\n", encoding="utf-8")
    (chart / "templates" / "all.yaml").write_text(SWITCHED, encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_a_chart_with_a_switch_gets_a_scenario(here: Path, helm: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The switch brings the canary, which shares the stable Service, and the plan agrees with the file."""
    assert main(["init", "shop", "--helm", str(helm)]) == 0

    scenario = load_scenario(here / "canaryproof.yaml")
    assert scenario.canary.values == ({"canary": {"enabled": True}},)
    expect = scenario.expect
    assert (str(expect.workload), expect.replicas, expect.container_port) == ("Deployment/shop-canary", 1, 8080)
    assert expect.traffic == "shared"
    assert set(scenario.stand_ins) == {"example/shop:stable", "example/shop:canary"}
    text = (here / "canaryproof.yaml").read_text(encoding="utf-8")
    assert "# Switches of this chart: metrics.enabled, canary.enabled." in text

    capsys.readouterr()
    assert main(["plan", "--helm", str(helm)]) == 0
    pytest.LineMatcher(capsys.readouterr().out.splitlines()).fnmatch_lines(
        [
            "  helm install shop ./shop --namespace shop-shop-RANDOM",
            "  helm upgrade shop ./shop --namespace shop-shop-RANDOM --values canary-values-1.yaml --reset-values",
            "  helm rollback shop 1 --namespace shop-shop-RANDOM",
            '  canary-values-1.yaml contains {"canary": {"enabled": true}}',
            "  Deployment/shop-canary, which the upgrade adds (templates/all.yaml)",
            "  1 new pod, port 8080, example/shop:canary",
            "  Service/shop: 80 to 8080; it also selects Deployment/shop-stable",
            "  Service/shop: port 80, any answer",
            "  example/shop:canary: the embedded cluster plays it with agnhost netexec*",
            "  canary-outcome * 1 point: The canary's outcome is healthy",
        ]
    )


def test_agnhost_plays_no_image_with_an_init_container_of_its_own_command(here: Path, helm: Path) -> None:
    """The init container runs a program of the real image, which agnhost does not have."""
    template = here / "shop" / "templates" / "all.yaml"
    prepare = 'initContainers: [{name: prepare, image: "example/shop:stable", command: [/prepare]}]'
    text = SWITCHED.replace("      containers:", f"      {prepare}\n      containers:")
    template.write_text(text, encoding="utf-8")

    assert main(["init", "shop", "--helm", str(helm)]) == 0
    assert set(load_scenario(here / "canaryproof.yaml").stand_ins) == {"example/shop:canary"}


def test_a_file_is_never_overwritten(here: Path, helm: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The command refuses a file that exists, and does not change it."""
    (here / "canaryproof.yaml").write_text("mine", encoding="utf-8")

    assert main(["init", "shop", "--helm", str(helm)]) == 4
    assert "exists already; name another file with --output, or delete it" in capsys.readouterr().err
    assert (here / "canaryproof.yaml").read_text(encoding="utf-8") == "mine"


def test_a_generated_chart_gets_a_scenario_in_place(here: Path, helm: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """For a chart of ``helm create``, with values of the user's own, the canary changes the image tag in place."""
    run([str(helm), "create", "web"], timeout=60, env={"HOME": str(here), "PATH": os.environ["PATH"]}, cwd=here)
    (here / "production.yaml").write_text("replicaCount: 2\n", encoding="utf-8")
    output = ["--output", "web.yaml", "--values", "production.yaml"]

    assert main(["init", "web", "--helm", str(helm), *output]) == 0

    scenario = load_scenario(here / "web.yaml")
    assert scenario.values == (here / "production.yaml",)
    assert scenario.canary.values == ({"image": {"tag": "canaryproof-next"}},)
    assert (str(scenario.expect.workload), scenario.expect.replicas) == ("Deployment/web", 2)
    assert scenario.expect.traffic is None
    capsys.readouterr()
    assert main(["plan", "--scenario", "web.yaml", "--helm", str(helm), "--set", "image.tag=next"]) == 0
    printed = capsys.readouterr().out
    assert "--values ./production.yaml --values canary-values-2.yaml --set image.tag=next" in printed
    assert "  Deployment/web, which the upgrade changes in place (templates/deployment.yaml)\n" in printed
    assert "  nginx:next: the cluster pulls it\n" in printed
    assert "    nginx:next: {archive: nginx-next.tar}  # docker save nginx:next -o nginx-next.tar\n" in printed
    assert "canary-service               skipped: " in printed


def test_a_plan_shows_setup_revisions_and_flags(here: Path, helm: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The plan has one command for each step, in order, and says which checks are left out."""
    (here / "secrets.yaml").write_text("{}\n", encoding="utf-8")
    (here / "release.yaml").write_text(
        "apiVersion: canaryproof/v1\n"
        "release: shop\n"
        "namespace: {name: prod, exact: true}\n"
        "setup: [{manifest: secrets.yaml}, {release: db, chart: shop, values: [{a: 1}]}]\n"
        "stable: [{chart: shop}, {chart: shop, values: [{b: 2}]}]\n"
        "canary: {values: [{canary: {enabled: true}}]}\n"
        "expect: {outcome: [crash-loop, not-ready]}\n"
        "availability: [{service: shop, httpGet: {port: http, path: /}, maxOutage: 2s, successRate: 99}]\n"
        "helm: {install: [--no-hooks], upgrade: [--reuse-values], rollback: [--force]}\n"
        "checks: {canary-gone: 3, stable-untouched: skip}\n",
        encoding="utf-8",
    )

    assert main(["plan", "--scenario", "release.yaml", "--helm", str(helm)]) == 0

    pytest.LineMatcher(capsys.readouterr().out.splitlines()).fnmatch_lines(
        [
            "Release shop: shop",
            "Commands",
            "  kubectl apply -f ./secrets.yaml --namespace prod",
            "  helm install db ./shop --namespace prod --values setup-2-values-1.yaml --wait",
            "  helm install shop ./shop --namespace prod --no-hooks",
            "  helm upgrade shop ./shop --namespace prod --values stable-2-values-1.yaml --reuse-values",
            "  helm upgrade shop ./shop --namespace prod --values canary-values-1.yaml --reuse-values",
            "  (observe until the outcome is certain; expected: crash-loop or not-ready)",
            "  helm rollback shop 2 --namespace prod --force",
            "  Service/shop: port http, HTTP GET /, longest outage 2 s, at least 99 % answered",
            "  example/shop:stable: the cluster pulls it",
            "  stable-untouched * skipped: *",
            "  canary-gone * 3 points: *",
        ]
    )


def test_a_chart_that_needs_a_cluster_is_planned_as_far_as_possible(
    here: Path, helm: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A chart that does not render without a cluster keeps its commands, and the plan has Helm's message."""
    template = here / "shop" / "templates" / "all.yaml"
    template.write_text(
        '{{ required "no key" (dig "data" "key" "" (lookup "v1" "Secret" "prod" "key")) }}\n', encoding="utf-8"
    )
    (here / "canaryproof.yaml").write_text(
        "apiVersion: canaryproof/v1\nrelease: shop\nstable: {chart: shop}\nexpect: {outcome: healthy}\n",
        encoding="utf-8",
    )

    assert main(["plan", "--helm", str(helm)]) == 0
    printed = capsys.readouterr().out
    assert "  helm install shop ./shop" in printed
    assert "  not known: the charts do not render without a cluster: " in printed
    assert "no key" in printed


def test_what_is_no_chart_is_refused(here: Path, helm: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A path that is no chart gets the same message as in a scenario file."""
    (here / "empty").mkdir()

    assert main(["init", "empty", "--helm", str(helm)]) == 4
    assert "empty has no Chart.yaml" in capsys.readouterr().err
    assert not (here / "canaryproof.yaml").exists()
