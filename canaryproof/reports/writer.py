"""Writes the reports: those of each submission as soon as it is judged, and those of the class at the end.

The other modules of :mod:`canaryproof.reports` render the content.  Each file is replaced atomically.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path, PurePath
from urllib.parse import quote

from canaryproof.checks.results import RunResults, SubmissionResult, to_json
from canaryproof.model.evidence import Evidence
from canaryproof.model.flight_record import to_lines
from canaryproof.reports.classroom import classroom_json
from canaryproof.reports.feedback import feedback_md
from canaryproof.reports.filenames import file_name, file_names
from canaryproof.reports.grades_csv import grades_csv
from canaryproof.reports.gradescope import gradescope_json
from canaryproof.reports.html import class_page, submission_page
from canaryproof.reports.reader import EVIDENCE, SUFFIX
from canaryproof.reports.summary import LIMIT, summary_md
from canaryproof.reports.tables import before_rollback, events_table, history_table, objects_table, pods_table
from canaryproof.system.plain_text import printable_lines
from canaryproof.system.private_files import remove_private, write_private

HERE = PurePath()
PAGES = "submissions"
INDEX = "index.html"
"""The page of the class; of a class of one, the page of that one."""


class Reports:
    """The files of one run, in a folder."""

    def __init__(self, folder: Path, names: Iterable[str], *, scenario: str) -> None:
        """Write to *folder*; *names* are those of all submissions, in order, and *scenario* is its title."""
        self._folder = folder
        self._files = file_names(names)
        self._is_alone = len(self._files) == 1
        self._scenario = scenario

    def tell(self, result: SubmissionResult, evidence: Evidence | None) -> None:
        """Write all that there is about one submission.

        Raises OSError when it cannot be written.
        """
        file = self._files[result.name]
        if evidence:
            keep_evidence(evidence, self._folder, file, below=PurePath(EVIDENCE))
        self._write(f"{PAGES}/{file}.html", submission_page(result, evidence, scenario=self._scenario))
        if self._is_alone:
            self._write(INDEX, submission_page(result, evidence, scenario=self._scenario, index=""))
        self._write(f"feedback/{file}.md", feedback_md(result, evidence, scenario=self._scenario))
        self._write(f"classroom/{file}.json", classroom_json(result))
        gradescope = PurePath("gradescope", file, "results.json")
        if (score := gradescope_json(result)) is None:
            remove_private(self._folder, gradescope)  # an earlier run's grade is not this one's
        else:
            self._write(gradescope, score)

    def conclude(self, results: RunResults) -> None:
        """Write all that there is about the class.

        Raises OSError when it cannot be written.
        """
        links = {name: f"{PAGES}/{quote(file)}.html" for name, file in self._files.items()}
        self.save(results)
        self._write("grades.csv", grades_csv(results.submissions))
        self._write("summary.md", summary_md(results, scenario=self._scenario))
        if not self._is_alone:
            self._write(INDEX, class_page(results, links, scenario=self._scenario))

    def save(self, results: RunResults) -> None:
        """Write what programs read of the class, as far as it is.

        Raises OSError when it cannot be written.
        """
        self._write("results.json", to_json(results))

    def _write(self, path: str | PurePath, content: str | bytes) -> None:
        write_private(self._folder, PurePath(path), _bytes(content))

    def page_of(self, name: str) -> Path:
        """Return the page of a submission."""
        return self._folder / PAGES / f"{self._files[name]}.html"


def append_summary(file: Path, results: RunResults, *, scenario: str) -> None:
    """Add the summary to *file*, which GitHub Actions shows (``GITHUB_STEP_SUMMARY``), as far as there is room.

    Raises OSError when it cannot be written.
    """
    taken = file.stat().st_size if file.exists() else 0
    with file.open("a", encoding="utf-8", newline="\n") as summary:
        summary.write(summary_md(results, scenario=scenario, limit=LIMIT - taken))


def keep_evidence(evidence: Evidence, folder: Path, file: str, *, below: PurePath = HERE) -> None:
    """Write the flight record to *below*, in *folder*, as *file*, and what people read to a folder of that name.

    Raises OSError when it cannot be written.
    """
    write_private(folder, below / f"{file}{SUFFIX}", _bytes(to_lines(evidence)))
    for name, content in evidence_files(evidence).items():
        write_private(folder, below / file / name, _bytes(content))


def write(file: Path, content: str | bytes) -> None:
    """Write *file* atomically, readable by its owner only."""
    write_private(file.parent, PurePath(file.name), _bytes(content))


def _bytes(content: str | bytes) -> bytes:
    return content if isinstance(content, bytes) else content.encode(errors="replace")


def evidence_files(evidence: Evidence) -> dict[str, str]:
    """Return what people read of one experiment, by file name; tables show the last moment before the rollback."""
    objects = before_rollback(evidence).live()
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
