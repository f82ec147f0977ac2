"""Who may only work in one namespace hears what anybody else would hear."""

from __future__ import annotations

from canaryproof.experiment.confinement import hidden_cause
from canaryproof.model.causes import Cause
from canaryproof.model.objects import Manifest

REFUSED = (
    'error validating "": error validating data: failed to check CRD: failed to list CRDs: customresourcedefinitions'
    '.apiextensions.k8s.io is forbidden: User "canaryproof:sre-a-1b63" cannot list resource'
    ' "customresourcedefinitions" in API group "apiextensions.k8s.io" at the cluster scope'
)
UNKNOWN = Manifest({"kind": "Deploymnet", "apiVersion": "apps/v1", "metadata": {"name": "canary"}})


def test_a_kind_that_there_is_not_is_named() -> None:
    """What Helm 3 could not ask for is said for it; any other error is Helm's own."""
    assert hidden_cause(REFUSED, [UNKNOWN]) == Cause(code="kind-unknown", object="Deploymnet/canary", detail="apps/v1")
    assert hidden_cause(REFUSED, []) is None
    assert hidden_cause("field is immutable", [UNKNOWN]) is None
