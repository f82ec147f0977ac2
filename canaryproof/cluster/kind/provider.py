"""Lends a cluster of kind: made for the run, or kept by an earlier one, or one that the user made."""

from __future__ import annotations

import shlex
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack, closing, contextmanager, nullcontext, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from canaryproof.cluster.kind.capabilities import lacks_sys_resource
from canaryproof.cluster.kind.cluster_record import Made, Record, held_record
from canaryproof.cluster.kind.config import cluster_configuration, only_registry, registry_mirror
from canaryproof.cluster.kind.docker import Docker, Engine
from canaryproof.cluster.kind.node_registry import serving
from canaryproof.cluster.kind.pytest_kind_cluster import Kind, kind_of
from canaryproof.cluster.readiness import (
    await_stage,
    can_share,
    default_account,
    is_ready,
    largest_node,
    let_pods_share,
    nodes,
    shares,
    sharing_pods,
)
from canaryproof.cluster.stand_ins import provide_images
from canaryproof.errors import ClusterError, WaitError
from canaryproof.kube.client import KubeClient
from canaryproof.kube.running_cluster import Cluster, Vitals
from canaryproof.system.background import in_background
from canaryproof.system.progress import Progress, Say, Silence
from canaryproof.system.tempdirs import scratch
from canaryproof.system.wait import Ticks, wait_for
from canaryproof.timeouts import TimeLimits

Found = Literal["absent", "foreign", "unfit", "kept"]
"""What there is under the name of a cluster: nothing, another's, one of ours that is of no use, one of ours that is."""
_NOTES: Mapping[Found, str] = {
    "absent": "",
    "foreign": "the user's cluster {}, which stays",
    "unfit": "the kept cluster {} was of no use and was replaced",
    "kept": "kept cluster {}, re-used",
}
_STATUS = Path("/proc/self/status")


@dataclass(frozen=True)
class StandIns:
    """What plays the course's images."""

    agnhost: Path
    images: Mapping[str, Sequence[str]]
    """Image references and the arguments with which agnhost plays them."""


