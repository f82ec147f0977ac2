"""Queries and controls Docker through its command line."""

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
"""The environment variable that makes kind use a network other than ``kind``."""


_CALMING = "systemctl stop kubelet; while pgrep -x runc > /dev/null; do sleep 0.1; done"


@dataclass(frozen=True)
class Engine:
    """The relevant properties of the machine that runs the containers."""

    cores: int
    cgroups: str
    """The cgroup version, ``1`` or ``2``."""


@dataclass(frozen=True)
class Docker:
    """The Docker that *environment* selects."""

    environment: Mapping[str, str]
    time_limits: TimeLimits

    def __call__(
        self,
        *arguments: str,
        timeout: float | None = None,
        doomed: Callable[[], str | None] = lambda: None,
    ) -> str:
        """Run ``docker`` with *arguments* and return its output; see :func:`canaryproof.system.process.run`.

        Raises ClusterError when PATH has no ``docker``.
        """
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
        """Return the name of the Docker network to which kind connects nodes."""
        return self.environment.get(NETWORK_VARIABLE) or "kind"

    def engine(self) -> Engine:
        """Return the properties of the daemon's machine.

        Raises ClusterError when the daemon does not answer.
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
        """Return the output of ``docker container inspect``, or None if there is no container *name*."""
        try:
            (told,) = json.loads(self("container", "inspect", name))
        except CommandError:
            return None
        found: dict[str, Any] = told
        return found

    def nodes(self, cluster: str) -> list[str]:
        """Return the IDs of the containers of a kind cluster, in any state."""
        return self("ps", "--all", "--quiet", f"--filter=label=io.x-k8s.kind.cluster={cluster}").split()

    def calm(self, node: str) -> None:
        """Stop kubelet on a node and wait until no runc runs there.

        runc freezes a cgroup v1 while it changes it. If the node is killed at that moment, its frozen processes can
        neither continue nor end.
        """
        with suppress(CanaryproofError):  # the node has ended, or is not ready for commands yet
            self("exec", node, "sh", "-c", _CALMING, timeout=self.time_limits.calming)

    def has_network(self) -> bool:
        """Report whether the network for nodes exists."""
        try:
            self("network", "inspect", self.network)
        except CommandError:
            return False
        return True

    def remove_network(self) -> None:
        """Remove the network for nodes, unless other containers use it by now."""
        with suppress(CanaryproofError):
            self("network", "rm", self.network)

    def await_end(self, container: str, doomed: Callable[[], str | None]) -> str:
        """Wait until *container* ends, and return its exit code as text, such as ``exit code 137``.

        Return an empty text if Docker cannot report the exit code, or as soon as *doomed* returns a reason.
        """
        try:
            return f"exit code {self('wait', container, timeout=math.inf, doomed=doomed).strip()}"
        except (CommandError, InfrastructureError):
            return ""
