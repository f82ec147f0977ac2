"""Makes a clean copy of a submitted chart, so that Helm never reads the submission itself.

A separate process (:mod:`canaryproof.submissions.unpack`) parses archives and schemas, in a sandbox if the machine
allows one. That process opens and writes no file. It reads its input from an open descriptor, and returns names and
contents. This module checks them and writes the files. The parsing process therefore cannot create a link that this
process would follow.
"""

from __future__ import annotations

import json
import os
import tempfile
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path, PurePosixPath
from typing import BinaryIO

from canaryproof.errors import CommandError, InfrastructureError, LimitError, SubmissionError, UnsafeError
from canaryproof.submissions.archives import in_folder, open_file
from canaryproof.submissions.bundle import read_bundle, write_bundle
from canaryproof.submissions.discovery import Submission
from canaryproof.submissions.limits import MOST_BYTES, shown
from canaryproof.submissions.unpack import AS_NOBODY, PLAIN, needs_parsing, take_chart
from canaryproof.system.interpreter import module_command
from canaryproof.system.plain_text import escaped
from canaryproof.system.process import Limits, run
from canaryproof.system.sandbox import UNCONFINED, Sandbox
from canaryproof.system.tempdirs import scratch
from canaryproof.timeouts import TimeLimits

LIMITS = Limits(memory=512 * 2**20, output=2**20, file_size=2 * MOST_BYTES)
"""The limits of the parsing process, which needs 15 MiB of memory for the chart of the UpCommerce course."""
LONGEST_MESSAGE = 1_500
"""The maximum number of characters of a refusal."""


@contextmanager
def clean_copy(
    submission: Submission,
    chart_name: str,
    time_limits: TimeLimits,
    doomed: Callable[[], str | None],
    sandbox: Sandbox = UNCONFINED,
) -> Iterator[Path]:
    """Yield the chart of *submission* as a folder of regular files, and remove the folder when the block ends.

    All users may read the files, and the parent folder has mode 0755. The folder above it is private, so only a process
    that is started inside the parent folder can reach the files.

    Raises UnsafeError when the submission is refused, and SubmissionError when it contains no usable chart. Raises
    InfrastructureError when the copy cannot be made, or when *doomed* returns a reason.
    """
    if submission.problem:
        raise (UnsafeError if submission.unsafe else SubmissionError)(submission.problem, submission.advice)
    with scratch() as folder, tempfile.TemporaryFile(dir=folder) as result:
        parser = _Parser(chart_name, time_limits, doomed, sandbox, folder)
        name, files = _files(submission.chart, chart_name, parser, result)
        place = folder / "charts" / name
        _write(place, files)
        yield place


def _files(
    source: Path, chart_name: str, parser: _Parser, result: BinaryIO
) -> tuple[str, Iterable[tuple[PurePosixPath, bytes]]]:
    """Return the name of the chart's folder, and the chart's files."""
    if not source.is_dir():
        try:
            with open_file(source) as archive:
                return parser.parse("archive", source.name, archive, result), read_bundle(result)
        except OSError as error:
            raise SubmissionError(f"the archive cannot be read: {error.strerror}", "look at its rights") from error
    try:
        name, files = take_chart(in_folder(source), source.name, chart_name)
    except OSError as error:
        raise SubmissionError(
            f"the chart cannot be read: {error.strerror}", "look at the rights of its files"
        ) from error
    if not needs_parsing(files):
        return name, files.items()
    with tempfile.TemporaryFile() as bundle:
        write_bundle(bundle, files)
        bundle.seek(0)
        return parser.parse("bundle", name, bundle, result), read_bundle(result)


class _Parser:
    """Starts the process that parses archives and schemas."""

    def __init__(
        self,
        chart_name: str,
        time_limits: TimeLimits,
        doomed: Callable[[], str | None],
        sandbox: Sandbox,
        folder: Path,
    ) -> None:
        """Start the process in the working directory *folder*."""
        self._chart_name = chart_name
        self._time_limits = time_limits
        self._doomed = doomed
        self._sandbox = sandbox.dropping_by_program()
        self._folder = folder

    def parse(self, kind: str, name: str, source: BinaryIO, result: BinaryIO) -> str:
        """Parse *source* into a bundle in *result*. Returns the name of the chart's folder.

        Raises the same errors as `clean_copy`.
        """
        files = (source.fileno(), result.fileno())
        arguments = [kind, name, self._chart_name, *map(str, files)]
        arguments += [AS_NOBODY] if self._sandbox.changes_user else []
        options = ("-S", "-B", "-Xutf8")  # -S: no code from site-packages runs in this process
        command = module_command("canaryproof.submissions.unpack", *arguments, options=options)
        try:
            text = run(
                command,
                timeout=self._time_limits.unpack,
                env={},
                cwd=self._folder,
                doomed=self._doomed,
                limits=LIMITS,
                sandbox=self._sandbox,
                files=files,
            )
        except LimitError as error:
            raise UnsafeError(f"unpacking it {error.outcome}", "pack the chart's folder alone") from error
        except CommandError as error:
            last = shown((error.stderr.strip().splitlines() or [error.outcome])[-1])
            raise SubmissionError(f"it cannot be unpacked: {last}", "pack the chart's folder anew") from error
        return _answer(text)


def _answer(text: str) -> str:
    """Return the name of the chart's folder from the output of the parsing process, or raise its error."""
    try:
        said = json.loads(text)
    except (ValueError, RecursionError):
        said = None
    match said:
        case {"chart": str(name)} if PLAIN.fullmatch(name):
            return name
        case {"unsafe": str(reason), "hint": str(hint)}:
            raise UnsafeError(_kept(reason), _kept(hint))
        case {"broken": str(reason), "hint": str(hint)}:
            raise SubmissionError(_kept(reason), _kept(hint))
        case {"fault": str(reason)}:
            raise InfrastructureError(_kept(reason))
        case _:
            raise SubmissionError("it cannot be unpacked: its files are not told", "pack the chart's folder anew")


def _kept(reason: str) -> str:
    return escaped(reason)[:LONGEST_MESSAGE]


def _write(place: Path, files: Iterable[tuple[PurePosixPath, bytes]]) -> None:
    """Write the files of a chart. All users may read them, regardless of the umask."""
    try:
        _make_folder(place.parent)
        _make_folder(place)
        for path, content in files:
            for folder in reversed(path.parents[:-1]):
                _make_folder(place / folder)
            flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW
            with os.fdopen(os.open(place / path, flags, 0o644), "wb") as file:
                os.fchmod(file.fileno(), 0o644)
                file.write(content)
    except (FileExistsError, NotADirectoryError, IsADirectoryError) as error:
        name = Path(str(error.filename)).name
        raise SubmissionError(f"{shown(name)} is there as a file and as a folder", "pack the chart anew") from error
    except OSError as error:
        raise InfrastructureError(f"a chart cannot be copied to {place}: {error.strerror}") from error


def _make_folder(folder: Path) -> None:
    if not folder.is_dir():
        folder.mkdir(mode=0o755)
        folder.chmod(0o755)
