"""Removes credentials from text and from Kubernetes objects before they are kept or shown; pure.

Fixed patterns recognize what a credential looks like anywhere (`text`).  The values that are known to be secret are the
data of the Secrets of a run, the credentials of its kubeconfig, and environment variables that are named like a secret
(`values`); the `redactor` finds them as they are and in Base64.

The names of objects, images, labels and other identifiers are no secrets and stay: what is judged does not change.
"""

from canaryproof.redaction.redactor import LAST_APPLIED, Redactor
from canaryproof.redaction.text import MARK, redacted
from canaryproof.redaction.values import environment_values, identifiers_of, kubeconfig_values, object_values

__all__ = [
    "LAST_APPLIED",
    "MARK",
    "Redactor",
    "environment_values",
    "identifiers_of",
    "kubeconfig_values",
    "object_values",
    "redacted",
]
