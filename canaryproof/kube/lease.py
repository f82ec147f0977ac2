"""Shows other runs on the same cluster that this run lives, and removes the namespaces of runs that have ended.

A run on a cluster that outlives it has a namespace with a Lease, which the run renews (Kubernetes, "Leases"). If the
Lease was not renewed for its duration, by the clock of the API server, the run has ended, and other runs delete its
namespaces.

A run from the same cache folder need not wait for this duration. The kernel releases the lock of a run when the run
ends, so a free lock shows that it has ended.
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
"""The label of every namespace that a run creates. Its value is the ID of the run."""
LEASE = "run"
_LOG = logger_of(__name__)


class Api(Protocol):
    """The requests to the API server that a Lease needs. `canaryproof.kube.client.KubeClient` implements them."""

    def now(self) -> datetime:
        """Return the time of the API server."""
        ...

    def get(self, resource: Resource, name: str, namespace: str = "") -> Body | None:
        """Return the current state of an object, or None when it does not exist."""
        ...

    def list(self, resource: Resource, namespace: str = "", labels: str = "") -> Listing:
        """Return the objects that match the label selector *labels*."""
        ...

    def create(self, resource: Resource, body: Body, namespace: str = "") -> bool:
        """Create an object. Return False when it exists already."""
        ...

    def patch(self, resource: Resource, name: str, namespace: str, body: Body) -> bool:
        """Merge *body* into an object. Return False when the object does not exist."""
        ...

    def create_namespace(self, name: str, labels: Mapping[str, str]) -> str | None:
        """Create a namespace and return its UID, or return None when the namespace exists already."""
        ...

    def delete_namespace(self, name: str, uid: str) -> None:
        """Request the deletion of a namespace. A namespace of the same name with another UID is not deleted."""
        ...


@dataclass(frozen=True)
class Locks:
    """A folder of lock files, shared by the runs of one user on one machine. A run that holds its lock lives."""

    folder: Path

    def holder(self, run: str) -> str:
        """Return the ``holderIdentity`` of the Lease of *run*: the generated name of this folder, and *run*."""
        return f"{self._name()}/{run}"

    def is_over(self, holder: str) -> bool:
        """Report whether *holder* is a run of this folder that has ended. False if this is unknown."""
        name, _, run = holder.partition("/")
        if name != self._name() or not run.isalnum():
            return False
        try:
            return not is_taken(self.folder / run)
        except OSError:
            return False

    @contextmanager
    def held(self, run: str) -> Iterator[None]:
        """Hold the lock of *run* for the length of the block. First removes the lock files of runs that have ended."""
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
            os.link(own, file)  # if two runs create the name at once, both use that of the first
        own.unlink()
        return file.read_text(encoding="ascii")


@contextmanager
def _locked(file: Path) -> Iterator[None]:
    """Create *file* and hold its lock.

    Another run may remove the file after it is created and before it is locked. The loop then creates it again.
    """
    while True:
        with file.open("w") as lock:
            take(lock)
            if _is_there(file, lock):
                yield
                return


def _remove_if_free(file: Path) -> None:
    """Remove *file* if no run holds its lock.

    This run holds the lock during the removal, so a run that waits for the lock then finds that the file is gone.
    Another run may have removed the file before, and its owner may have created a new one, which must stay.
    """
    with suppress(OSError), file.open("r+") as lock:
        if take_if_free(lock) and _is_there(file, lock):
            file.unlink()


def _is_there(file: Path, opened: IO[str]) -> bool:
    """Report whether *file* is still the file that was opened."""
    try:
        return os.path.samestat(file.stat(), os.fstat(opened.fileno()))
    except FileNotFoundError:
        return False


@contextmanager
def present(api: Api, run: str, locks: Locks, vitals: Vitals, time_limits: TimeLimits) -> Iterator[None]:
    """Hold a Lease for *run* for the length of the block. First deletes the namespaces of runs that have ended.

    If another client removes the Lease, *vitals* gets a fault, because other runs may then delete the namespaces of
    this run.

    Raises InfrastructureError when the API server cannot be reached or refuses a request.
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
        with suppress(InfrastructureError):  # if the cluster is gone, its namespaces are too
            api.delete_namespace(name, uid)


def run_namespace(run: str) -> str:
    """Return the name of the namespace with the Lease of *run*."""
    return f"canaryproof-{run}"


def lease(run: str, holder: str, now: datetime, seconds: float) -> Body:
    """Return a Lease of *run* that was renewed at *now*, with a duration of *seconds*."""
    return {
        "apiVersion": "coordination.k8s.io/v1",
        "kind": LEASES.kind,
        "metadata": {"name": LEASE, "labels": {RUN_LABEL: run}},
        "spec": {"holderIdentity": holder, "leaseDurationSeconds": round(seconds), "renewTime": _micro(now)},
    }


def _micro(time: datetime) -> str:
    """Return a time as MicroTime, the type of times in a Lease."""
    return time.strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def _renewal(api: Api, namespace: str, vitals: Vitals, seconds: float) -> Callable[[threading.Event], None]:
    """Return a function that renews the Lease in *namespace* at intervals of *seconds*, until its event is set.

    If the API server does not answer, the function tries again at the next interval.
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
    """Request the deletion of all namespaces of runs that have ended, and return their names.

    A run without a Lease counts as ended when its newest namespace is older than *seconds*.
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
    if held is None:  # a run creates its namespace first, and its Lease right after
        newest = max(_time(text_at(body, "metadata", "creationTimestamp")) for body in namespaces)
        return now - newest > timedelta(seconds=seconds)
    return is_expired(held, now) or locks.is_over(text_at(held, "spec", "holderIdentity"))


def is_expired(held: Body, now: datetime) -> bool:
    """Report whether a Lease was not renewed for longer than its duration."""
    seconds = value_at(held, "spec", "leaseDurationSeconds")
    return now - _time(text_at(held, "spec", "renewTime")) > timedelta(seconds=seconds or 0)


def _time(text: str) -> datetime:
    return datetime.fromisoformat(text)
