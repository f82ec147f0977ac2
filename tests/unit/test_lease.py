"""A run renews its Lease while it lives, and sweeps only what ended runs have left."""

from __future__ import annotations

import fcntl
import os
import threading
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import IO, Any

import msgspec
import pytest

from canaryproof.kube.client import Listing
from canaryproof.kube.lease import RUN_LABEL, Locks, lease, present, run_namespace, sweep
from canaryproof.kube.resources import Resource
from canaryproof.kube.running_cluster import Vitals
from canaryproof.model.objects import Body
from canaryproof.system.wait import Ticks, wait_for
from canaryproof.timeouts import TimeLimits

NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)


class Api:
    """Namespaces, Leases and a clock that a test sets."""

    def __init__(self) -> None:
        self.time = NOON
        self.namespaces: dict[str, Body] = {}
        self.leases: dict[str, Body] = {}
        self.renewed = 0

    def now(self) -> datetime:
        return self.time

    def add(self, name: str, run: str, *, age: float = 3600) -> None:
        """Add a namespace of a run, with its age in seconds."""
        created = (self.time - timedelta(seconds=age)).isoformat()
        metadata = {"name": name, "uid": f"u-{name}", "labels": {RUN_LABEL: run}, "creationTimestamp": created}
        self.namespaces[name] = {"metadata": metadata}

    def get(self, resource: Resource, name: str, namespace: str = "") -> Body | None:
        assert (resource.kind, name) == ("Lease", "run")
        return self.leases.get(namespace)

    def list(self, resource: Resource, namespace: str = "", labels: str = "") -> Listing:
        assert (resource.kind, namespace, labels) == ("Namespace", "", RUN_LABEL)
        return Listing("1", tuple(msgspec.Raw(msgspec.json.encode(each)) for each in self.namespaces.values()))

    def create(self, resource: Resource, body: Body, namespace: str = "") -> bool:
        assert resource.kind == "Lease"
        self.leases[namespace] = body
        return True

    def patch(self, resource: Resource, name: str, namespace: str, body: Body) -> bool:
        assert (resource.kind, name, list(body)) == ("Lease", "run", ["spec"])
        self.renewed += 1
        return namespace in self.leases

    def create_namespace(self, name: str, labels: Mapping[str, str]) -> str | None:
        self.add(name, labels[RUN_LABEL], age=0)
        return f"u-{name}"

    def delete_namespace(self, name: str, uid: str) -> None:
        assert uid == f"u-{name}"
        del self.namespaces[name]
        self.leases.pop(name, None)


@pytest.fixture
def locks(tmp_path: Path) -> Locks:
    """Return the lock folder of this machine."""
    return Locks(tmp_path / "here")


def renewed(run: str, holder: str, seconds_ago: float) -> Any:
    """Return a Lease that lasts 30 seconds, with the age of its last renewal."""
    return lease(run, holder, NOON - timedelta(seconds=seconds_ago), 30)


def test_a_run_shows_itself_for_as_long_as_it_lasts(locks: Locks) -> None:
    """The run creates its namespace and Lease first, and deletes them last."""
    api = Api()

    with present(api, "abc", locks, Vitals(), TimeLimits()):
        assert list(api.namespaces) == [run_namespace("abc")]
        assert api.leases[run_namespace("abc")]["spec"]["renewTime"] == "2026-01-01T12:00:00.000000Z"

    assert not api.namespaces
    assert [file.name for file in locks.folder.iterdir()] == [".name"]


def test_the_lease_is_renewed(locks: Locks) -> None:
    """The run renews its Lease regularly. If the Lease is deleted, the run ends with an error."""
    api, vitals = Api(), Vitals()

    with present(api, "abc", locks, vitals, TimeLimits(renew=0.001)):
        wait_for("renewals", lambda: api.renewed > 2 or None, within=5, changes=Ticks(0.001))
        del api.leases[run_namespace("abc")]
        wait_for("fault", lambda: vitals.fault or None, within=5, changes=Ticks(0.001))

    assert vitals.fault == "the Lease of this run in namespace canaryproof-abc was removed by somebody"


def test_a_run_that_shows_no_sign_of_life_is_swept(locks: Locks) -> None:
    """A run sweeps all namespaces of a run whose Lease has expired, by label and uid, and no other namespaces."""
    api = Api()
    for name, run in (
        ("canaryproof-dead", "dead"),
        ("sre-a-1", "dead"),
        ("canaryproof-live", "live"),
        ("sre-b", "live"),
    ):
        api.add(name, run)
    api.leases = {
        "canaryproof-dead": renewed("dead", "elsewhere/dead", 31),
        "canaryproof-live": renewed("live", "elsewhere/live", 29),
    }

    assert sweep(api, locks, 30) == ("canaryproof-dead", "sre-a-1")
    assert list(api.namespaces) == ["canaryproof-live", "sre-b"]


def test_a_run_of_this_machine_is_known_to_be_over_at_once(locks: Locks) -> None:
    """A run recognises the end of another on the same machine at once, because the kernel releases its lock."""
    api = Api()
    api.add("canaryproof-dead", "dead")
    api.add("canaryproof-live", "live")
    api.leases = {f"canaryproof-{run}": renewed(run, locks.holder(run), 1) for run in ("dead", "live")}

    with locks.held("live"):
        assert sweep(api, locks, 30) == ("canaryproof-dead",)


def test_locks_of_other_machines_say_nothing(locks: Locks, tmp_path: Path) -> None:
    """A run draws no conclusion from a missing lock file, because another machine or folder may have it."""
    elsewhere = Locks(tmp_path / "there")

    assert not locks.is_over(elsewhere.holder("abc"))
    assert not locks.is_over(locks.holder("../abc"))
    assert locks.is_over(locks.holder("abc"))


def test_a_run_that_has_just_begun_is_left_alone(locks: Locks) -> None:
    """A run does not sweep a new run whose Lease is not there yet, but does so after a time limit."""
    api = Api()
    api.add("canaryproof-new", "new", age=5)
    api.add("sre-old", "old", age=60)

    assert sweep(api, locks, 30) == ("sre-old",)


def test_what_killed_runs_left_in_the_folder_is_removed(locks: Locks) -> None:
    """A run removes lock files without a holder."""
    with locks.held("a"):
        (locks.folder / "dead").touch()
        with locks.held("b"):
            assert {file.name for file in locks.folder.iterdir()} == {"a", "b"}


def test_a_lock_that_was_made_anew_meanwhile_is_not_removed(locks: Locks, monkeypatch: pytest.MonkeyPatch) -> None:
    """A run does not remove a lock file that was created again after it was opened."""
    beginning = locks.folder / "beginning"
    locks.folder.mkdir()
    beginning.touch()
    flock = fcntl.flock

    def meanwhile(lock: IO[str], operation: int) -> None:
        if os.path.samestat(os.fstat(lock.fileno()), beginning.stat()):
            beginning.replace(locks.folder.parent / "removed")
            beginning.touch()
        flock(lock, operation)

    monkeypatch.setattr(fcntl, "flock", meanwhile)
    with locks.held("sweeping"):
        assert beginning.exists()


def test_a_run_that_is_about_to_hold_its_lock_does_not_lose_it(locks: Locks) -> None:
    """A run does not lose its lock file to another run that starts before the file is locked."""
    begun = threading.Barrier(8)

    def live(number: int) -> bool:
        begun.wait()
        for turn in range(50):
            run = f"run{number}x{turn}"
            with locks.held(run):
                if not (locks.folder / run).exists():
                    return False
        return True

    with ThreadPoolExecutor(8) as pool:
        assert all(pool.map(live, range(8)))
