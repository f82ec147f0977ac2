"""File locks state whether they are held, and by whom."""

from __future__ import annotations

import os
from pathlib import Path

from canaryproof.system.locks import held, holder, is_taken, sign, take_if_free


def test_a_lock_is_taken_as_long_as_its_block(tmp_path: Path) -> None:
    """A lock is held until its block ends, and no one else gets it meanwhile."""
    file = tmp_path / "lock"
    assert not is_taken(file), "a file that does not exist is locked by nobody"
    with held(file):
        assert is_taken(file)
        with file.open() as other:
            assert not take_if_free(other)
    assert not is_taken(file)
    with file.open() as other:
        assert take_if_free(other)


def test_a_holder_stays_readable_for_those_that_wait(tmp_path: Path) -> None:
    """A lock file shows the current holder to waiting processes. Opening the file again does not clear it."""
    file = tmp_path / "lock"
    file.write_text("4000000", encoding="ascii")
    with held(file) as lock:
        sign(lock)
        with file.open("a+", encoding="ascii"):
            assert holder(file) == os.getpid()


def test_a_lock_need_not_be_signed(tmp_path: Path) -> None:
    """A lock can be held without a holder's name."""
    with held(tmp_path / "lock"):
        assert holder(tmp_path / "lock") is None
