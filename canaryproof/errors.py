"""Defines the errors of this package. Each class stands for a party at fault, which decides how it is reported."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from typing import TYPE_CHECKING

from canaryproof.redaction import redacted

if TYPE_CHECKING:
    from canaryproof.model.causes import Cause


class CanaryproofError(Exception):
    """The base class of the errors that this package raises on purpose.

    The message states the expectation, the observation and the remedy. Text that has the shape of a credential is
    redacted (`canaryproof.redaction`).
    """

    def __init__(self, message: object = "", hint: str = "", cause: Cause | None = None) -> None:
        """Store the message and its remedy *hint*, both redacted, and the typed *cause*, if there is one."""
        self.message, self.hint, self.cause = redacted(str(message)), redacted(hint), cause
        super().__init__("; ".join(part for part in (self.message, self.hint) if part))


class UsageError(CanaryproofError):
    """An input of the user is invalid: an option, a path or a course file."""


class ScenarioError(CanaryproofError):
    """The scenario is at fault: its setup or its stable chart cannot be installed, or never becomes ready."""


class InfrastructureError(CanaryproofError):
    """The machine, the cluster or a tool is at fault, never the submission."""


class ToolchainError(InfrastructureError):
    """A tool that the cluster needs is missing or does not build."""


class ClusterError(InfrastructureError):
    """The cluster did not start, or one of its components ended."""


class WaitError(CanaryproofError):
    """A condition did not hold in time, or can no longer hold."""


class SubmissionError(CanaryproofError):
    """The submission itself is at fault: it does not render, is not a chart, or was refused."""


class UnsafeError(SubmissionError):
    """The submission exceeds its rights or limits. The message states what was refused, and why."""


class CommandError(CanaryproofError):
    """A command failed. The message contains everything that is needed to run the command again by hand."""

    def __init__(self, argv: Sequence[str], outcome: str, stdout: str, stderr: str) -> None:
        """Store the command, its outcome and its output streams, all but *outcome* redacted.

        Some callers read the streams, so they are kept separately from the message.
        """
        self.argv = tuple(map(redacted, argv))
        self.outcome = outcome
        self.stdout, self.stderr = stdout, stderr = redacted(stdout), redacted(stderr)
        super().__init__(
            f"$ {shlex.join(argv)}\n{outcome}"
            f"\n-- stdout --\n{stdout.strip() or '(empty)'}"
            f"\n-- stderr --\n{stderr.strip() or '(empty)'}"
        )


class LimitError(CommandError):
    """A command was ended because it exceeded a limit, which *outcome* names."""
