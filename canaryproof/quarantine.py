"""Lends a clean copy of a chart that somebody handed in: Helm never touches the submission itself."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import canaryproof
from canaryproof.command import Limits, run
from canaryproof.durations import Durations
from canaryproof.errors import CommandError, InfrastructureError, LimitError, SubmissionError, UnsafeError
from canaryproof.intake import Submission
from canaryproof.scratch import scratch

LIMITS = Limits(memory=512 * 2**20, output=2**20)
"""For the copying: it takes 15 MiB for the course's chart."""


@contextmanager
def clean_copy(
    submission: Submission, chart_name: str, durations: Durations, doomed: Callable[[], str | None]
) -> Iterator[Path]:
    """Lend the chart of *submission* as a folder of plain files that is removed at the end.

    Raises UnsafeError when something is refused, SubmissionError when there is no chart to be had, and
    InfrastructureError when the copy cannot be made, or *doomed* gives a reason.
    """
    if submission.problem:
        raise (UnsafeError if submission.unsafe else SubmissionError)(submission.problem)
    with scratch() as folder:
        yield _copied(submission.chart, folder, chart_name, durations, doomed)


def _copied(
    source: Path, folder: Path, chart_name: str, durations: Durations, doomed: Callable[[], str | None]
) -> Path:
    # -P and -S: neither the current folder nor anybody's site-packages has a say in what this Python runs.
    command = [sys.executable, "-P", "-S", "-m", "canaryproof.unpacking", str(source), str(folder), chart_name]
    environment = {
        "PYTHONPATH": str(Path(canaryproof.__file__).parents[1]),
        "PYTHONDONTWRITEBYTECODE": "1",
        "PYTHONUTF8": "1",
        "TMPDIR": str(folder),
    }
    try:
        text = run(command, timeout=durations.unpack, env=environment, cwd=folder, doomed=doomed, limits=LIMITS)
    except LimitError as error:
        raise UnsafeError(f"unpacking it {error.outcome}; pack the chart's folder alone") from error
    except CommandError as error:
        last = (error.stderr.strip().splitlines() or [error.outcome])[-1]
        raise SubmissionError(f"it cannot be unpacked: {last}; pack the chart's folder anew") from error
    said = json.loads(text)
    if "chart" not in said:
        (kind, reason), *_ = said.items()
        raise ERRORS[kind](reason)
    return Path(said["chart"])


ERRORS = {"unsafe": UnsafeError, "broken": SubmissionError, "fault": InfrastructureError}
"""By what `canaryproof.unpacking` says."""
