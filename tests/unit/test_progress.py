"""The progress display is silent for short work, and shows one line on a terminal or occasional lines in a log."""

from __future__ import annotations

import fcntl
import io
import os
import struct
import termios
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

import pytest

from canaryproof.system.progress import TerminalProgress, cut, elapsed, line, one_line
from canaryproof.system.wait import Ticks, wait_for

CLEAR = "\r\x1b[K"


@dataclass
class Clock:
    """A clock that a test sets."""

    now: float = 100.0

    def monotonic(self) -> float:
        """Return the time that the test set."""
        return self.now


class Terminal(io.StringIO):
    """A stream that reports to be a terminal."""

    def isatty(self) -> bool:
        """Return True."""
        return True


@contextmanager
def by_hand(tick: Callable[[], None]) -> Iterator[None]:
    """Replace the ticking thread, because the test ticks by itself."""
    del tick
    yield


@dataclass
class Shown:
    """A progress display whose time and ticks the test controls."""

    stream: io.StringIO
    clock: Clock = field(default_factory=Clock)

    def __post_init__(self) -> None:
        """Connect the parts."""
        self.progress = TerminalProgress(self.stream, clock=self.clock, ticking=by_hand)

    def after(self, seconds: float) -> str:
        """Return the output of one tick after *seconds*."""
        self.clock.now += seconds
        before = len(self.stream.getvalue())
        self.progress.tick()
        return self.stream.getvalue()[before:]


@pytest.fixture
def terminal() -> Shown:
    """A progress display on a terminal."""
    return Shown(Terminal())


@pytest.fixture
def log() -> Shown:
    """A progress display in a log file."""
    return Shown(io.StringIO())


@pytest.mark.parametrize("stream", [Terminal, io.StringIO])
def test_quick_work_shows_nothing(stream: type[io.StringIO]) -> None:
    """Work of less than a second prints nothing on a terminal or in a log."""
    shown = Shown(stream())

    with shown.progress.step("blink") as say:
        say("eyes")
        shown.after(0.9)

    assert shown.stream.getvalue() == ""


def test_a_terminal_shows_one_line_that_is_redrawn(terminal: Shown) -> None:
    """A terminal shows title, message and elapsed time in one line, which each update replaces."""
    with terminal.progress.step("building") as say:
        say("12 packages")
        first = terminal.after(1.5)
        say("812 packages")
        second = terminal.after(71)

    assert first == f"{CLEAR}building · 12 packages · 1 s"
    assert second == f"{CLEAR}building · 812 packages · 1 min 12 s"


def test_a_terminal_keeps_one_final_line(terminal: Shown) -> None:
    """A terminal keeps the title and the time of a finished step."""
    with terminal.progress.step("building"):
        terminal.after(72)

    assert terminal.stream.getvalue().endswith(f"{CLEAR}building: 1 min 12 s\n")


def test_a_failed_step_does_not_read_as_done(terminal: Shown) -> None:
    """The final line of a step that raised an exception states the failure."""

    def fail() -> None:
        with terminal.progress.step("building"):
            terminal.after(3)
            raise RuntimeError

    with pytest.raises(RuntimeError):
        fail()

    assert terminal.stream.getvalue().endswith(f"{CLEAR}building: gave up after 3 s\n")


def test_a_log_gets_a_line_after_a_second_then_every_half_minute(log: Shown) -> None:
    """A log gets one line after a second and then every 30 seconds, without control characters."""
    with log.progress.step("building") as say:
        say("etcd")
        written = [log.after(seconds) for seconds in (0.5, 0.5, 1, 28, 1, 29, 1)]

    assert written == [
        "",
        "building · etcd · 1 s\n",
        "",
        "",
        "building · etcd · 31 s\n",
        "",
        "building · etcd · 1 min 1 s\n",
    ]
    assert log.stream.getvalue().endswith("\nbuilding: 1 min 1 s\n")


def test_a_terminal_shows_the_inner_step_then_the_outer_again(terminal: Shown) -> None:
    """A terminal shows the latest of nested steps, and then the outer one with its own time."""
    with terminal.progress.step("outer"):
        terminal.after(10)
        with terminal.progress.step("inner"):
            inner = terminal.after(2)
        outer = terminal.after(0)

    assert inner == f"{CLEAR}inner · 2 s"
    assert outer == f"{CLEAR}outer · 12 s"


