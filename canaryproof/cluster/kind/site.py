"""Creates, inspects and deletes a kind cluster."""

from __future__ import annotations

from contextlib import closing, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from canaryproof.cluster.kind.capabilities import lacks_sys_resource
from canaryproof.cluster.kind.cluster_record import Made, Record
from canaryproof.cluster.kind.config import cluster_configuration
from canaryproof.cluster.kind.docker import Docker, Engine
from canaryproof.cluster.kind.pytest_kind_cluster import Kind
from canaryproof.cluster.readiness import await_stage
from canaryproof.errors import WaitError
from canaryproof.kube.client import KubeClient
from canaryproof.system.progress import Progress
from canaryproof.system.wait import Ticks, wait_for
from canaryproof.timeouts import TimeLimits

Found = Literal["absent", "foreign", "unfit", "kept"]
"""The state of a cluster name.

- ``absent``: no cluster has the name.
- ``foreign``: canaryproof did not create the cluster.
- ``unfit``: canaryproof created the cluster, but this run cannot use it.
- ``kept``: canaryproof created the cluster, and this run can use it.
"""
_STATUS = Path("/proc/self/status")


@dataclass(frozen=True)
class Site:
    """A kind cluster, which need not exist, and everything needed to create it."""

    name: str
    images: str
    """The images of the run, ``stand-in`` or ``upstream``."""
    node_image: str | None
    kind: Kind
    record: Record
    docker: Docker
    engine: Engine
    scratch: Path
    time_limits: TimeLimits
    progress: Progress

    @property
    def node(self) -> str:
        """Return the name of the node, which is also the name of its container."""
        return f"{self.name}-control-plane"

    @property
    def context(self) -> str:
        """Return the name of the cluster's context in the kubeconfig."""
        return f"kind-{self.name}"

    def look(self) -> Found:
        """Return the state of the cluster. If the run can use the cluster, also write its kubeconfig."""
        if not self.kind.exists():
            return "absent"
        container = self.docker.container(self.node) or {}
        mounts = {each.get("Source") for each in container.get("Mounts", ())}
        ours = str(self.record.registries) in mounts
        if not ours:
            self.kind.use()
            return "foreign"
        made, running = self.record.made(), container.get("State", {}).get("Running", False)
        wanted = made is not None and (made.images, made.node_image) == (self.images, self.node_image or "")
        if not (wanted and running):
            return "unfit"
        self.kind.use()
        return "kept" if self._answers() else "unfit"

    def _answers(self) -> bool:
        with closing(KubeClient(self.kind.kubeconfig, self.context, self.time_limits)) as client:
            try:
                await_stage(
                    "API",
                    client.version,
                    within=self.time_limits.question,
                    every=self.time_limits.start_tick,
                    doomed=lambda: None,
                )
            except WaitError:
                return False
        return True

    def create(self) -> None:
        """Create the cluster and replace an existing one. If the creation fails, delete what it has created."""
        with self.progress.step(f"creating the kind cluster {self.name}; Docker pulls its node image if need be"):
            earlier = self.record.made()
            self.kind.delete()
            self.record.forget()
            network = bool(earlier and earlier.network) or not self.docker.has_network()
            self.record.note(Made(images=self.images, node_image=self.node_image or "", network=network))
            self.record.send_to("")
            file = self.scratch / "cluster.json"
            clamped = lacks_sys_resource(_STATUS.read_text(encoding="ascii")) if _STATUS.exists() else False
            file.write_text(
                cluster_configuration(self.record.registries, cgroups=self.engine.cgroups, clamped=clamped),
                encoding="utf-8",
            )
            try:
                self.kind.create(file)
            except BaseException:
                with suppress(WaitError):  # Docker completes a request even if its client has ended
                    wait_for(
                        "node that is being made",
                        lambda: self.docker.nodes(self.name) or None,
                        within=self.time_limits.in_flight,
                        changes=Ticks(),
                    )
                self.delete()
                raise

    def delete(self) -> None:
        """Delete the cluster. Also delete the network for nodes if it was created for this cluster.

        Raises WaitError when containers of the cluster still exist after the time limit.
        """
        with self.progress.step(f"deleting the kind cluster {self.name}"):
            made = self.record.made()
            if self.engine.cgroups == "1":
                self.docker.calm(self.node)
            wait_for(
                f"end of the kind cluster {self.name}",
                lambda: self._is_deleted() or None,
                within=self.time_limits.cluster_stop,
                changes=Ticks(),
                seen=lambda: f"containers {', '.join(self.docker.nodes(self.name))}",
            )
            if made and made.network:
                self.docker.remove_network()
            self.record.forget()

    def _is_deleted(self) -> bool:
        """Delete the cluster and report whether no container of it is left.

        The deletion alone is no proof: it succeeds without effect on a container that Docker is still creating.
        """
        self.kind.delete()
        return not self.docker.nodes(self.name)
