"""Asks the machine what `canaryproof.cluster.choosing` wants to know, each question once and only when it comes up."""

from __future__ import annotations

import os
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from canaryproof.cluster.embedded.provider import suitable
from canaryproof.cluster.embedded.toolchain import is_built
from canaryproof.command import run
from canaryproof.durations import DURATIONS
from canaryproof.errors import CanaryproofError, ClusterError, CommandError


@dataclass(frozen=True)
class ThisMachine:
    """The machine that this process runs on."""

    env: Mapping[str, str]
    cache: Path
    ready: bool = False
    """Whether the user brings the embedded cluster's tools."""
    kind: bool = False
    """Whether the user names a kind binary."""

    @cached_property
    def against_embedded(self) -> str:
        """Why the embedded cluster cannot run here; empty when it can."""
        try:
            suitable(self.cache, self.env)
        except ClusterError as error:
            return str(error)
        return ""

    @cached_property
    def tools_built(self) -> bool:
        """Whether the embedded cluster's tools are there already."""
        return self.ready or is_built(self.cache)

    @cached_property
    def against_docker(self) -> str:
        """Why no Docker daemon answers; empty when one does."""
        return self._against("docker", ["version", "--format", "{{.Server.Version}}"])

    @cached_property
    def has_kind(self) -> bool:
        """Whether the command kind is there."""
        return self.kind or self._which("kind") is not None

    @cached_property
    def against_minikube(self) -> str:
        """Why there is no minikube that runs; empty when there is one."""
        return self._against("minikube", ["status"])

    def _against(self, command: str, arguments: Sequence[str]) -> str:
        found = self._which(command)
        if found is None:
            return f"there is no command {command}"
        try:
            run([found, *arguments], timeout=DURATIONS.question, env=self.env)
        except CommandError as error:
            said = (error.stderr or error.stdout).strip().splitlines()
            return f"{command} {' '.join(arguments)}: {said[-1] if said else error.outcome}"
        except CanaryproofError as error:
            return str(error)
        return ""

    def _which(self, command: str) -> str | None:
        return shutil.which(command, path=self.env.get("PATH", os.defpath))
