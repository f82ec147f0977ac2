"""Joins, starts and ends kept clusters."""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path

import msgspec

from canaryproof.cluster.embedded import node_sockets
from canaryproof.cluster.embedded.exhaustion import exhausted_below
from canaryproof.cluster.embedded.persistent.daemon import NEWS, News, Order
from canaryproof.cluster.embedded.persistent.messages import stays
from canaryproof.cluster.embedded.persistent.state import Kept, Place, place_of
from canaryproof.cluster.embedded.provider import EmbeddedProvider
from canaryproof.cluster.embedded.toolchain import Toolchain
from canaryproof.cluster.image_sources import Upstream
from canaryproof.errors import ClusterError
from canaryproof.kube.running_cluster import Cluster, Vitals
from canaryproof.system.background import in_background
from canaryproof.system.ownership import make_folder
from canaryproof.system.process import detached
from canaryproof.system.progress import Progress, Silence
from canaryproof.system.wait import Ticks, wait_for
from canaryproof.timeouts import TimeLimits

HOLDER = "canaryproof.cluster.embedded.persistent.daemon"
OTHER = "has other tools or images"


@dataclass(frozen=True)
class KeptProvider:
    """Joins the kept cluster *name* if it runs with the same tools and images.

    Otherwise, *keep* decides. With *keep*, the provider starts a cluster that outlives the block. It replaces a cluster
    that has ended or has other tools or images. Without *keep*, the provider starts a cluster that ends with the block,
    as :class:`EmbeddedProvider` does.
    """

    toolchain: Toolchain
    cache: Path
    stand_ins: Mapping[str, Sequence[str]]
    name: str
    keep: bool
    time_limits: TimeLimits
    progress: Progress = field(default_factory=Silence)
    upstream: Upstream | None = None
    """The sources of the real images. If set, the cluster uses no stand-ins."""
    archives: Mapping[str, Path] = field(default_factory=dict)
    """Image references, each with the archive that contains the image."""

    @contextmanager
    def lend(self) -> Iterator[Cluster]:
        """Yield the cluster; see :class:`canaryproof.kube.running_cluster.ClusterProvider`."""
        began = time.monotonic()
        kept, note = self._kept()
        if kept is None:
            own = EmbeddedProvider(
                self.toolchain,
                self.cache,
                self.stand_ins,
                self.time_limits,
                self.progress,
                upstream=self.upstream,
                archives=self.archives,
            )
            with own.lend() as cluster:
                yield replace(cluster, note=note)
            return
        with _watched(self._place, self.time_limits.look_again) as vitals:
            joined = _joined(self._place, kept, vitals, note, time.monotonic() - began)
            yield replace(joined, registries=self.upstream.allowed if self.upstream else None)

    def up(self) -> tuple[Kept, str]:
        """Return the kept cluster, and a note about the cluster that had its name before.

        Starts the cluster if none fits. Needs *keep*.
        """
        kept, note = self._kept()
        if kept is None:
            raise AssertionError("a cluster that is to be kept is started")
        return kept, note

    @property
    def _place(self) -> Place:
        return place_of(self.cache, self.name)

    def _kept(self) -> tuple[Kept | None, str]:
        """Return the cluster to join, if any, and a note about the cluster that had the name before."""
        order = self._order()
        with self._place.alone():
            found = self._place.read()
            unfit = unfitness(self._place, found, order.fingerprint)
            if found and not unfit:
                return found, f"kept cluster {self.name}, re-used"
            if not self.keep:
                return None, unfit and f"the kept cluster {self.name} {unfit}, this one ends with the run"
            end(self._place, self.time_limits)
            start(order, self.progress)
            return self._place.read(), unfit and f"the kept cluster {self.name} {unfit} and was replaced"

    def _order(self) -> Order:
        return Order(
            name=self.name,
            cache=str(self.cache.absolute()),
            kubernetes=self.toolchain.kubernetes,
            helm=self.toolchain.helm,
            binaries={name: str(path) for name, path in self.toolchain.binaries.items()},
            lacks=dict(self.toolchain.lacks),
            stand_ins={name: tuple(arguments) for name, arguments in self.stand_ins.items()},
            time_limits=self.time_limits,
            upstream=self.upstream,
            archives={name: str(archive) for name, archive in self.archives.items()},
        )


def unfitness(place: Place, found: Kept | None, made_of: str) -> str:
    """Return why the cluster *found* cannot be used. Empty if it can, or if there is none."""
    if not place.is_held:
        return f"has ended ({' '.join(place.fault.split()) or 'it was killed'})" if found else ""
    return "" if found and found.made_of == made_of else OTHER


def start(order: Order, progress: Progress) -> None:
    """Start a cluster that outlives this process, and return when it is ready.

    Raises ClusterError with the holder's reason when the start fails.
    """
    make_folder(order.place.folder)
    last = News()
    with (
        progress.step("starting an embedded Kubernetes to keep") as say,
        detached(HOLDER, order=msgspec.json.encode(order), log=order.place.log) as lines,
    ):
        for line in lines:
            last = NEWS.decode(line)
            say(last.said)
    if not last.ready:
        log = order.place.log.read_text(encoding="utf-8", errors="replace").strip()
        order.place.forget()
        raise ClusterError(last.failed or f"the process that was to hold the cluster ended:\n{log}")


def end(place: Place, time_limits: TimeLimits) -> bool:
    """End the cluster at *place*, remove its folder, and return whether it was running.

    Raises WaitError when the cluster does not end within twice the time limit for stopping a cluster.
    """
    lived = place.is_held
    if lived:
        if holder := place.holder:
            os.kill(holder, signal.SIGTERM)
        wait_for(
            f"end of the kept cluster {place.name}",
            lambda: not place.is_held or None,
            within=time_limits.cluster_stop * 2,
            changes=Ticks(),
            seen=lambda: f"process {holder}, which holds it",
        )
    place.forget()
    return lived


def _joined(place: Place, kept: Kept, vitals: Vitals, note: str, seconds: float) -> Cluster:
    return Cluster(
        provider="embedded",
        kubeconfig=place.kubeconfig,
        context=kept.context,
        kubernetes=kept.kubernetes,
        nodes=kept.nodes,
        cores=kept.cores,
        images=kept.images,
        ready_after=seconds,
        vitals=vitals,
        note=note,
        stays=stays(place),
        dial=None if kept.lack else node_sockets.dial(place.kubeconfig.resolve().parent),
        lack=kept.lack,
        exhausted=partial(exhausted_below, place.holder or 0),
    )


@contextmanager
def _watched(place: Place, every: float) -> Iterator[Vitals]:
    """Yield the vitals of a cluster that another process holds. Checks its lock at intervals of *every* seconds."""
    vitals = Vitals()

    def watch(over: threading.Event) -> None:
        while place.is_held:
            if over.wait(every):
                return
        vitals.fail(place.fault or f"the kept cluster {place.name} was ended by somebody")

    with in_background("kept-cluster", watch):
        yield vitals
