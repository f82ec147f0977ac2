"""Rules of a cluster: what it changes about objects as they are created, as a MutatingAdmissionPolicy."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from canaryproof.model.objects import Body


def rule(
    name: str, resource: str, *, when: Mapping[str, str], mutations: Sequence[Body], namespaces: Body | None = None
) -> Body:
    """Return the policy *name*: *mutations* change each new core object of *resource* for which all of *when* holds.

    *when* are CEL expressions by their names.  It holds in all namespaces, or in those that the selector *namespaces*
    picks; more than once, where others change the object too: the mutations must bear that.
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
