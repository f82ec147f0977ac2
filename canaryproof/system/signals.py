"""What ends a program from outside, taken for Ctrl-C: it leaves every block in order."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

SIGNALS = (signal.SIGTERM, signal.SIGHUP)
"""What CI systems, ``timeout`` and ``kill`` send, and terminals that are closed."""


@contextmanager
def taken_for_ctrl_c() -> Iterator[None]:
    """Raise KeyboardInterrupt at these signals until the block ends; a second signal ends the process at once.

    One that is ignored is left so: ``nohup`` is there for those who log out.  Only a main thread may ask for this.
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
