"""Detects which clusters this machine can provide. Runs commands such as docker and minikube."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

import msgspec

from canaryproof.cluster.embedded.provider import suitable
from canaryproof.cluster.embedded.toolchain import Machine, is_built
from canaryproof.errors import CanaryproofError, ClusterError, CommandError
from canaryproof.model.objects import BODIES, text_at
from canaryproof.system.process import run
from canaryproof.timeouts import TimeLimits


@dataclass(frozen=True)
class Command:
    """A command on PATH, with its version and its error."""

    path: str = ""
    """The path of the command. Empty if PATH does not have it."""
    version: str = ""
    """The version, such as ``4.3.1``. Empty if unknown."""
    error: str = ""
    """The reason why the command does not work, such as a daemon that does not answer. Empty if it works."""
    failed: str = ""
    """The command line that failed, such as ``minikube status``.

    Empty if none failed, if the command could not be started, or if its output could not be decoded.
    """

    def against(self, name: str) -> str:
        """Return why the command *name* does not work. Empty if it works."""
        return ": ".join(filter(None, (self.failed, self.error))) if self.path else f"there is no command {name}"


@dataclass(frozen=True)
class _Question:
    """The calls that show the version of a command and whether it works."""

    version: tuple[str, ...]
    """Arguments of the call that prints the version."""
    read: Callable[[str], str] = str.strip
    """Returns the version from the output of that call."""
    works: tuple[str, ...] = ()
    """Arguments of a call that fails if the command does not work. Empty for no such call."""


def _kubectls(said: str) -> str:
    return text_at(BODIES.decode(said), "clientVersion", "gitVersion")


_QUESTIONS = {
    "docker": _Question(("version", "--format", "{{.Server.Version}}")),
    "kind": _Question(("version", "--quiet")),
    "minikube": _Question(("version", "--short"), works=("status",)),
    "helm": _Question(("version", "--template", "{{.Version}}")),
    "kubectl": _Question(("version", "--client", "--output=json"), _kubectls),
}
COMMANDS = tuple(_QUESTIONS)


def _find(name: str, environment: Mapping[str, str]) -> str | None:
    return shutil.which(name, path=environment.get("PATH", os.defpath))


def ask_command(name: str, environment: Mapping[str, str], time_limits: TimeLimits) -> Command:
    """Run the command *name*, one of `COMMANDS`, and return its version or its error."""
    if not (path := _find(name, environment)):
        return Command()
    question, version = _QUESTIONS[name], ""
    asked = question.version
    try:
        version = question.read(run([path, *asked], timeout=time_limits.question, env=environment)).removeprefix("v")
        if question.works:
            asked = question.works
            run([path, *asked], timeout=time_limits.question, env=environment)
    except CommandError as error:
        return Command(path, version, _last_line(error), " ".join((name, *asked)))
    except (CanaryproofError, msgspec.DecodeError) as error:
        return Command(path, version, str(error))
    return Command(path, version)


def _last_line(error: CommandError) -> str:
    lines = (error.stderr.strip() or error.stdout.strip()).splitlines()
    return lines[-1].strip() if lines else error.outcome


@dataclass(frozen=True)
class ThisMachine:
    """The `canaryproof.cluster.selection.Surroundings` of this machine. Each property is computed on first use."""

    env: Mapping[str, str] = field(repr=False)
    cache: Path
    time_limits: TimeLimits
    ready: bool = False
    """Whether the user provides the tools of the embedded cluster."""
    kind: bool = False
    """Whether the user provides a kind binary."""

    @cached_property
    def against_embedded(self) -> str:
        """The reason why the embedded cluster cannot run here. Empty if it can."""
        try:
            suitable(self.cache, self.env, self.time_limits)
        except ClusterError as error:
            return str(error)
        return ""

    @cached_property
    def tools_built(self) -> bool:
        """Whether the tools of the embedded cluster exist already."""
        return self.ready or is_built(self.cache, Machine(self.time_limits))

    @cached_property
    def against_docker(self) -> str:
        """The reason why no Docker daemon answers. Empty if one answers."""
        return ask_command("docker", self.env, self.time_limits).against("docker")

    @cached_property
    def has_kind(self) -> bool:
        """Whether a kind binary exists: the user's, or one on PATH."""
        return self.kind or bool(_find("kind", self.env))

    @cached_property
    def against_minikube(self) -> str:
        """The reason why no minikube cluster runs. Empty if one runs."""
        return ask_command("minikube", self.env, self.time_limits).against("minikube")
