"""Removes credentials from text and from Kubernetes objects before they are stored or shown.  This package is pure.

Fixed patterns recognize text that has the shape of a credential (`text`). Known secret values are the data of the
Secrets of a run, the credentials in its kubeconfig, and environment variables whose names suggest a secret (`values`).
The `redactor` finds them in plain text and in Base64.

The names of objects, images, labels and other identifiers are not secret and are kept. Redaction therefore does not
affect the verdict.
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
