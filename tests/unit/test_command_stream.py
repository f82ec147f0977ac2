"""A long-running command delivers its lines at once, and ends as reliably as a short one."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest

from canaryproof.errors import CommandError, InfrastructureError
from canaryproof.system.process import stream
from canaryproof.system.wait import Ticks, wait_for


def test_lines_of_both_streams_come_without_their_ends() -> None:
    """The lines of both streams arrive as one stream without line ends. The last one needs no line end."""
    lines: list[str] = []

    stream(
        ["sh", "-c", "echo one; echo two >&2; printf '\\r\\n\\303\\244 \\377\\nlast'"], timeout=10, on_line=lines.append
    )

    assert lines == ["one", "two", "", "ä \ufffd", "last"]


def test_a_line_comes_while_the_command_still_runs(tmp_path: Path) -> None:
    """Each line arrives while the command still runs. The command in this test waits for the reply."""
    answer = tmp_path / "answer"
    script = f"echo ready; while ! [ -e {answer} ]; do sleep 0.02; done"

    stream(["sh", "-c", script], timeout=10, on_line=lambda _: answer.touch())

    assert answer.exists()


def test_a_failure_holds_what_was_printed() -> None:
    """The error of a failed command has the exit code and the lines."""
    with pytest.raises(CommandError, match="exit code 3") as caught:
        stream(["sh", "-c", "echo broken; exit 3"], timeout=10, on_line=lambda _: None)

    assert caught.value.stdout == "broken"


@pytest.mark.parametrize("output", ["echo one;", "exec >&- 2>&-;", "exit 0;"])
def test_a_hanging_command_and_its_children_are_ended(tmp_path: Path, output: str) -> None:
    """The time limit ends the whole process group, even if its first process has closed its output or ended."""
    pid_file = tmp_path / "pid"
    began = time.monotonic()

    with pytest.raises(CommandError, match=r"did not end within 0\.3 s"):
        stream(["sh", "-c", f"sleep 600 & echo $! > {pid_file}; {output} wait"], timeout=0.3, on_line=lambda _: None)

    assert time.monotonic() - began < 5
    assert _is_gone(pid_file)


def test_an_error_of_the_listener_ends_the_command(tmp_path: Path) -> None:
    """The process group ends if the caller is interrupted, also by Ctrl-C."""
    pid_file = tmp_path / "pid"

    def interrupt(_: str) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        stream(["sh", "-c", f"sleep 600 & echo $! > {pid_file}; echo started; wait"], timeout=60, on_line=interrupt)

    assert _is_gone(pid_file)


def test_a_command_that_is_not_there_is_the_machines_fault() -> None:
    """The error names a command that cannot be started."""
    with pytest.raises(InfrastructureError, match="cannot run no-such-command"):
        stream(["no-such-command"], timeout=10, on_line=lambda _: None)


def _is_gone(pid_file: Path) -> bool:
    pid = int(pid_file.read_text())

    def look() -> bool | None:
        try:
            os.kill(pid, 0)
        except ProcessLookupError:
            return True
        return _is_zombie(pid) or None

    return wait_for("end of the child", look, within=5, changes=Ticks())


def _is_zombie(pid: int) -> bool:
    stat = Path(f"/proc/{pid}/stat")
    return not stat.exists() or stat.read_text().rpartition(") ")[2].startswith("Z")
