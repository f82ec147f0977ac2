"""Asks a machine and its commands which clusters can be had there."""

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
    """A command on PATH, and what it says of itself."""

    path: str = ""
    """Empty where there is none."""
    version: str = ""
    """``4.3.1``; empty where it does not tell."""
    error: str = ""
    """Why it does not do what it is for: no daemon answers, nothing runs; empty when it does."""
    failed: str = ""
    """The command line that gave the error, ``minikube status``; empty where none was run to its end."""

    def against(self, name: str) -> str:
        """Return why the command, which is called *name*, does not do what it is for; empty when it does."""
        return ": ".join(filter(None, (self.failed, self.error))) if self.path else f"there is no command {name}"


@dataclass(frozen=True)
class _Question:
    """How a command tells its version, and whether what is behind it works."""

    version: tuple[str, ...]
    read: Callable[[str], str] = str.strip
    works: tuple[str, ...] = ()


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
    """Return what the command *name*, one of `COMMANDS`, says of itself."""
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
    """What `canaryproof.cluster.selection` wants to know of this machine; each question is asked when it comes up."""

    env: Mapping[str, str] = field(repr=False)
    cache: Path
    time_limits: TimeLimits
    ready: bool = False
    """Whether the user brings the embedded cluster's tools."""
    kind: bool = False
    """Whether the user names a kind binary."""

    @cached_property
    def against_embedded(self) -> str:
        """Why the embedded cluster cannot run here; empty when it can."""
        try:
            suitable(self.cache, self.env, self.time_limits)
        except ClusterError as error:
            return str(error)
        return ""

    @cached_property
    def tools_built(self) -> bool:
        """Whether the embedded cluster's tools are there already."""
        return self.ready or is_built(self.cache, Machine(self.time_limits))

    @cached_property
    def against_docker(self) -> str:
        """Why no Docker daemon answers; empty when one does."""
        return ask_command("docker", self.env, self.time_limits).against("docker")

    @cached_property
    def has_kind(self) -> bool:
        """Whether the command kind is there."""
        return self.kind or bool(_find("kind", self.env))

    @cached_property
    def against_minikube(self) -> str:
        """Why there is no minikube that runs; empty when there is one."""
        return ask_command("minikube", self.env, self.time_limits).against("minikube")
