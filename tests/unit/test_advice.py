"""The hint and the place go with what was seen, not only with the name of the outcome."""

from __future__ import annotations

import pytest

from canaryproof import judging
from canaryproof.evidence import ChartFile, Decision, OutcomeName
from canaryproof.judging.advice import advice_on
from tests.unit.test_judging import evidence, finding_of

TEMPLATE = "templates/upcommerce-canary-app.yaml"
VALUES = "upcommerce:\n  image: uonyeka/upcommerce:v3\ncanary:\n  image: uonyeka/canary:linux-amd64 # the canary\n"


@pytest.mark.parametrize(
    ("outcome", "reason", "hint"),
    [
        ("image-pull", "imagePullPolicy Never forbids to pull it", "imagePullPolicy"),
        ("image-pull", "init container wait never started: image busybox was not found", "init container"),
        ("image-pull", "container canary never started: image x was not found", "letter by letter"),
        ("not-ready", "init container wait did not end within 60 s", "what the init container waits for"),
        ("not-ready", "canary is paused, so no pod of it was started", "spec.paused"),
        ("not-ready", "never became Ready: Readiness probe failed: connection refused", "readiness probe"),
        ("config-error", "container has runAsNonRoot and image will run as root", "runs as root"),
        ("config-error", "couldn't find key tokn in Secret sre/canary", "the key"),
        ("config-error", 'configmap "a" not found', "does not create"),
        ("unschedulable", "1 node(s) didn't match Pod's node affinity/selector", "asks of its node"),
        ("unschedulable", 'persistentvolumeclaim "data" not found', "claim"),
        ("unschedulable", "1 Insufficient memory", "requests and limits"),
        ("refused", 'error looking up service account: serviceaccount "a" not found', "ServiceAccount"),
        ("refused", "exceeded quota: small", "ResourceQuota"),
        ("refused", "maximum memory usage per Container is 64Mi, but limit is 512Mi", "LimitRange"),
    ],
)
def test_the_hint_goes_with_the_reason(outcome: OutcomeName, reason: str, hint: str) -> None:
    """One outcome has many reasons, and each its own remedy."""
    assert hint in advice_on(Decision(outcome, reason)).hint


def test_an_image_that_is_not_there_is_shown_where_it_is_written() -> None:
    """The name stands in the values, as a rule: that is where the slip is."""
    never = Decision(
        "image-pull", "container canary of it never started: image uonyeka/canary:linux-amd64 was not found"
    )
    template = ChartFile(TEMPLATE, "image: {{ .Values.canary.image }}\n")
    in_both = ChartFile("templates/other.yaml", "image: uonyeka/canary:linux-amd64\n")

    def place(*files: ChartFile) -> str:
        return finding_of(judging.canary_crash_loop, evidence(decision=never, files=files)).where

    assert place(ChartFile("values.yaml", VALUES), template) == "values.yaml:4"
    assert place(ChartFile("values.yaml", VALUES), in_both, template) == f"{TEMPLATE}:1"
    assert place(template) == f"{TEMPLATE}:1"
