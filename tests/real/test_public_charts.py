"""Rehearsals of charts that many people use."""

from __future__ import annotations

from contextlib import closing

import pytest

from canaryproof.kube.client import KubeClient
from canaryproof.kube.resources import Resource
from canaryproof.kube.running_cluster import Cluster
from canaryproof.timeouts import TimeLimits
from tests.real.rehearsing import Rehearsal, names_in

pytestmark = pytest.mark.real

INGRESS_CLASSES = Resource("IngressClass", "/apis/networking.k8s.io/v1", "ingressclasses")


@pytest.mark.parametrize("name", names_in("public"))
def test_the_expected_outcome_is_found(rehearse: Rehearsal, name: str) -> None:
    """Each scenario expects one outcome, and all checks that it asks for hold."""
    _, result = rehearse(name)

    assert result.verdict == "accepted", result.reason


def test_an_ordered_set_stays_stuck_after_the_rollback(rehearse: Rehearsal) -> None:
    """Alertmanager's StatefulSet does not replace its broken pod when its template is back."""
    evidence, result = rehearse("findings/alertmanager")

    (row,) = result.ended("failed")
    assert [str(each.object) for each in evidence.leftovers] == ["Pod/alerts-alertmanager-1"]
    assert (result.outcome, row.check.id, row.judgement.hint_id) == ("crash-loop", "canary-gone", "delete-pod")


def test_a_kind_of_an_operator_gets_the_advice_to_install_its_definition(rehearse: Rehearsal) -> None:
    """Flagger's chart switches on a Canary, and a Service off. Without Flagger, the upgrade fails."""
    _, result = rehearse("findings/flagger")

    hints = {row.check.id: row.judgement.hint_id for row in result.ended("failed")}
    assert hints["upgrade-applied"] == "definition-missing"
    assert (result.outcome, set(hints)) == ("no-canary", {"canary-present", "stable-untouched", "upgrade-applied"})


def test_a_canary_with_a_service_of_its_own_is_also_reached_by_another(rehearse: Rehearsal) -> None:
    """Emissary's Service for administration selects the pods of stable and of the canary."""
    _, result = rehearse("findings/emissary-own")

    failed = [row.check.id for row in result.ended("failed")]
    assert (result.outcome, failed) == ("crash-loop", ["canary-service"])


def test_a_failed_installation_leaves_nothing_outside_of_its_namespace(rehearse: Rehearsal, cluster: Cluster) -> None:
    """Emissary's IngressClass renders in the cluster only, so that only Helm's record has it."""
    evidence, result = rehearse("findings/install-fails")

    assert result.has_scenario_fault
    assert "IngressClass/ambassador" in {str(each.key) for each in evidence.baseline.manifests}
    with closing(KubeClient(cluster.kubeconfig, cluster.context, TimeLimits())) as client:
        assert client.get(INGRESS_CLASSES, "ambassador") is None
