"""The assignment names a namespace, so a chart may insist on it."""

from __future__ import annotations

import pytest

from canaryproof.analysis.chart_traits import insists_on
from canaryproof.model.evidence import ChartFile, Rendering
from canaryproof.model.objects import Manifest


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
