"""Keeps tokens out of pods that have no use for them, which saves a request and a volume for each pod.

A pod that says nothing of it gets a token of its namespace's ``default`` account, in a volume of its own (Kubernetes,
"Configure Service Accounts for Pods").  No stand-in asks the API anything.  A pod that names an account of the chart,
or says that it wants a token, gets one here too.
"""

from __future__ import annotations

from canaryproof.cluster.admission import rule
from canaryproof.model.objects import Body

NAME = "canaryproof-no-tokens"


def policy() -> Body:
    """Return the MutatingAdmissionPolicy."""
    withheld = {"expression": "Object{automountServiceAccountToken: false}"}
    return rule(
        NAME,
        "serviceaccounts",
        when={"is-the-default-account": "object.metadata.name == 'default'"},
        mutations=[{"patchType": "ApplyConfiguration", "applyConfiguration": withheld}],
    )
