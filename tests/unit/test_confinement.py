"""A user who is confined to one namespace gets the same errors as any other user."""

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
    """Helm's error names an unknown kind although Helm 3 may not look it up. Other errors stay Helm's own."""
    assert hidden_cause(REFUSED, [UNKNOWN]) == Cause(code="kind-unknown", object="Deploymnet/canary", detail="apps/v1")
    assert hidden_cause(REFUSED, []) is None
    assert hidden_cause("field is immutable", [UNKNOWN]) is None
