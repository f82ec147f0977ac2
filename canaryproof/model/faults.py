"""Converts errors to causes, which records and reports contain.  This module is pure."""

from __future__ import annotations

from canaryproof.errors import (
    CanaryproofError,
    ClusterError,
    CommandError,
    InfrastructureError,
    LimitError,
    ScenarioError,
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
    (ScenarioError, "scenario-fault"),
    (UsageError, "usage-fault"),
    (OSError, "system-fault"),
    (AssertionError, "assertion-failed"),
)
"""The code for each class of errors. The first matching class counts."""


def cause_of(error: BaseException) -> Cause:
    """Return the cause of *error*, or else a cause with the redacted message of the error in one paragraph."""
    if isinstance(error, CanaryproofError) and error.cause:
        return error.cause
    code: FindingCode = next((code for kind, code in CODES if isinstance(error, kind)), "internal-fault")
    return Cause(code=code, detail=redacted(" ".join(str(error).split())))