def test_steps_of_several_threads_each_leave_their_line(terminal: Shown) -> None:
    """Steps in several threads each leave their whole final line."""
    all_began, may_end = threading.Barrier(9), threading.Event()

    def work(number: int) -> None:
        with terminal.progress.step(f"step {number}") as say:
            say("busy")
            all_began.wait(timeout=10)
            may_end.wait(timeout=10)

    threads = [threading.Thread(target=work, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    all_began.wait(timeout=10)
    terminal.after(5)
    may_end.set()
    for thread in threads:
        thread.join()

    final = terminal.stream.getvalue().rpartition(CLEAR)[2].splitlines()
    assert sorted(final) == [f"step {number}: 5 s" for number in range(8)]


def test_what_is_said_cannot_move_the_cursor(terminal: Shown) -> None:
    """Control characters, line ends and tabs in a message become spaces."""
    with terminal.progress.step("run\x1b[2J\nning") as say:
        say("a\r\tb\x07c\u202ed")
        shown = terminal.after(2)

    assert shown == f"{CLEAR}run [2J ning · a b c d · 2 s"


def test_a_stream_that_cannot_write_a_character_gets_another() -> None:
    """A character that the stream cannot encode becomes a question mark."""
    raw = io.BytesIO()
    clock = Clock()
    progress = TerminalProgress(io.TextIOWrapper(raw, encoding="ascii"), clock=clock, ticking=by_hand)

    with progress.step("naïve"):
        clock.now += 2

    assert raw.getvalue() == b"na?ve: 2 s\n"


def test_a_closed_stream_does_not_end_the_work() -> None:
    """A closed stream does not end the work."""
    stream = io.StringIO()
    shown = Shown(stream)

    with shown.progress.step("building"):
        shown.clock.now += 2
        stream.close()


def test_the_line_fits_the_terminal() -> None:
    """The line is shortened to the terminal's width without its time, and never wraps."""
    controller, end = os.openpty()
    with os.fdopen(controller, "rb", buffering=0) as screen, os.fdopen(end, "w", encoding="utf-8") as stream:
        os.set_blocking(controller, False)
        _resize(end, columns=30)
        clock = Clock()
        progress = TerminalProgress(stream, clock=clock, ticking=by_hand)

        with progress.step("building") as say:
            say("kube-apiserver (2 of 14) · 812 packages")
            clock.now += 72
            progress.tick()
            drawn = screen.read(1000).decode().removeprefix(CLEAR)

    assert drawn == "building · kube… · 1 min 12 s"
    assert len(drawn) < 30


def test_the_ticking_thread_ends_with_its_step() -> None:
    """The ticking thread shows the line by itself, and ends with its step, also after a failure."""
    stream = Terminal()

    def drawn() -> bool | None:
        return "slow" in stream.getvalue() or None

    def fail() -> None:
        with TerminalProgress(stream).step("slow"):
            assert wait_for("drawn line", drawn, within=10, changes=Ticks())
            raise RuntimeError

    with pytest.raises(RuntimeError):
        fail()

    assert not [it for it in threading.enumerate() if it.name == "progress"]


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0.4, "0 s"),
        (59.99, "59 s"),
        (60, "1 min 0 s"),
        (72.5, "1 min 12 s"),
        (3599, "59 min 59 s"),
        (3725, "1 h 2 min"),
    ],
)
def test_a_length_of_time_reads_as_people_say_it(seconds: float, text: str) -> None:
    """A duration is shown with at most two units and without fractions."""
    assert elapsed(seconds) == text


@pytest.mark.parametrize(
    ("text", "room", "kept"),
    [("canary", 6, "canary"), ("canary", 5, "cana…"), ("canary", 1, "…"), ("canary", 0, ""), ("金絲雀", 5, "金絲…")],
)
def test_text_is_cut_by_columns(text: str, room: int, kept: str) -> None:
    """A text is shortened by columns with an ellipsis, and a wide character counts as two."""
    assert cut(text, room) == kept


def test_a_step_that_says_nothing_has_no_empty_part() -> None:
    """A step without a message shows only title and time."""
    assert line("building", "", 3) == "building · 3 s"


def test_one_line_keeps_letters_of_every_script() -> None:
    """One line keeps the letters of every script, and drops only unprintable characters."""
    assert one_line("  naïve — 金絲雀\n") == "naïve — 金絲雀"


def _resize(terminal: int, *, columns: int) -> None:
    fcntl.ioctl(terminal, termios.TIOCSWINSZ, struct.pack("HHHH", 25, columns, 0, 0))
