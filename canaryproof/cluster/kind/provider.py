"""Lends a kind cluster: one created for the run, one kept by an earlier run, or one that the user created."""

from __future__ import annotations

import hashlib
import json
import shlex
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass, field
from pathlib import Path

from canaryproof.cluster.kind.cluster_record import held_record
from canaryproof.cluster.kind.config import only_registry, registry_mirror
from canaryproof.cluster.kind.docker import Docker
from canaryproof.cluster.kind.node_registry import serving
from canaryproof.cluster.kind.node_startup import ready, watched
from canaryproof.cluster.kind.pytest_kind_cluster import Kind, kind_of
from canaryproof.cluster.kind.site import Found, Site
from canaryproof.cluster.stand_ins import archive_identities, provide_images
from canaryproof.errors import ClusterError
from canaryproof.kube.running_cluster import Cluster
from canaryproof.model.registries import registry_of
from canaryproof.system.progress import Progress, Silence
from canaryproof.system.tempdirs import scratch
from canaryproof.timeouts import TimeLimits

_NOTES: Mapping[Found, str] = {
    "absent": "",
    "foreign": "the user's cluster {}, which stays",
    "unfit": "the kept cluster {} was of no use and was replaced",
    "kept": "kept cluster {}, re-used",
}


@dataclass(frozen=True)
class StandIns:
    """The stand-ins for the images of the scenario."""

    agnhost: Path
    images: Mapping[str, Sequence[str]]
    """Image references, each with the agnhost arguments that play it."""


@dataclass(frozen=True)
class KindProvider:
    """Runs Kubernetes in a container, through pytest-kind. Options have the meaning that they have in pytest-kind.

    There are two exceptions. A cluster that canaryproof did not create is used as it is and never deleted. A cluster
    that canaryproof created is replaced if it no longer works, or if it was created for other images.
    """

    binary: Path
    """The path of kind."""
    name: str
    environment: Mapping[str, str] = field(repr=False)
    """The user's environment. It locates Docker, and holds the proxies that kind passes to the node."""
    cache: Path
    time_limits: TimeLimits
    stand_ins: StandIns | None = None
    """The stand-ins. If None, the node pulls the real images."""
    archives: Mapping[str, Path] = field(default_factory=dict)
    """Image references, each with the archive that contains the image."""
    mirror: str = ""
    """The URL of a registry to try before the registries of the images. Empty for none."""
    node_image: str | None = None
    kubeconfig: Path | None = None
    kubectl: Path | None = None
    keep: bool = False
    progress: Progress = field(default_factory=Silence)

    @contextmanager
    def lend(self) -> Iterator[Cluster]:
        """Yield the cluster; see :class:`canaryproof.kube.running_cluster.ClusterProvider`."""
        docker = Docker(self.environment, self.time_limits)
        engine = docker.engine()
        began = time.monotonic()
        with (
            held_record(self.cache / "kind", self.name) as record,
            scratch() as folder,
            self._kind(folder) as kind,
        ):
            site = Site(
                self.name,
                self._images_and_archives,
                self.node_image,
                kind,
                record,
                docker,
                engine,
                folder,
                self.time_limits,
                self.progress,
            )
            with (
                self._running(site) as found,
                watched(site) as vitals,
                ready(site, vitals, ours=found != "foreign") as (version, number),
            ):
                yield Cluster(
                    provider="kind",
                    kubeconfig=kind.kubeconfig,
                    context=site.context,
                    kubernetes=version,
                    nodes=number,
                    cores=engine.cores,  # every kind node can use all cores of the machine
                    images=self._images,
                    ready_after=time.monotonic() - began,
                    vitals=vitals,
                    note=_NOTES[found].format(self.name),
                    stays=self._stays(kind) if self.keep else (),
                )

    def _stays(self, kind: Kind) -> tuple[str, str]:
        """Return two commands: one selects the cluster in any shell, the other deletes it."""
        delete = [str(self.binary), "delete", "cluster", f"--name={self.name}", f"--kubeconfig={kind.kubeconfig}"]
        return f"export KUBECONFIG={shlex.quote(str(kind.kubeconfig))}", shlex.join(delete)

    @property
    def _images(self) -> str:
        return "stand-in" if self.stand_ins else "upstream"

    @property
    def _images_and_archives(self) -> str:
        """Return the images of the run. A kept cluster must not have pulled others of the same name."""
        made_of = hashlib.sha256(json.dumps(archive_identities(self.archives)).encode()).hexdigest()[:16]
        return f"{self._images} {made_of}" if self.archives else self._images

    def _kind(self, scratch: Path) -> AbstractContextManager[Kind]:
        return kind_of(
            self.name,
            self.binary,
            scratch,
            kubeconfig=self.kubeconfig,
            image=self.node_image,
            kubectl=self.kubectl,
            time_limits=self.time_limits,
        )

    @contextmanager
    def _running(self, site: Site) -> Iterator[Found]:
        """Run the cluster for the length of the block, with the image sources that the run needs.

        Yields the state in which the cluster was found.

        Raises ClusterError when stand-ins are requested for a cluster that canaryproof did not create.
        """
        users_own = self.kubeconfig is not None and self.kubeconfig.exists()
        found = site.look()
        if found == "foreign" and (self.stand_ins or self.archives):
            advice = "load the archives with kind load image-archive" if self.archives else "use --images upstream"
            raise ClusterError(
                f"the kind cluster {self.name} was made by somebody else and pulls its images itself: {advice}, or use"
                " another --cluster-name"
            )
        try:
            if found in {"absent", "unfit"}:
                site.create()
            with nullcontext() if found == "foreign" else self._pulling(site):
                yield found
        finally:
            if not self.keep and found != "foreign":
                site.delete()
            if not self.keep and not users_own:
                site.kind.kubeconfig.unlink(missing_ok=True)

    @contextmanager
    def _pulling(self, site: Site) -> Iterator[None]:
        """Let the node pull only stand-ins, or else the real images, through the mirror if there is one."""
        mirror = registry_mirror(self.mirror) if self.mirror else ""
        if self.stand_ins is None and not self.archives:
            site.record.send_to(mirror)
            yield
            return
        agnhost, plays = (self.stand_ins.agnhost, self.stand_ins.images) if self.stand_ins else (None, {})
        layout = provide_images(agnhost, plays, self.cache, self.archives)
        with serving(layout, site.node, site.docker) as url:
            others = {registry_of(each) for each in (*plays, *self.archives)}
            if self.stand_ins:
                site.record.send_to(only_registry(url), dict.fromkeys(others, only_registry(url)))
            else:
                own = registry_mirror(url)
                site.record.send_to(f"{own}{mirror}", dict.fromkeys(others, own))
            yield
