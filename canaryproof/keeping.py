"""Writes what a run has to say: of each submission as soon as it is judged, of the class at the end.

What the files say is decided in :mod:`canaryproof.reports`; a reader sees a whole file, or the one before it.
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path
from urllib.parse import quote

from canaryproof.evidence import Evidence
from canaryproof.flight import to_lines
from canaryproof.replaying import EVIDENCE, SUFFIX
from canaryproof.reports.feedback import feedback_md
from canaryproof.reports.grades import grades_csv
from canaryproof.reports.gradescope import gradescope_json
from canaryproof.reports.naming import file_name, file_names
from canaryproof.reports.pages import class_page, submission_page
from canaryproof.reports.plain import printable_lines
from canaryproof.reports.summary import LIMIT, summary_md
from canaryproof.reports.tables import before_rollback, events_table, history_table, objects_table, pods_table
from canaryproof.results import RunResults, SubmissionResult, to_json

PAGES = "submissions"
INDEX = "index.html"
"""The page of the class; of a class of one, the page of that one."""


class Reports:
    """The files of one run, in a folder."""

    def __init__(self, folder: Path, names: Iterable[str], *, course: str) -> None:
        """Write to *folder*; *names* are those of all submissions, in order, and *course* is the course's title."""
        self._folder = folder
        self._files = file_names(names)
        self._is_alone = len(self._files) == 1
        self._course = course

    def tell(self, result: SubmissionResult, evidence: Evidence | None) -> None:
        """Write all that there is about one submission.

        Raises OSError when it cannot be written.
        """
        file = self._files[result.name]
        if evidence:
            keep_evidence(evidence, self._folder / EVIDENCE, file)
        write(self._folder / PAGES / f"{file}.html", submission_page(result, evidence, course=self._course))
        if self._is_alone:
            write(self._folder / INDEX, submission_page(result, evidence, course=self._course, index=""))
        write(self._folder / "feedback" / f"{file}.md", feedback_md(result, evidence, course=self._course))
        gradescope = self._folder / "gradescope" / file / "results.json"
        if (score := gradescope_json(result)) is None:
            gradescope.unlink(missing_ok=True)  # an earlier run's grade is not this one's
        else:
            write(gradescope, score)

    def conclude(self, results: RunResults) -> None:
        """Write all that there is about the class.

        Raises OSError when it cannot be written.
        """
        links = {name: f"{PAGES}/{quote(file)}.html" for name, file in self._files.items()}
        self.save(results)
        write(self._folder / "grades.csv", grades_csv(results.submissions))
        write(self._folder / "summary.md", summary_md(results, course=self._course))
        if not self._is_alone:
            write(self._folder / INDEX, class_page(results, links, course=self._course))

    def save(self, results: RunResults) -> None:
        """Write what programs read of the class, as far as it is.

        Raises OSError when it cannot be written.
        """
        write(self._folder / "results.json", to_json(results))

    def page_of(self, name: str) -> Path:
        """Return the page of a submission."""
        return self._folder / PAGES / f"{self._files[name]}.html"


def append_summary(file: Path, results: RunResults, *, course: str) -> None:
    """Add the summary to *file*, which GitHub Actions shows (``GITHUB_STEP_SUMMARY``), as far as there is room.

    Raises OSError when it cannot be written.
    """
    taken = file.stat().st_size if file.exists() else 0
    with file.open("a", encoding="utf-8", newline="\n") as summary:
        summary.write(summary_md(results, course=course, limit=LIMIT - taken))


def keep_evidence(evidence: Evidence, folder: Path, file: str) -> None:
    """Write the flight record to *folder* as *file*, and what people read to a folder of that name beside it.

    Raises OSError when it cannot be written.
    """
    write(folder / f"{file}{SUFFIX}", to_lines(evidence))
    for name, content in evidence_files(evidence).items():
        write(folder / file / name, content)


def write(file: Path, content: str | bytes) -> None:
    """Write *file* so that whoever reads it sees all of it or nothing."""
    file.parent.mkdir(parents=True, exist_ok=True)
    unfinished = file.with_name(f".{os.getpid()}.unfinished")
    unfinished.write_bytes(content if isinstance(content, bytes) else content.encode(errors="replace"))
    unfinished.replace(file)


def evidence_files(evidence: Evidence) -> dict[str, str]:
    """Return what people read of one experiment, by file name; tables show the last moment before the rollback."""
    objects = [each.body for each in before_rollback(evidence).live()]
    return {
        "events.txt": events_table(evidence.timeline),
        "pods.txt": pods_table(objects),
        "objects.txt": objects_table(objects),
        "history.txt": history_table(evidence),
        **{f"logs/{name}": text for name, text in log_files(evidence).items()},
    }


def log_files(evidence: Evidence) -> dict[str, str]:
    """Return the logs by file name: ``<pod>_<container>.previous.log``; no byte of them moves a cursor."""
    return {
        file_name(f"{log.pod}_{log.container}{'.previous' if log.previous else ''}.log"): "".join(
            f"{line}\n" for line in printable_lines(log.text)
        )
        for log in evidence.logs
    }
