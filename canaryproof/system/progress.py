"""Reports the progress of slow work, independently of its display."""

from __future__ import annotations

import os
import threading
import time
import unicodedata
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from dataclasses import dataclass
from typing import Protocol, TextIO

from canaryproof.system.background import in_background
from canaryproof.system.wait import Clock

Say = Callable[[str], None]

_CLEAR_LINE = "\r\x1b[K"
_WORTH_SHOWING = 1
"""Seconds after which the progress of a step is shown."""
_REDRAW_EVERY = 0.2
"""Seconds between two updates of the line on a terminal."""
_REPEAT_EVERY = 30
"""Seconds between two lines about a step in a log."""


class Progress(Protocol):
    """Shows work that takes longer than a second."""

    def step(self, title: str) -> AbstractContextManager[Say]:
        """Show *title* and the elapsed time until the block ends.

        The block calls the function that it receives to show a status beside the title.
        """
        ...


class Silence:
    """Progress that displays nothing."""

    @contextmanager
    def step(self, title: str) -> Iterator[Say]:
        """Show nothing."""
        del title
        yield lambda _: None


Ticking = Callable[[Callable[[], None]], AbstractContextManager[None]]
"""Calls a function at intervals until the block ends."""


@contextmanager
def ticking(tick: Callable[[], None]) -> Iterator[None]:
    """Call *tick* in a separate thread until the block ends. The thread has ended when this function returns."""

    def keep_ticking(over: threading.Event) -> None:
        tick()
        while not over.wait(_REDRAW_EVERY):
            tick()

    with in_background("progress", keep_ticking):
        yield


@dataclass
class _Step:
    title: str
    began: float
    said: str = ""
    logged_at: float | None = None


class TerminalProgress:
    """Writes progress to *stream*: one line that is redrawn in place on a terminal, or a line at intervals in a log.

    Steps may nest and may run in several threads. A terminal shows the step that began last.
    """

    def __init__(self, stream: TextIO, *, clock: Clock = time, ticking: Ticking = ticking) -> None:
        """Write to *stream*. Tests pass their own *clock*, and a *ticking* that they control."""
        self._stream = stream
        self._clock = clock
        self._ticking = ticking
        self._terminal = stream.isatty()
        self._steps: list[_Step] = []
        self._drawn = False
        self._lock = threading.Lock()

    @contextmanager
    def step(self, title: str) -> Iterator[Say]:
        """Show the step while it runs, and one line with its duration when it ends; see :class:`Progress`."""
        step = _Step(told(one_line(title)), self._clock.monotonic())

        def say(text: str) -> None:
            step.said = told(one_line(text))

        with self._lock:
            self._steps.append(step)
        try:
            with self._ticking(self.tick):
                yield say
        except BaseException:
            self._end(step, "gave up after ")
            raise
        self._end(step)

    def tick(self) -> None:
        """Write the progress that is due now."""
        with self._lock:
            if self._terminal:
                self._draw()
            else:
                self._log()

    def _draw(self) -> None:
        worth = [it for it in self._steps if self._seconds(it) >= _WORTH_SHOWING]
        if worth:
            room = _columns(self._stream) - 1  # a terminal may wrap after its last column
            self._write(_CLEAR_LINE + line(worth[-1].title, worth[-1].said, self._seconds(worth[-1]), room=room))
            self._drawn = True

    def _log(self) -> None:
        now = self._clock.monotonic()
        for step in self._steps:
            due = step.began + _WORTH_SHOWING if step.logged_at is None else step.logged_at + _REPEAT_EVERY
            if now >= due:
                step.logged_at = now
                self._write(line(step.title, step.said, self._seconds(step)) + "\n")

    def _end(self, step: _Step, how: str = "") -> None:
        seconds = self._seconds(step)
        with self._lock:
            self._steps.remove(step)
            cleared = _CLEAR_LINE if self._drawn else ""
            self._drawn = False
            last = f"{step.title}: {how}{elapsed(seconds)}\n" if seconds >= _WORTH_SHOWING else ""
            self._write(cleared + last)

    def _seconds(self, step: _Step) -> float:
        return self._clock.monotonic() - step.began

    def _write(self, text: str) -> None:
        encoding = getattr(self._stream, "encoding", None) or "utf-8"
        with suppress(OSError, ValueError):  # a reader that is gone must not stop the work
            self._stream.write(text.encode(encoding, errors="replace").decode(encoding))
            self._stream.flush()


def line(title: str, said: str, seconds: float, *, room: int | None = None) -> str:
    """Return a line such as ``title · status · 1 min 12 s``.

    If the line is longer than *room* columns, the status is cut first, then the title.
    """
    end = f" · {elapsed(seconds)}"
    start = f"{title} · {said}" if said else title
    return (start if room is None else cut(start, room - len(end))) + end


def elapsed(seconds: float) -> str:
    """Format a duration, such as ``7 s``, ``1 min 12 s`` or ``1 h 2 min``."""
    minutes, rest = divmod(int(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    if hours:
        return f"{hours} h {minutes} min"
    return f"{minutes} min {rest} s" if minutes else f"{rest} s"


def one_line(text: str) -> str:
    """Return *text* on one line. Each run of spaces and unprintable characters becomes one space."""
    return " ".join("".join(it if it.isprintable() else " " for it in text).split())


def told(line: str) -> str:
    """Return *line* in a form that GitHub Actions does not interpret as a workflow command.

    The runner looks for ``::`` at the start of a line, after any whitespace, and for ``##[`` anywhere in a line
    (actions/runner, ActionCommand.cs).
    """
    start = len(line) - len(line.lstrip())
    rest = line[start:].replace("##[", "## [")
    return line[:start] + (f": :{rest[2:]}" if rest.startswith("::") else rest)


def cut(text: str, room: int) -> str:
    """Return *text*, cut to at most *room* columns of a terminal."""
    if sum(map(_width, text)) <= room:
        return text
    kept, left = "", room - 1
    for character in text:
        left -= _width(character)
        if left < 0:
            break
        kept += character
    return f"{kept}…" if room > 0 else ""


def _width(character: str) -> int:
    if unicodedata.combining(character):
        return 0
    return 2 if unicodedata.east_asian_width(character) in "WF" else 1


def _columns(stream: TextIO) -> int:
    try:
        return os.get_terminal_size(stream.fileno()).columns or 80
    except (OSError, ValueError):
        return 80
