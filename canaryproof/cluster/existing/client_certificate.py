"""Reads how long the client certificate of a kubeconfig is valid."""

from __future__ import annotations

import base64
import binascii
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509

from canaryproof.errors import ClusterError
from canaryproof.kube.kubeconfig import Target
from canaryproof.model.objects import text_at

PATH = "client-certificate"
LONG_ENOUGH = timedelta(minutes=15)
"""The time for which a certificate must be valid, so that a run with it can end and clean up."""


def require_valid(target: Target, now: datetime | None = None) -> None:
    """Raise ClusterError when the client certificate of *target* has expired, or will soon.

    A kubeconfig without such a certificate, or with one that cannot be read, is left to the connection.
    """
    now = now or datetime.now(UTC)
    for each in target.document["users"]:
        certificate = _certificate(text_at(each, "user", "client-certificate-data"), text_at(each, "user", PATH))
        if certificate and (end := certificate.not_valid_after_utc) < now + LONG_ENOUGH:
            state = "expired" if end <= now else "expires soon, and a run may take longer:"
            raise ClusterError(
                f"the client certificate of context {target.context} {state} at {end:%Y-%m-%d %H:%M} UTC; renew the"
                " kubeconfig"
            )


def _certificate(data: str, path: str) -> x509.Certificate | None:
    try:
        pem = base64.b64decode(data) if data else Path(path).read_bytes() if path else b""
        return x509.load_pem_x509_certificate(pem) if pem else None
    except (ValueError, binascii.Error, OSError):
        return None
