"""The errors that callers tell apart: whose fault it is decides what is reported."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from typing import TYPE_CHECKING

from canaryproof.redaction import redacted

if TYPE_CHECKING:
    from canaryproof.model.causes import Cause


class CanaryproofError(Exception):
    """Anything this package raises on purpose; the message says what was expected, what was seen and what to do.

    What has the shape of a credential is removed from it (`canaryproof.redaction`).
    """

    def __init__(self, message: object = "", hint: str = "", cause: Cause | None = None) -> None:
        """Keep the message and *hint*, what to do about it, without credentials, and the facts, where there are any."""
        self.message, self.hint, self.cause = redacted(str(message)), redacted(hint), cause
        super().__init__("; ".join(part for part in (self.message, self.hint) if part))


class UsageError(CanaryproofError):
    """What the user gave cannot be used: an option, a path, a course file."""


class InfrastructureError(CanaryproofError):
    """The machine, the cluster or a tool is at fault, never the submission."""


class ToolchainError(InfrastructureError):
    """A tool that the cluster needs is missing or does not build."""


class ClusterError(InfrastructureError):
    """The cluster did not start, or one of its components ended."""


class WaitError(CanaryproofError):
    """What was waited for did not come in time, or can no longer come."""


class SubmissionError(CanaryproofError):
    """The submission itself is at fault: it does not render, is not a chart, or was refused."""


class UnsafeError(SubmissionError):
    """The submission asks for more than it may: the message says what was refused, and why."""


class CommandError(CanaryproofError):
    """A command failed; the message holds everything needed to run it again by hand."""

    def __init__(self, argv: Sequence[str], outcome: str, stdout: str, stderr: str) -> None:
        """Keep the streams apart from the message: some callers read them, and all of them without credentials."""
        self.argv = tuple(map(redacted, argv))
        self.outcome = outcome
        self.stdout, self.stderr = stdout, stderr = redacted(stdout), redacted(stderr)
        super().__init__(
            f"$ {shlex.join(argv)}\n{outcome}"
            f"\n-- stdout --\n{stdout.strip() or '(empty)'}"
            f"\n-- stderr --\n{stderr.strip() or '(empty)'}"
        )


class LimitError(CommandError):
    """A command was ended because it used more than it may; *outcome* names the limit."""
