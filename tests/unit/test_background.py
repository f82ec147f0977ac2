"""A background thread ends with its block."""

from __future__ import annotations

import threading
from time import monotonic

import pytest

from canaryproof.system.background import in_background

LONG = 5
"""The seconds that a test waits before it fails."""


def test_work_goes_on_during_the_block_and_has_ended_after_it() -> None:
    """The thread works during the block. At the end of the block its pause is cut short and it ends."""
    events: list[str] = []
    begun = threading.Event()

    def work(over: threading.Event) -> None:
        events.append(threading.current_thread().name)
        begun.set()
        over.wait(LONG)
        events.append("work ended")

    began = monotonic()
    with in_background("worker", work):
        assert begun.wait(LONG)
        events.append("block ended")

    assert events == ["worker", "block ended", "work ended"]
    assert monotonic() - began < LONG


def test_work_ends_when_the_block_raises() -> None:
    """The thread ends if the block raises, and the exception propagates."""
    ended: list[bool] = []

    with (
        pytest.raises(ValueError, match="block"),
        in_background("worker", lambda over: ended.append(over.wait(LONG))),
    ):
        raise ValueError("block")

    assert ended == [True]
