"""Turns errors into causes: what a record and a report keep of them; pure."""

from __future__ import annotations

from canaryproof.errors import (
    CanaryproofError,
    ClusterError,
    CommandError,
    InfrastructureError,
    LimitError,
    ToolchainError,
    UsageError,
    WaitError,
)
from canaryproof.model.causes import Cause, FindingCode
from canaryproof.redaction import redacted

CODES: tuple[tuple[type[BaseException], FindingCode], ...] = (
    (LimitError, "limit-exceeded"),
    (CommandError, "command-failed"),
    (WaitError, "wait-ended"),
    (ToolchainError, "toolchain-fault"),
    (ClusterError, "cluster-fault"),
    (InfrastructureError, "infrastructure-fault"),
    (UsageError, "usage-fault"),
    (OSError, "system-fault"),
    (AssertionError, "assertion-failed"),
)
"""The code of each kind of error; the first that fits counts."""


def cause_of(error: BaseException) -> Cause:
    """Return the cause that *error* carries, else one with its text in one paragraph, without credentials."""
    if isinstance(error, CanaryproofError) and error.cause:
        return error.cause
    code: FindingCode = next((code for kind, code in CODES if isinstance(error, kind)), "internal-fault")
    return Cause(code=code, detail=redacted(" ".join(str(error).split())))
