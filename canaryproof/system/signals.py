"""Treats signals that end a program like Ctrl-C, so that the program leaves every ``with`` block in order."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

SIGNALS = (signal.SIGTERM, signal.SIGHUP)
"""The signals that CI systems, ``timeout``, ``kill`` and closed terminals send."""


@contextmanager
def taken_for_ctrl_c() -> Iterator[None]:
    """Raise KeyboardInterrupt at each of `SIGNALS` until the block ends. A second signal ends the process at once.

    A signal that is already ignored stays ignored, so that ``nohup`` keeps its effect after a logout. Only the main
    thread may call this function.
    """
    heard = [each for each in SIGNALS if signal.getsignal(each) is not signal.SIG_IGN]
    before = {each: signal.signal(each, _interrupt) for each in heard}
    try:
        yield
    finally:
        for each, handler in before.items():
            signal.signal(each, handler)


def _interrupt(number: int, frame: FrameType | None) -> None:
    del number, frame
    for each in SIGNALS:
        if signal.getsignal(each) is _interrupt:
            signal.signal(each, signal.SIG_DFL)
    raise KeyboardInterrupt
