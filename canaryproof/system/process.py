"""Runs commands to completion, without a shell and always with a time limit.

All other modules run commands through this one. Its errors contain the command, its exit status and its output.
"""

from __future__ import annotations

import logging
import os
import resource
import selectors
import shlex
import signal
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from canaryproof.errors import CommandError, InfrastructureError, LimitError
from canaryproof.redaction import Redactor, environment_values
from canaryproof.system.interpreter import HARMLESS_FOLDER, module_command
from canaryproof.system.logs import logger_of
from canaryproof.system.sandbox import UNCONFINED, Drop, Sandbox

ProcessError = subprocess.CalledProcessError
"""The exception raised by libraries that start processes themselves."""
OUT_OF_MEMORY = ("out of memory", "cannot allocate memory", "MemoryError", "SIGSEGV: segmentation violation\nPC=")
"""Messages of Go and Python programs that end because the kernel refuses them more memory.

The last one comes from the runtime of Go 1.26, whose garbage collector does not check whether an allocation succeeded.
After a segmentation violation in a program's own code, Go prints ``[signal ...]`` instead.
"""


@dataclass(frozen=True)
class Limits:
    """The resource limits of a command that reads untrusted input, in bytes. None means no limit."""

    memory: int | None = None
    """Private writable memory (RLIMIT_DATA). Unlike RLIMIT_AS, it excludes address space that Go only reserves."""
    output: int | None = None
    """Standard output and standard error, each."""
    file_size: int | None = None
    """Each file that a sandboxed command writes (RLIMIT_FSIZE)."""


UNLIMITED = Limits()
_LOG = logger_of(__name__)
_TICK = 0.1
"""Seconds between two calls of *doomed* while a command runs."""
AT_HOME = ("HOME", "PATH", "XDG_RUNTIME_DIR", "DBUS_SESSION_BUS_ADDRESS")
"""Environment variables that locate a user's files, commands and services."""
POLITELY = (signal.SIGTERM, signal.SIGKILL)
FORCIBLY = (signal.SIGKILL,)
"""The signals for a sandboxed command, which has no state to record.

Besides, the first process of a PID namespace ignores SIGTERM.
"""


def run(
    argv: Sequence[str],
    *,
    timeout: float,
    env: Mapping[str, str] | None = None,
    cwd: Path | None = None,
    doomed: Callable[[], str | None] = lambda: None,
    limits: Limits = UNLIMITED,
    grace: float = 0,
    sandbox: Sandbox = UNCONFINED,
    files: Sequence[int] = (),
) -> str:
    """Run *argv* and return its standard output.

    *env*, if given, replaces the environment. *files* are descriptors that the command inherits. In a *sandbox*,
    ``argv[0]`` must be a path. The program may lie in a folder that only this process can search.

    On a timeout, Ctrl-C or any other exception, this function ends the whole process group of the command. It sends
    SIGTERM, and SIGKILL after *grace* seconds. In a sandbox, and when the output exceeds its limit, it sends SIGKILL at
    once. The function also ends the command when *doomed* returns a reason. A command that only reports something needs
    no *grace*. A command that changes something uses this time to record its state.

    Raises CommandError when the exit code is not 0. Raises LimitError when the command exceeds *timeout* seconds or
    *limits*. Raises InfrastructureError when the command cannot be started or is doomed.
    """
    with (
        _logged(argv, env),
        _sandboxed(argv, sandbox, limits, timeout) as (command, program),
        _started(command, env=env, cwd=cwd, stderr=subprocess.PIPE, files=(*files, *program)) as process,
    ):
        if not sandbox.is_active:
            _limit_memory(process, limits)
        outputs = _Outputs(process, limits.output)
        try:
            outputs.read(timeout, doomed)
        except _ExceededError as error:
            _end(process, FORCIBLY if sandbox.is_active else error.signals, grace)
            raise _error(LimitError, argv, str(error), *outputs.texts, env=env) from None
        except BaseException:
            _end(process, FORCIBLY if sandbox.is_active else POLITELY, grace)
            raise
    stdout, stderr = outputs.texts
    if process.returncode and limits.memory and any(sign in stderr for sign in OUT_OF_MEMORY):
        raise _error(LimitError, argv, f"needs more than {megabytes(limits.memory)} of memory", stdout, stderr, env=env)
    if process.returncode:
        raise _error(CommandError, argv, _ending(process.returncode), stdout, stderr, env=env)
    return stdout


