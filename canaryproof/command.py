"""The one place where a command is run to its end: no shell, always a time limit, an error that explains itself."""

from __future__ import annotations

import os
import selectors
import signal
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path

from canaryproof.durations import DURATIONS
from canaryproof.errors import CommandError, InfrastructureError


def run(
    argv: Sequence[str],
    *,
    timeout: float,
    env: Mapping[str, str] | None = None,
    cwd: Path | None = None,
    doomed: Callable[[], str | None] = lambda: None,
) -> str:
    """Run *argv* and return its standard output.

    *env* replaces the environment, where given.  On a time-out, Ctrl-C or any other end the whole process group of the
    command is ended, not only its first process: SIGTERM, then SIGKILL.  So it is when *doomed* gives a reason.

    Raises CommandError when it ends with another code than 0 or not within *timeout* seconds, and InfrastructureError
    when it cannot be started or is doomed.
    """
    with _started(argv, env=env, cwd=cwd, stderr=subprocess.PIPE) as process:
        try:
            stdout, stderr = _outputs(process, timeout, doomed)
        except subprocess.TimeoutExpired:
            stdout, stderr = _end(process)
            raise CommandError(argv, f"did not end within {timeout:g} s", stdout, stderr) from None
        except BaseException:
            _end(process)
            raise
    if process.returncode:
        raise CommandError(argv, _ending(process.returncode), stdout, stderr)
    return stdout


def stream(
    argv: Sequence[str],
    *,
    timeout: float,
    on_line: Callable[[str], None],
    env: Mapping[str, str] | None = None,
    cwd: Path | None = None,
) -> None:
    """Run *argv* and hand over each line of its standard output and standard error as it comes, without line ends.

    The command is ended as in :func:`run`, also when *on_line* raises.

    Raises CommandError, which holds what was printed, and InfrastructureError as :func:`run` does.
    """
    lines: list[str] = []
    with _started(argv, env=env, cwd=cwd, stderr=subprocess.STDOUT) as process:
        try:
            for line in _lines(process, timeout):
                lines.append(line)
                on_line(line)
        except subprocess.TimeoutExpired:
            _end(process)
            raise CommandError(argv, f"did not end within {timeout:g} s", "\n".join(lines), "") from None
        except BaseException:
            _end(process)
            raise
    if process.returncode:
        raise CommandError(argv, _ending(process.returncode), "\n".join(lines), "")


def _started(
    argv: Sequence[str], *, env: Mapping[str, str] | None, cwd: Path | None, stderr: int
) -> subprocess.Popen[str]:
    try:
        return subprocess.Popen(
            argv,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=stderr,
            text=True,
            encoding="utf-8",
            errors="replace",
            env=env,
            cwd=cwd,
            start_new_session=True,
        )
    except OSError as error:
        raise InfrastructureError(f"cannot run {argv[0]}: {error.strerror}; is it installed and executable?") from error


def _outputs(process: subprocess.Popen[str], timeout: float, doomed: Callable[[], str | None]) -> tuple[str, str]:
    deadline = time.monotonic() + timeout
    while True:
        left = deadline - time.monotonic()
        try:
            return process.communicate(timeout=min(left, DURATIONS.look_again))
        except subprocess.TimeoutExpired:
            if reason := doomed():
                raise InfrastructureError(f"the command was ended before its time: {reason}") from None
            if left <= 0:
                raise


def _lines(process: subprocess.Popen[str], timeout: float) -> Iterator[str]:
    """Yield the lines as they come, and end with the process; raise TimeoutExpired after *timeout* seconds."""
    deadline = time.monotonic() + timeout
    unfinished = b""
    with selectors.DefaultSelector() as selector:
        output = selector.register(process.stdout or -1, selectors.EVENT_READ).fd
        while selector.select(left := max(0.0, deadline - time.monotonic())):
            if not (chunk := os.read(output, 65536)):
                break
            *complete, unfinished = (unfinished + chunk).split(b"\n")
            yield from (_text(line) for line in complete)
        else:
            raise subprocess.TimeoutExpired(process.args, timeout)
    if unfinished:
        yield _text(unfinished)
    process.wait(timeout=left)


def _text(line: bytes) -> str:
    return line.decode("utf-8", errors="replace").rstrip("\r")


def _ending(code: int) -> str:
    return f"ended by {signal.Signals(-code).name}" if code < 0 else f"exit code {code}"


def _end(process: subprocess.Popen[str], grace: float = 2) -> tuple[str, str]:
    """End the process group; a tool that handles SIGTERM gets *grace* seconds to record what it was doing."""
    for ending in (signal.SIGTERM, signal.SIGKILL):
        try:
            os.killpg(process.pid, ending)
            return process.communicate(timeout=grace)
        except ProcessLookupError:
            return process.communicate()
        except subprocess.TimeoutExpired:
            continue
    return process.communicate()
