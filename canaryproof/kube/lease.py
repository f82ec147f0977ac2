"""Shows other runs on the same cluster that this one lives, and removes what runs that are over have left there.

A run on a cluster that outlives it holds a namespace with a Lease, which it renews (Kubernetes, "Leases").  A namespace
of a run whose Lease was not renewed for its duration, by the clock of the API server, belongs to nobody any more; a run
that was started from the same cache folder need not be waited for: the kernel took its lock from it when it ended.
"""

from __future__ import annotations

import os
import secrets
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import IO, Protocol

from canaryproof.errors import InfrastructureError
from canaryproof.kube.client import Listing
from canaryproof.kube.resources import LEASES, NAMESPACES, Resource
from canaryproof.kube.running_cluster import Vitals
from canaryproof.model.objects import BODIES, Body, text_at, value_at
from canaryproof.system.background import in_background
from canaryproof.system.locks import is_taken, take, take_if_free
from canaryproof.system.logs import logger_of
from canaryproof.system.ownership import make_folder
from canaryproof.timeouts import TimeLimits

RUN_LABEL = "canaryproof/run"
"""On every namespace that a run makes; its value is the run's."""
LEASE = "run"
_LOG = logger_of(__name__)


class Api(Protocol):
    """What is asked of the API server; `canaryproof.kube.client.KubeClient` does it."""

    def now(self) -> datetime:
        """Return the time of the API server."""
        ...

    def get(self, resource: Resource, name: str, namespace: str = "") -> Body | None:
        """Return one object as it is now, or None when there is none."""
        ...

    def list(self, resource: Resource, namespace: str = "", labels: str = "") -> Listing:
        """Return the objects that the selector *labels* picks."""
        ...

    def create(self, resource: Resource, body: Body, namespace: str = "") -> bool:
        """Create an object; return whether it is new."""
        ...

    def patch(self, resource: Resource, name: str, namespace: str, body: Body) -> bool:
        """Merge *body* into an object; return whether it exists."""
        ...

    def create_namespace(self, name: str, labels: Mapping[str, str]) -> str | None:
        """Create a namespace; return its uid, or None when there is one of that name already."""
        ...

    def delete_namespace(self, name: str, uid: str) -> None:
        """Ask for the end of a namespace; another of its name stays."""
        ...


@dataclass(frozen=True)
class Locks:
    """A folder that the runs of one user on one machine share: who holds a file in it lives."""

    folder: Path

    def holder(self, run: str) -> str:
        """Return what the Lease of *run* says of its holder: this folder, by a name that it got once, and the run."""
        return f"{self._name()}/{run}"

    def is_over(self, holder: str) -> bool:
        """Report whether *holder* is a run of this folder that has ended; False where that cannot be known."""
        name, _, run = holder.partition("/")
        if name != self._name() or not run.isalnum():
            return False
        try:
            return not is_taken(self.folder / run)
        except OSError:
            return False

    @contextmanager
    def held(self, run: str) -> Iterator[None]:
        """Hold the file of *run* for the length of the block; those of runs that are over are removed."""
        make_folder(self.folder)
        file = self.folder / run
        with _locked(file):
            for other in self.folder.iterdir():
                if other != file and other.name.isalnum():
                    _remove_if_free(other)
            try:
                yield
            finally:
                file.unlink(missing_ok=True)

    def _name(self) -> str:
        file = self.folder / ".name"
        with suppress(FileNotFoundError):
            return file.read_text(encoding="ascii")
        make_folder(self.folder)
        own = self.folder / f".name.{secrets.token_hex(4)}"
        own.write_text(secrets.token_hex(8), encoding="ascii")
        with suppress(FileExistsError):
            os.link(own, file)  # of two at once, one is first, and both use its name
        own.unlink()
        return file.read_text(encoding="ascii")


@contextmanager
def _locked(file: Path) -> Iterator[None]:
    """Hold the lock of a file that is there: another run may have removed it between its making and its locking."""
    while True:
        with file.open("w") as lock:
            take(lock)
            if _is_there(file, lock):
                yield
                return


def _remove_if_free(file: Path) -> None:
    """Remove a file whose lock nobody holds, and hold it meanwhile: who comes for it then finds that it is gone.

    Another run may have removed it before, and its owner made it anew: that one is not ours to remove.
    """
    with suppress(OSError), file.open("r+") as lock:
        if take_if_free(lock) and _is_there(file, lock):
            file.unlink()


