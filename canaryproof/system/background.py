"""Threads that last as long as a ``with`` block."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager


@contextmanager
def in_background(
    name: str, work: Callable[[threading.Event], object], end: Callable[[], None] = lambda: None
) -> Iterator[None]:
    """Run *work* in a thread called *name* during the block, and wait for its end when the block ends.

    *work* gets an event that is set when the block ends, and returns soon after that; ``event.wait(seconds)`` makes a
    pause that ends early.  Work that does not look at the event is ended by *end*, which is called then.  What *work*
    raises goes to :func:`threading.excepthook`.
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
