"""A kept cluster outlives its run and is reused at once. It is removed on demand or after its death."""

from __future__ import annotations

import os
import signal
import sys
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from canaryproof.cluster.embedded.persistent.provider import KeptProvider, end
from canaryproof.cluster.embedded.persistent.state import Place, place_of
from canaryproof.cluster.embedded.run_dirs import sweep
from canaryproof.cluster.embedded.toolchain import Toolchain
from canaryproof.errors import CommandError
from canaryproof.system.process import run
from canaryproof.system.wait import Ticks, wait_for
from canaryproof.timeouts import TimeLimits

pytestmark = pytest.mark.cluster

STAND_INS = {"test/server:1": ("netexec", "--http-port=5000")}
SOON = 1.0
"""The time limit for the reuse of a cluster in seconds."""


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Place]:
    """The folder in which this test keeps its cluster. It must be empty afterwards."""
    cache = tmp_path / "canaryproof"
    place = place_of(cache, "lab")
    yield place
    end(place, TimeLimits())
    sweep(cache / "runs", 60)
    assert [file.name for file in (cache / "runs").iterdir()] == [".sweeping"]
    assert not _processes(cache)


@pytest.fixture
def provider(toolchain: Toolchain, tmp_path: Path) -> KeptProvider:
    """A provider that keeps its cluster."""
    return KeptProvider(toolchain, tmp_path / "canaryproof", STAND_INS, "lab", keep=True, time_limits=TimeLimits())


def test_the_next_run_finds_it_and_uses_it_at_once(provider: KeptProvider, place: Place, tmp_path: Path) -> None:
    """The next run reuses the cluster from another process in less than a second. Finally nothing is left."""
    kubectl = [str(place.binaries / "kubectl"), f"--kubeconfig={place.kubeconfig}"]
    with provider.lend() as cluster:
        assert cluster.note == ""
        run([*kubectl, "create", "namespace", "mine"], timeout=20)

    began = time.monotonic()
    with replace(provider, keep=False).lend() as again:
        assert time.monotonic() - began < SOON
        assert again.note == "kept cluster lab, re-used"
        run([*kubectl, "get", "namespace", "mine"], timeout=20)
        assert (again.kubernetes, again.stays[1]) == (cluster.kubernetes, "canaryproof down lab")

    down, environment = [sys.executable, "-m", "canaryproof", "down", "lab"], {"XDG_CACHE_HOME": str(tmp_path)}
    assert run(down, timeout=30, env={**os.environ, **environment}) == "lab: ended\n"
    with pytest.raises(CommandError, match="there is no cluster lab"):
        run(down, timeout=30, env={**os.environ, **environment})


def test_one_that_died_is_told_and_replaced(provider: KeptProvider, place: Place) -> None:
    """A run reports the death of its kept cluster within seconds.

    The next run starts another, and states the reason.
    """
    with provider.lend() as cluster:
        os.kill(_process("etcd", provider.cache), signal.SIGKILL)
        fault = wait_for("fault", lambda: cluster.vitals.fault or None, within=10, changes=Ticks())
    assert fault.startswith("etcd ended with code -9")

    with provider.lend() as second:
        assert "the kept cluster lab has ended (etcd ended with code -9" in second.note
        assert place.holder
        os.kill(place.holder, signal.SIGKILL)
        wait_for("fault", lambda: second.vitals.fault or None, within=10, changes=Ticks())
    wait_for("end of every process", lambda: not _processes(provider.cache) or None, within=10, changes=Ticks())


def test_one_of_other_images_is_replaced(provider: KeptProvider, place: Place) -> None:
    """A kept cluster with other images is replaced by a run that keeps its cluster, and left alone by other runs."""
    with provider.lend():
        first = place.holder
    other = replace(provider, stand_ins={"test/other:1": ("pause",)})

    with replace(other, keep=False).lend() as own:
        assert own.note == "the kept cluster lab has other tools or images, this one ends with the run"
        assert place.holder == first
        assert own.stays == ()
    with other.lend() as replaced:
        assert replaced.note == "the kept cluster lab has other tools or images and was replaced"
        assert place.holder != first


def _process(program: str, cache: Path) -> int:
    (pid,) = [pid for pid in _processes(cache) if Path(f"/proc/{pid}/exe").readlink().name == program]
    return pid


def _processes(cache: Path) -> list[int]:
    """Return the processes of the clusters below *cache*, found by cgroup."""
    names = [it.name for it in (cache / "runs").glob("canaryproof-*")]
    found = []
    for file in Path("/proc").glob("[0-9]*/cgroup"):
        try:
            text = file.read_text(encoding="ascii")
        except (FileNotFoundError, ProcessLookupError):
            continue  # the process has ended in the meantime
        if any(f"/{name}" in text for name in names):
            found.append(int(file.parent.name))
    return found