def _is_there(file: Path, opened: IO[str]) -> bool:
    """Report whether what was opened is still what is found under its name."""
    try:
        return os.path.samestat(file.stat(), os.fstat(opened.fileno()))
    except FileNotFoundError:
        return False


@contextmanager
def present(api: Api, run: str, locks: Locks, vitals: Vitals, time_limits: TimeLimits) -> Iterator[None]:
    """Show for the length of the block that *run* lives; what is left of runs that are over is removed first.

    A Lease that somebody removed is a fault of the cluster, reported to *vitals*: other runs may sweep this one.

    Raises InfrastructureError when the API server cannot be reached, or refuses.
    """
    sweep(api, locks, time_limits.lease)
    with locks.held(run), _namespace(api, run) as namespace:
        api.create(LEASES, lease(run, locks.holder(run), api.now(), time_limits.lease), namespace)
        with in_background("presence", _renewal(api, namespace, vitals, time_limits.renew)):
            yield


@contextmanager
def _namespace(api: Api, run: str) -> Iterator[str]:
    name = run_namespace(run)
    uid = api.create_namespace(name, {RUN_LABEL: run})
    if uid is None:
        raise InfrastructureError(f"namespace {name} exists already: somebody else made it; try again")
    try:
        yield name
    finally:
        with suppress(InfrastructureError):  # a cluster that is gone has no namespaces left
            api.delete_namespace(name, uid)


def run_namespace(run: str) -> str:
    """Return the namespace that holds the Lease of *run*."""
    return f"canaryproof-{run}"


def lease(run: str, holder: str, now: datetime, seconds: float) -> Body:
    """Return a Lease of *run* that was renewed *now* and holds for some *seconds*."""
    return {
        "apiVersion": "coordination.k8s.io/v1",
        "kind": LEASES.kind,
        "metadata": {"name": LEASE, "labels": {RUN_LABEL: run}},
        "spec": {"holderIdentity": holder, "leaseDurationSeconds": round(seconds), "renewTime": _micro(now)},
    }


def _micro(time: datetime) -> str:
    """Write a time as MicroTime, the type that a Lease has."""
    return time.strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def _renewal(api: Api, namespace: str, vitals: Vitals, seconds: float) -> Callable[[threading.Event], None]:
    """Return what renews the Lease in *namespace* every so many *seconds*, until its event is set.

    An API server that does not answer is asked again.
    """

    def renew(over: threading.Event) -> None:
        while not over.wait(seconds):
            with suppress(InfrastructureError):
                renewed = {"spec": {"renewTime": _micro(api.now())}}
                if not api.patch(LEASES, LEASE, namespace, renewed):
                    vitals.fail(f"the Lease of this run in namespace {namespace} was removed by somebody")
                    return

    return renew


def sweep(api: Api, locks: Locks, seconds: float) -> tuple[str, ...]:
    """Ask for the end of all namespaces of runs that are over, and return their names.

    A run that has no Lease yet counts as over when its newest namespace is older than so many *seconds*.
    """
    namespaces: dict[str, list[Body]] = {}
    for item in api.list(NAMESPACES, labels=RUN_LABEL).items:
        body = BODIES.decode(item)
        namespaces.setdefault(body["metadata"]["labels"][RUN_LABEL], []).append(body)
    now = api.now() if namespaces else None
    over = [
        body["metadata"]
        for run, bodies in namespaces.items()
        if now and _is_over(api.get(LEASES, LEASE, run_namespace(run)), bodies, now, locks, seconds)
        for body in bodies
    ]
    for metadata in over:
        _LOG.info("deleting namespace %s of a run that is over", metadata["name"])
        api.delete_namespace(metadata["name"], metadata["uid"])
    return tuple(metadata["name"] for metadata in over)


def _is_over(held: Body | None, namespaces: list[Body], now: datetime, locks: Locks, seconds: float) -> bool:
    if held is None:  # a run makes its namespace first, and its Lease at once
        newest = max(_time(text_at(body, "metadata", "creationTimestamp")) for body in namespaces)
        return now - newest > timedelta(seconds=seconds)
    return is_expired(held, now) or locks.is_over(text_at(held, "spec", "holderIdentity"))


def is_expired(held: Body, now: datetime) -> bool:
    """Report whether a Lease was not renewed for as long as it holds."""
    seconds = value_at(held, "spec", "leaseDurationSeconds")
    return now - _time(text_at(held, "spec", "renewTime")) > timedelta(seconds=seconds or 0)


def _time(text: str) -> datetime:
    return datetime.fromisoformat(text)
