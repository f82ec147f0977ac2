"""A refusal by the cluster's own policies is the cluster's affair; one by the chart's own objects is not."""

from __future__ import annotations

import pytest

from canaryproof.analysis.environment import refused_by_environment
from canaryproof.model.wording.cause_sentences import describe
from tests.unit.stories import rendering

DENIED = (
    "pods \"a\" is forbidden: ValidatingAdmissionPolicy 'costs' with binding 'costs' denied request: pods need a label"
)
WEBHOOK = 'admission webhook "validate.example.com" denied the request: no'
RESTRICTED = 'pods "a" is forbidden: violates PodSecurity "restricted:latest": runAsNonRoot != true'
EXCEEDED = 'pods "a" is forbidden: exceeded quota: team, requested: pods=1, used: pods=4, limited: pods=4'
UNSAID = 'pods "a" is forbidden: failed quota: team: must specify limits.cpu for: main'
RANGE = 'pods "a" is forbidden: maximum memory usage per Container is 1Gi, but limit is 2Gi'


def owned(kind: str) -> str:
    """Return a chart with an object of *kind* and the name ``team``."""
    return f"\n---\n# Source: a/templates/a.yaml\napiVersion: v1\nkind: {kind}\nmetadata: {{name: team}}\n"


@pytest.mark.parametrize(
    ("message", "name"),
    [
        (DENIED, "ValidatingAdmissionPolicy/costs"),
        (WEBHOOK, "admission webhook validate.example.com"),
        (RESTRICTED, "Pod Security Standard restricted"),
        (EXCEEDED, "ResourceQuota/team"),
        (UNSAID, "ResourceQuota/team"),
        (RANGE, "LimitRange"),
    ],
)
def test_the_policy_of_a_cluster_is_named(message: str, name: str) -> None:
    """The cause names the policy, and quotes the API server."""
    cause = refused_by_environment(("pulled", message), (), ("canaryproof-guard",))

    assert cause
    assert cause.object == name
    assert describe(cause).startswith(f"the cluster's own {name} refuses objects of this release")


@pytest.mark.parametrize(
    ("message", "chart"),
    [
        (EXCEEDED, owned("ResourceQuota")),
        (UNSAID, owned("ResourceQuota")),
        (RANGE, owned("LimitRange")),
        (EXCEEDED.replace("team", "canaryproof-guard"), ""),
        ('pods "a" is forbidden: violates PodSecurity "baseline:latest": privileged', ""),
        ('error looking up service account a: serviceaccount "a" not found', ""),
    ],
)
def test_what_a_chart_brings_on_itself_is_not_the_clusters(message: str, chart: str) -> None:
    """The chart's own quota, and canaryproof's limits, decide about the chart."""
    assert refused_by_environment((message,), rendering(chart).manifests, ("canaryproof-guard",)) is None
