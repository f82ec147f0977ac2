"""Keeps tokens out of pods that have no use for them, which saves a request and a volume for each pod.

A pod that says nothing of it gets a token of its namespace's ``default`` account, in a volume of its own (Kubernetes,
"Configure Service Accounts for Pods").  No stand-in asks the API anything.  A pod that names an account of the chart,
or says that it wants a token, gets one here too.
"""

from __future__ import annotations

from typing import Any

NAME = "canaryproof-no-tokens"


def policy() -> dict[str, Any]:
    """Return the MutatingAdmissionPolicy."""
    return {
        "apiVersion": "admissionregistration.k8s.io/v1",
        "kind": "MutatingAdmissionPolicy",
        "metadata": {"name": NAME},
        "spec": {
            "failurePolicy": "Fail",
            "reinvocationPolicy": "Never",
            "matchConstraints": {
                "resourceRules": [
                    {
                        "apiGroups": [""],
                        "apiVersions": ["v1"],
                        "operations": ["CREATE"],
                        "resources": ["serviceaccounts"],
                    }
                ],
            },
            "matchConditions": [{"name": "is-the-default-account", "expression": "object.metadata.name == 'default'"}],
            "mutations": [
                {
                    "patchType": "ApplyConfiguration",
                    "applyConfiguration": {"expression": "Object{automountServiceAccountToken: false}"},
                }
            ],
        },
    }
