"""What is asked of Docker, by its own command."""

from __future__ import annotations

import json
import math
import shutil
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from canaryproof.errors import CanaryproofError, ClusterError, CommandError, InfrastructureError
from canaryproof.system.process import run
from canaryproof.timeouts import TimeLimits

NETWORK_VARIABLE = "KIND_EXPERIMENTAL_DOCKER_NETWORK"
"""Where kind is told to use another network than ``kind``."""


_CALMING = "systemctl stop kubelet; while pgrep -x runc > /dev/null; do sleep 0.1; done"


@dataclass(frozen=True)
class Engine:
    """What matters of the machine that runs the containers."""

    cores: int
    cgroups: str
    """``1`` or ``2``."""


@dataclass(frozen=True)
class Docker:
    """The Docker that *environment* leads to."""

    environment: Mapping[str, str]
    time_limits: TimeLimits

    def __call__(
        self,
        *arguments: str,
        timeout: float | None = None,
        doomed: Callable[[], str | None] = lambda: None,
    ) -> str:
        """Call it and return what it prints; see :func:`canaryproof.system.process.run`."""
        command = shutil.which("docker", path=self.environment.get("PATH"))
        if command is None:
            raise ClusterError("kind needs Docker, and there is no command docker on PATH; install it")
        return run(
            [command, *arguments],
            timeout=timeout or self.time_limits.command,
            env=self.environment,
            doomed=doomed,
            grace=self.time_limits.grace,
        )

    @property
    def network(self) -> str:
        """Return the network that kind puts nodes into."""
        return self.environment.get(NETWORK_VARIABLE) or "kind"

    def engine(self) -> Engine:
        """Return what the daemon says of its machine.

        Raises ClusterError when it does not answer.
        """
        try:
            told = json.loads(self("info", "--format", "{{json .}}", timeout=self.time_limits.question))
        except CommandError as error:
            said = (error.stderr.strip() or error.outcome).splitlines()[-1]
            raise ClusterError(
                f"kind needs a Docker that answers: {said}; start it, or join the group docker if it may not be asked"
            ) from error
        if errors := told.get("ServerErrors"):
            raise ClusterError(f"kind needs a Docker that answers: {errors[0]}; start it")
        return Engine(cores=told.get("NCPU") or 1, cgroups=told.get("CgroupVersion") or "1")

    def container(self, name: str) -> dict[str, Any] | None:
        """Return what is known of a container; None when there is none of that name."""
        try:
            (told,) = json.loads(self("container", "inspect", name))
        except CommandError:
            return None
        found: dict[str, Any] = told
        return found

    def nodes(self, cluster: str) -> list[str]:
        """Return the containers of a cluster of kind, whatever state they are in."""
        return self("ps", "--all", "--quiet", f"--filter=label=io.x-k8s.kind.cluster={cluster}").split()

    def calm(self, node: str) -> None:
        """Keep a node from starting anything more, and let it finish what it has begun.

        runc freezes a cgroup v1 while it changes it; a node that is killed just then can neither go on nor end.
        """
        with suppress(CanaryproofError):  # it has ended, or is no node yet
            self("exec", node, "sh", "-c", _CALMING, timeout=self.time_limits.calming)

    def has_network(self) -> bool:
        """Report whether the network for nodes is there already."""
        try:
            self("network", "inspect", self.network)
        except CommandError:
            return False
        return True

    def remove_network(self) -> None:
        """Remove the network for nodes, unless somebody uses it by now."""
        with suppress(CanaryproofError):
            self("network", "rm", self.network)

    def await_end(self, container: str, doomed: Callable[[], str | None]) -> str:
        """Return when *container* has ended, or *doomed* gives a reason: how it ended; empty when nobody can tell."""
        try:
            return f"exit code {self('wait', container, timeout=math.inf, doomed=doomed).strip()}"
        except (CommandError, InfrastructureError):
            return ""
