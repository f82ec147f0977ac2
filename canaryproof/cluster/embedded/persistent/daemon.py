"""The process that holds a kept cluster; the order on its standard input describes the cluster.

The process moves to a new session. It reports the progress of the start to its starter on standard output, as one JSON
document per line. Then it keeps the cluster running until it gets SIGTERM or a component ends.
"""

from __future__ import annotations

import os
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from types import FrameType

import msgspec

from canaryproof.cluster.embedded.persistent.state import Kept, Place, fingerprint, place_of
from canaryproof.cluster.embedded.provider import EmbeddedProvider
from canaryproof.cluster.embedded.toolchain import Toolchain
from canaryproof.cluster.image_sources import Upstream
from canaryproof.errors import CanaryproofError
from canaryproof.kube.running_cluster import Cluster
from canaryproof.system.progress import Say
from canaryproof.system.wait import Signal
from canaryproof.timeouts import TimeLimits


@dataclass(frozen=True)
class Order:
    """An order to start a kept cluster: its name, cache folder, tools and images."""

    name: str
    cache: str
    kubernetes: str
    helm: str
    binaries: dict[str, str]
    lacks: dict[str, str]
    stand_ins: dict[str, tuple[str, ...]]
    time_limits: TimeLimits
    upstream: Upstream | None = None
    archives: dict[str, str] = field(default_factory=dict)

    @property
    def place(self) -> Place:
        """Return the cluster's folder, as a :class:`Place`."""
        return place_of(Path(self.cache), self.name)

    @property
    def toolchain(self) -> Toolchain:
        """Return the cluster's tools."""
        binaries = {name: Path(path) for name, path in self.binaries.items()}
        return Toolchain(self.kubernetes, self.helm, binaries, self.lacks)

    @property
    def fingerprint(self) -> str:
        """Return the fingerprint of the cluster's tools and images."""
        return fingerprint(self.toolchain, self.stand_ins, self.upstream, self.paths_of_archives)

    @property
    def paths_of_archives(self) -> dict[str, Path]:
        """Return the archives of images by image reference."""
        return {name: Path(archive) for name, archive in self.archives.items()}


@dataclass(frozen=True)
class News:
    """One line of the holder's report: progress of the start, its completion, or the reason of its failure."""

    said: str = ""
    ready: bool = False
    failed: str = ""


_ORDERS = msgspec.json.Decoder(Order)
NEWS = msgspec.json.Decoder(News)


class _Told:
    """Sends progress to the process that started the holder."""

    def __init__(self, tell: Callable[[News], None]) -> None:
        self._tell = tell

    @contextmanager
    def step(self, title: str) -> Iterator[Say]:
        """Send each progress message of the step. Drops *title*."""
        del title
        yield lambda text: self._tell(News(said=text))


def main() -> int:
    """Hold the cluster that the order on standard input describes."""
    order = _ORDERS.decode(sys.stdin.buffer.read())
    if os.fork():
        os._exit(0)  # the starter waits for its child, and learns the rest through the pipe
    os.setsid()
    os.chdir("/")
    signal.signal(signal.SIGTERM, _end)
    try:
        _hold(order)
    except CanaryproofError as error:
        _tell(News(failed=str(error)))
        return 1
    return 0


def _hold(order: Order) -> None:
    place = order.place
    with place.held():
        own = EmbeddedProvider(
            order.toolchain,
            Path(order.cache),
            order.stand_ins,
            order.time_limits,
            _Told(_tell),
            upstream=order.upstream,
            archives=order.paths_of_archives,
        )
        with own.lend() as cluster:
            place.publish(_described(cluster, order), cluster.kubeconfig, order.toolchain)
            _tell(News(ready=True))
            _fall_silent()
            _await_fault(cluster)
        place.note(cluster.vitals.fault)


def _described(cluster: Cluster, order: Order) -> Kept:
    return Kept(
        started=datetime.now(tz=UTC).isoformat(timespec="seconds"),
        made_of=order.fingerprint,
        kubernetes=cluster.kubernetes,
        nodes=cluster.nodes,
        cores=cluster.cores,
        images=cluster.images,
        context=cluster.context,
        ready_after=cluster.ready_after,
        lack=cluster.lack,
    )


def _await_fault(cluster: Cluster) -> None:
    news = Signal()
    cluster.vitals.listen(news.announce)
    while not cluster.vitals.fault:
        news.wait(threading.TIMEOUT_MAX)


def _end(number: int, frame: FrameType | None) -> None:
    """Exit through every ``with`` block, and ignore further signals of this kind."""
    del frame
    signal.signal(number, signal.SIG_IGN)
    sys.exit(0)


def _tell(news: News) -> None:
    """Write one line to the starter.

    Raises BrokenPipeError when the starter is gone. This ends the cluster, because no process waits for it.
    """
    os.write(sys.stdout.fileno(), msgspec.json.encode(news) + b"\n")


def _fall_silent() -> None:
    """Close the pipe to the starter, so that the starter reads end of file."""
    with Path(os.devnull).open("r+b") as nothing:
        os.dup2(nothing.fileno(), sys.stdout.fileno())


if __name__ == "__main__":
    sys.exit(main())
