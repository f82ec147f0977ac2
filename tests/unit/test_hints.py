"""The hint and the place of a finding depend on the cause, not only on the outcome's name."""

from __future__ import annotations

import pytest

from canaryproof.checks import judging
from canaryproof.checks.judging.outcome_advice import advice_on
from canaryproof.model.causes import Cause
from canaryproof.model.evidence import ChartFile, Decision, OutcomeName
from canaryproof.model.kubernetes_text import meaning
from tests.unit.test_judging import evidence, finding_of

TEMPLATE = "templates/upcommerce-canary-app.yaml"
VALUES = "upcommerce:\n  image: uonyeka/upcommerce:v3\ncanary:\n  image: uonyeka/canary:linux-amd64 # the canary\n"


@pytest.mark.parametrize(
    ("outcome", "text", "hint"),
    [
        ("not-ready", "Readiness probe failed: connection refused", "readiness-probe"),
        ("config-error", "container has runAsNonRoot and image will run as root", "runs-as-root"),
        ("config-error", "couldn't find key tokn in Secret sre/canary", "missing-key"),
        ("config-error", 'configmap "a" not found', "config-error"),
        ("unschedulable", "1 node(s) didn't match Pod's node affinity/selector", "node-choice"),
        ("unschedulable", 'persistentvolumeclaim "data" not found', "volume-claim"),
        ("unschedulable", "1 Insufficient memory", "no-room"),
        ("refused", 'error looking up service account: serviceaccount "a" not found', "no-service-account"),
        ("refused", "exceeded quota: small", "quota"),
        ("refused", "maximum memory usage per Container is 64Mi, but limit is 512Mi", "range"),
    ],
)
def test_the_hint_goes_with_what_kubernetes_says(outcome: OutcomeName, text: str, hint: str) -> None:
    """The hint follows the message of Kubernetes, because one outcome has many causes with different remedies."""
    cause = Cause(code="pods-refused", detail=text, why=meaning(outcome, text))

    assert advice_on(Decision(outcome, cause)).hint == hint


@pytest.mark.parametrize(
    ("outcome", "cause", "hint"),
    [
        ("image-pull", Cause(code="image-pull-forbidden"), "image-pull-policy"),
        ("image-pull", Cause(code="image-not-on-node"), "image-pull-policy"),
        ("image-pull", Cause(code="image-not-found", init=True), "init-container-image"),
        ("image-pull", Cause(code="image-not-found"), "image-pull"),
        ("not-ready", Cause(code="init-not-ended", init=True), "init-container-waits"),
        ("not-ready", Cause(code="rollout-paused"), "rollout-paused"),
        ("not-ready", Cause(code="zero-replicas"), "zero-replicas"),
    ],
)
def test_the_hint_goes_with_the_cause(outcome: OutcomeName, cause: Cause, hint: str) -> None:
    """The hint follows the cause's code and the kind of container if no message of Kubernetes decides."""
    assert advice_on(Decision(outcome, cause)).hint == hint


def test_an_image_that_is_not_there_is_shown_where_it_is_written() -> None:
    """The place of a missing image is the line in values.yaml that names it, or else the line in the template."""
    never = Decision("image-pull", Cause(code="image-not-found", image="uonyeka/canary:linux-amd64"))
    template = ChartFile(TEMPLATE, "image: {{ .Values.canary.image }}\n")
    in_both = ChartFile("templates/other.yaml", "image: uonyeka/canary:linux-amd64\n")

    def place(*files: ChartFile) -> str:
        return finding_of(judging.canary_outcome, evidence(decision=never, files=files)).where

    assert place(ChartFile("values.yaml", VALUES), template) == "values.yaml:4"
    assert place(ChartFile("values.yaml", VALUES), in_both, template) == f"{TEMPLATE}:1"
    assert place(template) == f"{TEMPLATE}:1"
