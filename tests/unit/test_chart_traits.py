"""The harness derives from a chart whether it needs the assignment's namespace and whether it may take long."""

from __future__ import annotations

import pytest

from canaryproof.analysis.chart_traits import insists_on, may_take_long
from canaryproof.model.evidence import ChartFile, Rendering
from canaryproof.model.objects import Body, Manifest


def chart(**metadata: str) -> Rendering:
    """Return a chart with one object."""
    kind = "Namespace" if metadata["name"] == "sre" else "Service"
    return Rendering((Manifest({"kind": kind, "metadata": metadata}),))


def test_objects_may_name_the_namespace() -> None:
    """A chart needs the namespace if its objects name it, or if it contains the Namespace itself."""
    assert insists_on("sre", chart(name="a", namespace="sre"), ())
    assert insists_on("sre", chart(name="sre"), ())
    assert not insists_on("sre", chart(name="a"), ())
    assert not insists_on("sre", chart(name="a", namespace="default"), ())


ASKING = (
    '{{- if ne .Release.Namespace "sre" }}{{ fail "install me into sre" }}{{ end }}',
    '{{ if (eq "sre" .Release.Namespace) -}}',
    '{{- required "no!" (ternary "ok" "" (eq .Release.Namespace .Values.namespace)) }}',
)
PRINTING = (
    "namespace: {{ .Release.Namespace | quote }}",
    '{{ lookup "v1" "Service" .Release.Namespace "upcommerce-service" }}',
    '{{ if .Values.canary }}namespace: {{ .Release.Namespace }}{{ end }} if eq "sre"',
)


@pytest.mark.parametrize("text", ASKING)
def test_a_template_that_decides_by_the_namespace_insists(text: str) -> None:
    """A chart needs the namespace if a template branches on it. Other files do not count."""
    assert insists_on("sre", chart(name="a"), [ChartFile("templates/canary.yaml", text)])
    assert not insists_on("sre", chart(name="a"), [ChartFile("README.txt", text)])


@pytest.mark.parametrize("text", PRINTING)
def test_a_template_that_prints_the_namespace_does_not(text: str) -> None:
    """A chart that only prints the namespace renders alike in every namespace, and does not need a particular one."""
    assert not insists_on("sre", chart(name="a"), [ChartFile("templates/canary.yaml", text)])


def test_no_text_takes_long_to_read() -> None:
    """The analysis takes little time for unclosed braces."""
    assert not insists_on("sre", chart(name="a"), [ChartFile("templates/a.yaml", "{{" * 30_000 + " .Release.Names")])


STABLE = "course/app:v3"
CANARY = "course/canary:v1"
REF = {"secretKeyRef": {"name": "a", "key": "b"}}


def workload(name: str, container: Body, *, kind: str = "Deployment", hook: str = "", **pod: object) -> Manifest:
    """Return a workload with one container and further fields in its pod spec."""
    metadata = {"name": name, "annotations": {"helm.sh/hook": hook} if hook else {}}
    spec = {"containers": [{"name": "app", "image": CANARY, **container}], **pod}
    return Manifest({"kind": kind, "metadata": metadata, "spec": {"template": {"spec": spec}}})


BASELINE = Rendering((workload("app", {"image": STABLE, "readinessProbe": {}}),))


def foreseen(*more: Manifest) -> bool:
    """Return whether the course's chart with further objects may take long."""
    return may_take_long(Rendering((*BASELINE.manifests, *more)), BASELINE)


@pytest.mark.parametrize(
    "container",
    [
        {},
        {"ports": [{"containerPort": 5003}], "imagePullPolicy": "Always", "resources": {"limits": {"cpu": 1}}},
        {"env": [{"name": "A", "value": "b"}], "securityContext": {"runAsUser": 1}},
    ],
)
def test_a_canary_that_only_runs_its_image_ends_soon(container: Body) -> None:
    """A canary that only runs its image ends soon. The stable Deployment is not considered."""
    assert not foreseen(workload("canary", container))


@pytest.mark.parametrize(
    "canary",
    [
        workload("canary", {"command": ["sleep"]}),
        workload("canary", {"livenessProbe": {}}),
        workload("canary", {"envFrom": [{"secretRef": {"name": "a"}}]}),
        workload("canary", {"env": [{"name": "A", "valueFrom": REF}]}),
        workload("canary", {}, initContainers=[{"name": "first", "image": CANARY}]),
        workload("canary", {}, volumes=[{"name": "a"}]),
        workload("canary", {}, nodeSelector={"disk": "ssd"}),
        workload("canary", {"image": STABLE}),
        workload("migrate", {}, kind="Job", hook="pre-upgrade"),
    ],
    ids=["command", "probe", "config", "variable", "init", "volume", "node", "stable-image", "hook"],
)
def test_a_canary_that_has_more_to_do_may_take_long(canary: Manifest) -> None:
    """A canary may take long if a field can delay its start or its crash."""
    assert foreseen(canary)


def test_nothing_is_foreseen_where_nothing_is_added() -> None:
    """A chart without a canary ends soon."""
    assert not foreseen(Manifest({"kind": "Service", "metadata": {"name": "canary"}}))


def test_a_dependency_may_insist_too() -> None:
    """A chart needs the namespace if the templates of a dependency do."""
    assert insists_on("sre", chart(name="a"), [ChartFile("charts/db/templates/db.yaml", ASKING[0])])
