"""Who may only work in one namespace hears what anybody else would hear."""

from __future__ import annotations

from canaryproof.experiment.confinement import in_plain_words
from canaryproof.model.objects import Manifest

REFUSED = (
    'error validating "": error validating data: failed to check CRD: failed to list CRDs: customresourcedefinitions'
    '.apiextensions.k8s.io is forbidden: User "canaryproof:sre-a-1b63" cannot list resource'
    ' "customresourcedefinitions" in API group "apiextensions.k8s.io" at the cluster scope'
)
UNKNOWN = Manifest({"kind": "Deploymnet", "apiVersion": "apps/v1"})


def test_a_kind_that_there_is_not_is_named() -> None:
    """What Helm 3 could not ask for is said for it; any other error is Helm's own."""
    assert in_plain_words(REFUSED, [UNKNOWN]) == 'no matches for kind "Deploymnet" in version "apps/v1"'
    assert in_plain_words(REFUSED, []) == REFUSED
    assert in_plain_words("field is immutable", [UNKNOWN]) == "field is immutable"