@dataclass(frozen=True)
class KindProvider:
    """Kubernetes in a container, by pytest-kind; its options mean what they mean there, with two exceptions.

    A cluster of that name that this harness did not make is used as it is and never deleted; one that it made and that
    does not work any more, or was made for other images, is made anew.
    """

    binary: Path
    """kind itself."""
    name: str
    environment: Mapping[str, str] = field(repr=False)
    """The user's: where Docker is, and the proxies that kind hands on to the node."""
    cache: Path
    durations: TimeLimits
    stand_ins: StandIns | None = None
    """Without them the node pulls images as it can."""
    mirror: str = ""
    """The URL of a registry to ask before those that the images are from."""
    node_image: str | None = None
    kubeconfig: Path | None = None
    kubectl: Path | None = None
    keep: bool = False
    progress: Progress = field(default_factory=Silence)

    @contextmanager
    def lend(self) -> Iterator[Cluster]:
        """Yield the cluster; see :class:`canaryproof.kube.running_cluster.ClusterProvider`."""
        docker = Docker(self.environment, self.durations)
        engine = docker.engine()
        began = time.monotonic()
        with (
            held_record(self.cache / "kind", self.name) as record,
            scratch() as folder,
            self._kind(folder) as kind,
        ):
            site = _Site(kind, record, docker, engine, folder)
            with (
                self._running(site) as found,
                self._watched(docker) as vitals,
                self._ready(kind, vitals, ours=found != "foreign") as (version, number),
            ):
                yield Cluster(
                    provider="kind",
                    kubeconfig=kind.kubeconfig,
                    context=self._context,
                    kubernetes=version,
                    nodes=number,
                    cores=engine.cores,  # each node of kind has all of them
                    images=self._images,
                    ready_after=time.monotonic() - began,
                    vitals=vitals,
                    note=_NOTES[found].format(self.name),
                    stays=self._stays(kind) if self.keep else (),
                )

    def _stays(self, kind: Kind) -> tuple[str, str]:
        """Return the commands that reach the cluster from any shell, and that end it."""
        delete = [str(self.binary), "delete", "cluster", f"--name={self.name}", f"--kubeconfig={kind.kubeconfig}"]
        return f"export KUBECONFIG={shlex.quote(str(kind.kubeconfig))}", shlex.join(delete)

    @property
    def _images(self) -> str:
        return "stand-in" if self.stand_ins else "upstream"

    @property
    def _node(self) -> str:
        return f"{self.name}-control-plane"

    @property
    def _context(self) -> str:
        return f"kind-{self.name}"

    def _kind(self, scratch: Path) -> AbstractContextManager[Kind]:
        return kind_of(
            self.name,
            self.binary,
            scratch,
            kubeconfig=self.kubeconfig,
            image=self.node_image,
            kubectl=self.kubectl,
            durations=self.durations,
        )

    @contextmanager
    def _running(self, site: _Site) -> Iterator[Found]:
        """Have the cluster running for the length of the block, pulling images from where it should.

        Yield what there was.
        """
        users_own = self.kubeconfig is not None and self.kubeconfig.exists()
        found = self._look(site)
        if found == "foreign" and self.stand_ins:
            raise ClusterError(
                f"the kind cluster {self.name} was made by somebody else and pulls its images itself: use --images"
                " upstream, or another --cluster-name"
            )
        try:
            if found in {"absent", "unfit"}:
                self._create(site)
            with nullcontext() if found == "foreign" else self._pulling(site):
                yield found
        finally:
            if not self.keep and found != "foreign":
                self._delete(site)
            if not self.keep and not users_own:
                site.kind.kubeconfig.unlink(missing_ok=True)

    def _look(self, site: _Site) -> Found:
        """Return what there is under the name of the cluster; one that is of use has its kubeconfig written."""
        if not site.kind.exists():
            return "absent"
        container = site.docker.container(self._node) or {}
        mounts = {each.get("Source") for each in container.get("Mounts", ())}
        ours = str(site.record.registries) in mounts
        if not ours:
            site.kind.use()
            return "foreign"
        made, running = site.record.made(), container.get("State", {}).get("Running", False)
        wanted = made is not None and (made.images, made.node_image) == (self._images, self.node_image or "")
        if not (wanted and running):
            return "unfit"
        site.kind.use()
        return "kept" if self._answers(site.kind) else "unfit"

    def _answers(self, kind: Kind) -> bool:
        with closing(KubeClient(kind.kubeconfig, self._context, self.durations)) as client:
            try:
                await_stage(
                    "API",
                    client.version,
                    within=self.durations.question,
                    every=self.durations.start_tick,
                    doomed=lambda: None,
                )
            except WaitError:
                return False
        return True

    def _create(self, site: _Site) -> None:
        """Create the cluster, in the place of what there may be; one that is created by half does not stay."""
        with self.progress.step(f"creating the kind cluster {self.name}; Docker pulls its node image if need be"):
            earlier = site.record.made()
            site.kind.delete()
            site.record.forget()
            network = bool(earlier and earlier.network) or not site.docker.has_network()
            site.record.note(Made(images=self._images, node_image=self.node_image or "", network=network))
            site.record.send_to("")
            file = site.scratch / "cluster.json"
            clamped = lacks_sys_resource(_STATUS.read_text(encoding="ascii")) if _STATUS.exists() else False
            file.write_text(
                cluster_configuration(site.record.registries, cgroups=site.engine.cgroups, clamped=clamped),
                encoding="utf-8",
            )
            try:
                site.kind.create(file)
            except BaseException:
                with suppress(WaitError):  # Docker goes on with what it was asked for, whoever asked
                    wait_for(
                        "node that is being made",
                        lambda: site.docker.nodes(self.name) or None,
                        within=self.durations.in_flight,
                        changes=Ticks(),
                    )
                self._delete(site)
                raise

    def _delete(self, site: _Site) -> None:
        with self.progress.step(f"deleting the kind cluster {self.name}"):
            made = site.record.made()
            if site.engine.cgroups == "1":
                site.docker.calm(self._node)
            wait_for(
                f"end of the kind cluster {self.name}",
                lambda: self._is_deleted(site) or None,
                within=self.durations.cluster_stop,
                changes=Ticks(),
                seen=lambda: f"containers {', '.join(site.docker.nodes(self.name))}",
            )
            if made and made.network:
                site.docker.remove_network()
            site.record.forget()

    def _is_deleted(self, site: _Site) -> bool:
        """Delete and look: Docker does not find a container that it is still making, and calls that success."""
        site.kind.delete()
        return not site.docker.nodes(self.name)

    @contextmanager
    def _pulling(self, site: _Site) -> Iterator[None]:
        """Let the node pull stand-ins, and nothing else, or upstream images by way of the mirror."""
        if self.stand_ins is None:
            site.record.send_to(registry_mirror(self.mirror) if self.mirror else "")
            yield
            return
        layout = provide_images(self.stand_ins.agnhost, None, self.stand_ins.images, self.cache)
        with serving(layout, self._node, site.docker) as url:
            site.record.send_to(only_registry(url))
            yield

    @contextmanager
    def _watched(self, docker: Docker) -> Iterator[Vitals]:
        """Report the end of the node's container for the length of the block."""
        vitals = Vitals()

        def watch(over: threading.Event) -> None:
            ending = docker.await_end(self._node, lambda: "the run is over" if over.is_set() else None)
            if not over.is_set():
                vitals.fail(f"the container of the kind node {self._node} ended: {ending or 'docker cannot tell how'}")

        with in_background("kind-node", watch):
            yield vitals

    @contextmanager
    def _ready(self, kind: Kind, vitals: Vitals, *, ours: bool) -> Iterator[tuple[str, int]]:
        """Wait until the cluster takes pods; yield its version and the number of its nodes."""
        with closing(KubeClient(kind.kubeconfig, self._context, self.durations)) as client, ExitStack() as stack:
            with self.progress.step(f"waiting for the kind cluster {self.name}") as say:
                self._await("API that answers", client.version, say, vitals)
                self._await("nodes that are all Ready", lambda: all(map(is_ready, nodes(client))), say, vitals)
                self._await("default ServiceAccount", lambda: default_account(client), say, vitals)
                if not ours:
                    stack.enter_context(sharing_pods(client))
                elif can_share(client):
                    let_pods_share(client, *largest_node(client))
                    self._await("rule by which pods share the node", lambda: shares(client), say, vitals)
            yield client.version(), len(nodes(client))

    def _await(self, what: str, look: Callable[[], object], say: Say, vitals: Vitals) -> None:
        say(what)
        try:
            await_stage(
                what,
                look,
                within=self.durations.cluster_start,
                every=self.durations.start_tick,
                doomed=lambda: vitals.fault,
            )
        except WaitError as error:
            raise ClusterError(
                f"the kind cluster {self.name} does not take pods: {vitals.fault or error}; docker logs"
                f" {self._node} may say why"
            ) from None


@dataclass(frozen=True)
class _Site:
    """All that a cluster is made with."""

    kind: Kind
    record: Record
    docker: Docker
    engine: Engine
    scratch: Path
