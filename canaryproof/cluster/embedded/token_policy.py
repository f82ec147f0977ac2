"""Keeps service account tokens out of pods that do not need them, which saves a request and a volume per pod.

By default, Kubernetes mounts a token of the namespace's ``default`` account into each pod (Kubernetes, "Configure
Service Accounts for Pods"). Stand-ins never call the API. A pod still gets a token if it names an account of the chart,
or sets ``automountServiceAccountToken: true``.
"""

from __future__ import annotations

from canaryproof.cluster.admission import rule
from canaryproof.model.objects import Body

NAME = "canaryproof-no-tokens"


def policy() -> Body:
    """Return the MutatingAdmissionPolicy that turns off token mounts for ``default`` accounts."""
    withheld = {"expression": "Object{automountServiceAccountToken: false}"}
    return rule(
        NAME,
        "serviceaccounts",
        when={"is-the-default-account": "object.metadata.name == 'default'"},
        mutations=[{"patchType": "ApplyConfiguration", "applyConfiguration": withheld}],
    )
