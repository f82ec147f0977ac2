"""The temporary files of a process are removed when it has ended, however it ended."""

from __future__ import annotations

import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from canaryproof.system.tempdirs import scratch, sweep_scratch

BORROWER = """
import sys
from canaryproof.system.tempdirs import scratch
with scratch() as folder:
    (folder / "kubeconfig").write_text("a secret")
    print(folder, flush=True)
    sys.stdin.read()
"""


@pytest.fixture(autouse=True)
def temporary(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder for temporary files of this test only."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    return tmp_path


def test_a_folder_is_private_and_goes_with_its_block(temporary: Path) -> None:
    """A temporary folder is readable only by its owner, and is removed after its block."""
    with scratch() as folder:
        (folder / "chart").mkdir()
        assert folder.parent == temporary
        assert folder.stat().st_mode & 0o777 == 0o700

    assert not list(temporary.iterdir())


def test_what_a_killed_process_leaves_is_swept(temporary: Path) -> None:
    """The folder of a killed process is swept, because it may contain credentials. That of a live process stays."""
    with borrowed(temporary) as (living, mine), borrowed(temporary) as (killed, abandoned), scratch() as own:
        assert sweep_scratch() == []

        killed.kill()
        killed.wait()

        assert sweep_scratch() == [abandoned]
        assert sorted(temporary.iterdir()) == sorted([mine, own])
        living.communicate(timeout=30)
    assert not list(temporary.iterdir())


def test_what_only_looks_like_a_folder_is_left_alone(temporary: Path) -> None:
    """A link or a file with the name of a temporary folder is neither followed nor removed."""
    (temporary / "theirs").mkdir()
    (temporary / "canaryproof-scratch-link").symlink_to(temporary / "theirs")
    (temporary / "canaryproof-scratch-file").touch()

    assert sweep_scratch() == []
    assert len(list(temporary.iterdir())) == 3


@contextmanager
def borrowed(temporary: Path) -> Iterator[tuple[subprocess.Popen[str], Path]]:
    """Another process, and the folder that it holds until it ends."""
    command = [sys.executable, "-c", BORROWER]
    with subprocess.Popen(
        command, env={"TMPDIR": str(temporary)}, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout
        yield process, Path(process.stdout.readline().strip())