@contextmanager
def _logged(argv: Sequence[str], env: Mapping[str, str] | None) -> Iterator[None]:
    """Log the command that runs during the block, without the secrets in its environment."""
    if not _LOG.isEnabledFor(logging.DEBUG):
        yield
        return
    command, began = _redactor(env).text(shlex.join(argv)), time.monotonic()
    _LOG.debug("running %s", command)
    try:
        yield
    finally:
        _LOG.debug("ran %.2f s: %s", time.monotonic() - began, command)


def _error(kind: type[CommandError], argv: Sequence[str], *texts: str, env: Mapping[str, str] | None) -> CommandError:
    """Return an error. Secrets from the environment of the command, which its output may repeat, are redacted."""
    redactor = _redactor(env)
    return kind([redactor.text(each) for each in argv], *map(redactor.text, texts))


def _redactor(env: Mapping[str, str] | None) -> Redactor:
    return Redactor(environment_values(os.environ if env is None else env))


def megabytes(size: int) -> str:
    """Format a number of bytes in MiB."""
    return f"{size / 2**20:g} MiB"


class _ExceededError(Exception):
    """A limit was exceeded. The message names the limit, and *signals* are sent to the command in order."""

    def __init__(self, message: str, *signals: signal.Signals) -> None:
        super().__init__(message)
        self.signals = signals or POLITELY


class _Outputs:
    """Reads both output streams of a process concurrently until both have ended."""

    def __init__(self, process: subprocess.Popen[str], most: int | None) -> None:
        """Read at most *most* bytes of each stream. None means no limit."""
        self._process = process
        self._most = most
        self._read = {pipe.fileno(): bytearray() for pipe in (process.stdout, process.stderr) if pipe}

    @property
    def texts(self) -> tuple[str, str]:
        """Return standard output and standard error so far."""
        stdout, stderr = (text.decode("utf-8", errors="replace") for text in self._read.values())
        return stdout.replace("\r\n", "\n"), stderr.replace("\r\n", "\n")

    def read(self, timeout: float, doomed: Callable[[], str | None]) -> None:
        """Read until the process has ended.

        Raises _ExceededError when the process exceeds *timeout* seconds or the limit for output, and
        InfrastructureError when *doomed* returns a reason.
        """
        deadline = time.monotonic() + timeout
        with selectors.DefaultSelector() as selector:
            for pipe in self._read:
                selector.register(pipe, selectors.EVENT_READ)
            while selector.get_map():
                for key, _ in selector.select(_slice(deadline)):
                    self._take(key.fd, selector)
                _check(deadline, timeout, doomed)
        while True:  # the process may continue after it has closed its streams
            with suppress(subprocess.TimeoutExpired):
                self._process.wait(_slice(deadline))
                return
            _check(deadline, timeout, doomed)

    def _take(self, pipe: int, selector: selectors.BaseSelector) -> None:
        if not (chunk := os.read(pipe, 65536)):
            selector.unregister(pipe)
            return
        self._read[pipe] += chunk
        if self._most and len(self._read[pipe]) > self._most:
            raise _ExceededError(f"prints more than {megabytes(self._most)}", signal.SIGKILL)


def _slice(deadline: float) -> float:
    return max(0.0, min(deadline - time.monotonic(), _TICK))


def _check(deadline: float, timeout: float, doomed: Callable[[], str | None]) -> None:
    if reason := doomed():
        raise InfrastructureError(f"the command was ended before its time: {reason}")
    if time.monotonic() > deadline:
        raise _ExceededError(f"did not end within {timeout:g} s")


def _limit_memory(process: subprocess.Popen[str], limits: Limits) -> None:
    """Limit the memory of a process that has just been started.

    A ``preexec_fn`` is not an option: Python code between fork and exec can deadlock in a program with threads.
    """
    if limits.memory and hasattr(resource, "prlimit"):  # Linux has it, macOS has not
        with suppress(ProcessLookupError):  # it has ended already
            resource.prlimit(process.pid, resource.RLIMIT_DATA, (limits.memory, limits.memory))


