"""The finding locates a canary that is in the chart but that Helm does not render."""

from __future__ import annotations

import time

import pytest

from canaryproof.checks import judging
from canaryproof.checks.unrendered import omitted
from canaryproof.model.evidence import ChartFile
from canaryproof.model.wording.cause_sentences import describe
from tests.unit.stories import STABLE
from tests.unit.test_judging import evidence, finding_of

DEPLOYMENT = "apiVersion: apps/v1\nkind: Deployment\nmetadata:\n  name: canary\n"
SOON = 5.0
"""The processor time in seconds. A runaway search takes minutes."""
STABLE_TEMPLATE = "templates/deployment.yaml"


def file(path: str, text: str = DEPLOYMENT) -> ChartFile:
    """Return a file of a chart, by default with a Deployment."""
    return ChartFile(path, text)


@pytest.mark.parametrize(
    ("files", "says", "where"),
    [
        ([file("canary.yml")], "canary.yml lies outside templates/", "canary.yml"),
        ([file("templates/_canary.yml")], "its name begins with an underscore", "templates/_canary.yml"),
        (
            [file(".helmignore", "# mine\n*.yml\n"), file("templates/canary.yml")],
            "hides it from Helm: *.yml",
            ".helmignore",
        ),
        ([file(".helmignore", "templates/extra/\n"), file("templates/extra/c.yml")], "templates/extra/", ".helmignore"),
        (
            [file("templates/c.yml", "# the canary\n{{- if .Values.canary.enabled }}\n" + DEPLOYMENT)],
            "renders to nothing, because of {{- if .Values.canary.enabled }}",
            "templates/c.yml:2",
        ),
        (
            [
                file("templates/c.yml", "{{- with .Values.canary }}\n" + DEPLOYMENT),
                file("values-canary.yaml", "canary: {}"),
            ],
            "Helm reads values.yaml, and not values-canary.yaml by itself",
            "templates/c.yml:1",
        ),
        ([file("templates/c.yml")], "templates/c.yml has a Deployment, but renders to nothing", "templates/c.yml"),
    ],
)
def test_what_helm_leaves_out_is_found(files: list[ChartFile], says: str, where: str) -> None:
    """The search returns the place of an unrendered Deployment and the reason why Helm leaves it out."""
    found = omitted((*files, file(STABLE_TEMPLATE)), {STABLE_TEMPLATE})

    assert found
    assert found.cause
    assert says in describe(found.cause)
    assert (found.where, bool(found.hint)) == (where, True)


def test_what_is_rendered_is_not_left_out() -> None:
    """The search leaves out rendered objects, other kinds, references to Deployments and subcharts."""
    service = file("templates/service.yml", "{{- if .Values.no }}\nkind: Service\n{{ end }}")
    scaler = file(
        "templates/hpa.yml", "{{- if .Values.no }}\nkind: HorizontalPodAutoscaler\n  kind: Deployment\n{{ end }}"
    )
    others = (file("charts/c/templates/c.yaml"), service, scaler)

    assert omitted((file(STABLE_TEMPLATE), *others), {STABLE_TEMPLATE}) is None


def test_the_check_tells_it() -> None:
    """The finding about the missing canary names the place."""
    found = finding_of(judging.canary_present, evidence(STABLE, files=(file("templates/_canary.yml"),)))

    assert found.message.startswith(
        "the chart adds no Deployment to the stable chart: it adds nothing; templates/_canary.yml"
    )
    assert found.where == "templates/_canary.yml"


@pytest.mark.parametrize("text", ["\n" * 60_000, "   \n" * 15_000, "{{" * 30_000, "{{ if " * 10_000])
def test_odd_files_take_no_time(text: str) -> None:
    """The search takes little time for a strange file, whether accidental or hostile."""
    began = time.process_time()

    omitted((file("templates/c.yml", f"{text}\nkind: Deployment\n"), file("a.yaml", text)), ())

    assert time.process_time() - began < SOON
