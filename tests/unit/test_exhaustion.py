"""What a machine has run out of is measured, each time a kubelet claims it."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from canaryproof.cluster.embedded.components import STATE
from canaryproof.cluster.embedded.exhaustion import exhausted_below
from canaryproof.experiment.node_check import NodeCheck
from canaryproof.model.timeline import Timeline
from tests.unit.stories import Story

FULL = "failed to create containerd task: no space left on device"
ME = os.geteuid()


def machine(folder: Path, *, files: str = "100 0 1000", instances: int = 1, keys: str = "10/200") -> Path:
    """Write the folder ``/proc`` of a machine with a cluster that process 10 holds, and return it."""
    proc = folder / "proc"
    for pid, parent in ((10, 1), (11, 10), (12, 11)):
        (proc / f"{pid}/fd").mkdir(parents=True)
        (proc / f"{pid}/stat").write_text(f"{pid} (a) b) S {parent} 0", encoding="ascii")
    root = proc / "12/root"
    (root / STATE.relative_to("/")).mkdir(parents=True)
    (root / STATE.relative_to("/") / "kubelet.yaml").touch()
    for number in range(instances):
        (proc / f"11/fd/{number}").symlink_to("anon_inode:inotify")
    (proc / "sys/fs/inotify").mkdir(parents=True)
    (proc / "sys/fs/file-nr").write_text(files, encoding="ascii")
    (proc / "sys/fs/inotify/max_user_instances").write_text("4", encoding="ascii")
    (proc / "key-users").write_text(f"99999: 1 1/1 1/1 1/1\n{ME}: 5 5/5 {keys} 10/20000\n", encoding="ascii")
    return proc


def test_a_machine_with_room_has_run_out_of_nothing(tmp_path: Path) -> None:
    """The cluster is found among the descendants of its holder, and nothing of its machine is exhausted."""
    assert exhausted_below(10, machine(tmp_path)) == ()


def test_a_cluster_that_is_not_found_is_not_measured(tmp_path: Path) -> None:
    """Nothing is known about the cluster of another process."""
    assert exhausted_below(12, machine(tmp_path)) is None


@pytest.mark.parametrize(
    ("given", "found"),
    [
        ({"files": "990 0 1000"}, "990 of 1000 open files"),
        ({"instances": 4}, "4 of 4 inotify instances"),
        ({"keys": "200/200"}, "200 of 200 keys"),
    ],
)
def test_a_limit_of_the_kernel_that_is_reached_is_found(tmp_path: Path, given: dict[str, str], found: str) -> None:
    """Open files, inotify instances and keys of this user are counted."""
    (said,) = exhausted_below(10, machine(tmp_path, **given)) or ()  # type: ignore[arg-type]

    assert found in said


def test_a_full_file_system_is_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each file system of the cluster is measured."""
    full = os.statvfs_result((4096, 4096, 100, 10, 10, 100, 10, 10, 0, 255))
    (tmp_path / "proc").mkdir()
    proc = machine(tmp_path)
    monkeypatch.setattr(os, "statvfs", lambda _: full)

    found = exhausted_below(10, proc)

    assert found
    assert "/var/log has no space" in found


def claims(*messages: str) -> Timeline:
    """Return a timeline with a kubelet's claims."""
    story = Story()
    for number, message in enumerate(messages):
        body = {"kind": "Event", "metadata": {"name": str(number), "uid": str(number)}, "reason": "Failed"}
        story.observe({**body, "message": message, "source": {"component": "kubelet"}})
    return story.timeline


def test_the_machine_is_measured_when_a_claim_arrives() -> None:
    """A look without a new claim measures nothing, and a shortage that has passed meanwhile is remembered."""
    measured: list[tuple[str, ...]] = [("full",), ()]
    check = NodeCheck(lambda: measured.pop(0))

    assert check.shortage(claims("another message")) is None
    assert len(measured) == 2
    check.look(claims(FULL))
    check.look(claims(FULL))
    found = check.shortage(claims(FULL, FULL))

    assert found
    assert found.names == ("full",)
    assert len(measured) == 1


def test_a_claim_that_the_machine_denies_is_no_shortage() -> None:
    """Text of a submission in a kubelet's message proves nothing."""
    assert NodeCheck(lambda: ()).shortage(claims(FULL)) is None
