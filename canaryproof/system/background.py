"""Runs threads for the duration of a ``with`` block."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager


@contextmanager
def in_background(
    name: str, work: Callable[[threading.Event], object], end: Callable[[], None] = lambda: None
) -> Iterator[None]:
    """Run *work* in a thread called *name* during the block, and join the thread when the block ends.

    *work* receives an event that is set when the block ends, and must return soon afterwards. ``event.wait(seconds)``
    is a pause that the event cuts short. After the event is set, *end* is called. It must stop work that ignores the
    event. :func:`threading.excepthook` handles exceptions that *work* raises.
    """
    over = threading.Event()
    thread = threading.Thread(target=work, args=(over,), name=name, daemon=True)
    thread.start()
    try:
        yield
    finally:
        over.set()
        end()
        thread.join()