def stream(
    argv: Sequence[str],
    *,
    timeout: float,
    on_line: Callable[[str], None],
    env: Mapping[str, str] | None = None,
    cwd: Path | None = None,
    grace: float = 0,
) -> None:
    """Run *argv* and pass each line of its standard output and standard error to *on_line*, without the line end.

    Credentials and the secrets in the environment of the command are redacted in each line. The command is ended as in
    :func:`run`, also when *on_line* raises.

    Raises CommandError with the output, LimitError after *timeout* seconds, and InfrastructureError when the command
    cannot be started.
    """
    lines: list[str] = []
    redactor = _redactor(env)
    with _logged(argv, env), _started(argv, env=env, cwd=cwd, stderr=subprocess.STDOUT) as process:
        try:
            for line in _lines(process, timeout):
                lines.append(redactor.text(line))
                on_line(lines[-1])
        except subprocess.TimeoutExpired:
            _end(process, POLITELY, grace)
            raise _error(LimitError, argv, f"did not end within {timeout:g} s", "\n".join(lines), "", env=env) from None
        except BaseException:
            _end(process, POLITELY, grace)
            raise
    if process.returncode:
        raise _error(CommandError, argv, _ending(process.returncode), "\n".join(lines), "", env=env)


@contextmanager
def detached(module: str, *, order: bytes, log: Path) -> Iterator[Iterator[bytes]]:
    """Start a Python module that outlives this process, with *order* on its standard input.

    Yields an iterator over the lines that the module prints until it closes its standard output. The pipe is closed
    when the block ends. Standard error goes to the file *log*. The module inherits only the environment variables in
    `AT_HOME`. The module must fork once and end its first process at once, so that the end of the block waits for
    nothing else.
    """
    environment = {name: os.environ[name] for name in AT_HOME if name in os.environ}
    with (
        log.open("wb") as errors,
        subprocess.Popen(
            module_command(module),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=errors,
            env=environment,
            cwd=HARMLESS_FOLDER,
            start_new_session=True,
        ) as process,
    ):
        if process.stdin is None or process.stdout is None:
            raise AssertionError("the process was started with pipes")
        with process.stdin as pipe:
            pipe.write(order)
        yield iter(process.stdout)


@contextmanager
def _sandboxed(
    argv: Sequence[str], sandbox: Sandbox, limits: Limits, timeout: float
) -> Iterator[tuple[Sequence[str], tuple[int, ...]]]:
    """Yield the command that runs *argv* in *sandbox*, and the descriptors that it needs.

    If the user changes before the exec, the program is executed through a descriptor. The new user then needs no search
    permission for the folders above it.
    """
    start = partial(sandbox.command, memory=limits.memory, file_size=limits.file_size, seconds=timeout)
    if not sandbox.is_active:
        yield argv, ()
        return
    if not sandbox.changes_user or sandbox.drop is Drop.BY_PROGRAM:
        yield start(argv), ()
        return
    with _program(argv[0]) as handle:
        yield start([f"/proc/self/fd/{handle}", *argv[1:]]), (handle,)


@contextmanager
def _program(path: str) -> Iterator[int]:
    """Open a program that all users may read and execute.

    Raises InfrastructureError when the program is missing or lacks these permissions.
    """
    try:
        handle = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except OSError as error:
        raise InfrastructureError(f"cannot run {path}: {error.strerror}; is it installed and executable?") from error
    try:
        if os.fstat(handle).st_mode & 0o005 != 0o005:  # noqa: PLR2004 - read and execute
            raise InfrastructureError(
                f"cannot run {path} as nobody: not everybody may read and execute it; chmod 0755 it"
            )
        yield handle
    finally:
        os.close(handle)


def _started(
    argv: Sequence[str],
    *,
    env: Mapping[str, str] | None,
    cwd: Path | None,
    stderr: int,
    files: Sequence[int] = (),
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
            pass_fds=files,
        )
    except OSError as error:
        raise InfrastructureError(f"cannot run {argv[0]}: {error.strerror}; is it installed and executable?") from error


def _lines(process: subprocess.Popen[str], timeout: float) -> Iterator[str]:
    """Yield the lines as the process prints them, until it ends.

    Raises TimeoutExpired after *timeout* seconds.
    """
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


def _end(process: subprocess.Popen[str], signals: Sequence[signal.Signals], grace: float) -> None:
    """Send *signals* to the process group in order until the process ends, each time after *grace* seconds."""
    for ending in signals:
        try:
            os.killpg(process.pid, ending)
            process.communicate(timeout=grace)
        except ProcessLookupError:
            break
        except subprocess.TimeoutExpired:
            continue
        return
    process.communicate()
