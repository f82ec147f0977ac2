"""The causes of remarks, as facts: a code, and what a program needs to act on it.  This module is pure.

All texts in them are printable and short: `canaryproof.checks.remarks.remark_rules` sees to that.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, kw_only=True)
class ProgramReplaced:
    """A container starts something else than its image does by itself; the outcome is no evidence about the image."""

    code: Literal["program-replaced"] = "program-replaced"
    container: str
    image: str
    command: tuple[str, ...] = ()
    args: tuple[str, ...] = ()
    working_dir: str = ""


@dataclass(frozen=True, kw_only=True)
class OtherContainerDecided:
    """A container without a port decided the outcome, and the one that declares the port did not end."""

    code: Literal["other-container-decided"] = "other-container-decided"
    container: str
    image: str
    serving: str
    """The container that declares a port."""
    serving_image: str


@dataclass(frozen=True, kw_only=True)
class ProgramMounted:
    """A volume brings executable files, or lies over a place where images keep their program."""

    code: Literal["program-mounted"] = "program-mounted"
    container: str
    object: str
    """Where its files come from: ``ConfigMap/tools``, ``emptyDir``."""
    path: str
    why: Literal["executable", "image", "over-programs"]
    """Executable files, the files of another image, or a place where images keep programs."""
    mode: str = ""
    """Of the executable files, ``0755``; empty where none is known to be executable."""


@dataclass(frozen=True, kw_only=True)
class ProgramStarted:
    """A hook or a probe starts another program in the container, which can end the image's own."""

    code: Literal["program-started"] = "program-started"
    container: str
    by: str
    """``postStart``, ``livenessProbe``, ``readinessProbe`` or ``startupProbe``."""
    command: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class CodeInjected:
    """Environment variables make the image's program load other code, or find other programs."""

    code: Literal["code-injected"] = "code-injected"
    container: str
    variables: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class ProcessesShared:
    """The containers of the canary's pod see each other's processes, so one can end the program of another."""

    code: Literal["processes-shared"] = "processes-shared"
    containers: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class UpgradeHooks:
    """The chart has objects that Helm creates as hooks of the upgrade."""

    code: Literal["upgrade-hooks"] = "upgrade-hooks"
    objects: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class ApiAccess:
    """The chart gives rights in the Kubernetes API: a pod of it may change objects of the release."""

    code: Literal["api-access"] = "api-access"
    objects: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class WorkloadsAdded:
    """The chart adds workloads beside the canary's Deployment."""

    code: Literal["workloads-added"] = "workloads-added"
    objects: tuple[str, ...]


Cause = (
    ProgramReplaced
    | OtherContainerDecided
    | ProgramMounted
    | ProgramStarted
    | CodeInjected
    | ProcessesShared
    | UpgradeHooks
    | ApiAccess
    | WorkloadsAdded
)
