"""Builds MutatingAdmissionPolicies, with which the API server changes objects on creation."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from canaryproof.model.objects import Body


def rule(
    name: str, resource: str, *, when: Mapping[str, str], mutations: Sequence[Body], namespaces: Body | None = None
) -> Body:
    """Return the policy *name*, which applies *mutations* to each new object of *resource* in the core API group.

    *when* maps names to CEL expressions, all of which must be true. The policy applies in namespaces that match the
    label selector *namespaces*, or in all namespaces without one. *mutations* must be idempotent: the API server
    applies them again if other policies or webhooks change the object afterwards.
    """
    created = {"apiGroups": [""], "apiVersions": ["v1"], "operations": ["CREATE"], "resources": [resource]}
    return {
        "apiVersion": "admissionregistration.k8s.io/v1",
        "kind": "MutatingAdmissionPolicy",
        "metadata": {"name": name},
        "spec": {
            "failurePolicy": "Fail",
            "reinvocationPolicy": "IfNeeded",
            "matchConstraints": {"namespaceSelector": namespaces or {}, "resourceRules": [created]},
            "matchConditions": [{"name": each, "expression": expression} for each, expression in when.items()],
            "mutations": list(mutations),
        },
    }
