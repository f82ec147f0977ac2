"""A chart may insist on the namespace that the assignment names, and what may take long is known from it."""

from __future__ import annotations

import pytest

from canaryproof.analysis.chart_traits import insists_on, may_take_long
from canaryproof.model.evidence import ChartFile, Rendering
from canaryproof.model.objects import Body, Manifest


def chart(**metadata: str) -> Rendering:
    """Return a chart of one object."""
    kind = "Namespace" if metadata["name"] == "sre" else "Service"
    return Rendering((Manifest({"kind": kind, "metadata": metadata}),))


def test_objects_may_name_the_namespace() -> None:
    """Objects that name it, and the Namespace itself, count; others do not."""
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
    """It is rendered as the assignment's command would; what is no template decides nothing."""
    assert insists_on("sre", chart(name="a"), [ChartFile("templates/canary.yaml", text)])
    assert not insists_on("sre", chart(name="a"), [ChartFile("README.txt", text)])


@pytest.mark.parametrize("text", PRINTING)
def test_a_template_that_prints_the_namespace_does_not(text: str) -> None:
    """It renders to the same in every namespace but for its name."""
    assert not insists_on("sre", chart(name="a"), [ChartFile("templates/canary.yaml", text)])


def test_no_text_takes_long_to_read() -> None:
    """Braces that are never closed are passed over."""
    assert not insists_on("sre", chart(name="a"), [ChartFile("templates/a.yaml", "{{" * 30_000 + " .Release.Names")])


STABLE = "course/app:v3"
CANARY = "course/canary:v1"
REF = {"secretKeyRef": {"name": "a", "key": "b"}}


def workload(name: str, container: Body, *, kind: str = "Deployment", hook: str = "", **pod: object) -> Manifest:
    """Return a workload with one container, and more in its pods' spec."""
    metadata = {"name": name, "annotations": {"helm.sh/hook": hook} if hook else {}}
    spec = {"containers": [{"name": "app", "image": CANARY, **container}], **pod}
    return Manifest({"kind": kind, "metadata": metadata, "spec": {"template": {"spec": spec}}})


BASELINE = Rendering((workload("app", {"image": STABLE, "readinessProbe": {}}),))


def foreseen(*more: Manifest) -> bool:
    """Say what is foreseen of the course's chart with something more in it."""
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
    """What it may take does not delay its crash; the course's own Deployment is not asked."""
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
    """Each of these can keep it from crashing, or from starting."""
    assert foreseen(canary)


def test_nothing_is_foreseen_where_nothing_is_added() -> None:
    """A chart without a canary is done as soon as it is rendered, upgraded and rolled back."""
    assert not foreseen(Manifest({"kind": "Service", "metadata": {"name": "canary"}}))


def test_a_dependency_may_insist_too() -> None:
    """The templates of a chart's own charts are rendered with it."""
    assert insists_on("sre", chart(name="a"), [ChartFile("charts/db/templates/db.yaml", ASKING[0])])
