"""The reports of each submission are written at once, those of the class at the end, and each file atomically."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from canaryproof.checks.results import RunResults, SubmissionResult
from canaryproof.reports.reader import read_evidence
from canaryproof.reports.summary import LIMIT
from canaryproof.reports.writer import Reports, append_summary, evidence_files, keep_evidence, write
from tests.unit.reports.hostile import EVIDENCE, hostile_evidence, judged

NAMES = ("shop", "Shop", "../../etc/passwd", "a" * 300)


def run_of(*submissions: SubmissionResult) -> RunResults:
    """Return the results of a run."""
    return RunResults("2026-01-02T03:04:05+00:00", 12.3, EVIDENCE.setting, submissions)


def files_in(folder: Path) -> set[str]:
    """Return the paths of all files in *folder*."""
    return {file.relative_to(folder).as_posix() for file in folder.rglob("*") if file.is_file()}


def test_all_about_a_submission_is_there_as_soon_as_it_is_judged(tmp_path: Path) -> None:
    """The writer writes the flight record, its readable form, the page, the feedback and the Gradescope file early.

    It writes them as soon as the submission is judged.
    """
    Reports(tmp_path, ["shop", "other"], scenario="Releases").tell(judged(EVIDENCE), EVIDENCE)

    assert files_in(tmp_path) == {
        "evidence/shop.jsonl",
        *(f"evidence/shop/{each}.txt" for each in ("events", "pods", "objects", "history")),
        "evidence/shop/logs/one_canary.previous.log",
        "submissions/shop.html",
        "feedback/shop.md",
        "classroom/shop.json",
        "gradescope/shop/results.json",
    }
    assert read_evidence(tmp_path / "evidence" / "shop.jsonl") == EVIDENCE


def test_all_about_the_class_is_there_at_the_end(tmp_path: Path) -> None:
    """The writer writes results.json, the grades, the summary and the index page at the end."""
    Reports(tmp_path, ["shop", "other"], scenario="Releases").conclude(run_of(judged(EVIDENCE)))

    assert files_in(tmp_path) == {"results.json", "grades.csv", "summary.md", "index.html"}
    assert '<a href="submissions/shop.html">shop</a>' in (tmp_path / "index.html").read_text()
    assert json.loads((tmp_path / "results.json").read_text())["submissions"][0]["name"] == "shop"


def test_a_class_of_one_has_one_page(tmp_path: Path) -> None:
    """The writer makes the submission's page the index if there is only one."""
    reports = Reports(tmp_path, ["shop"], scenario="Releases")
    reports.tell(judged(EVIDENCE), EVIDENCE)
    reports.conclude(run_of(judged(EVIDENCE)))

    page = (tmp_path / "index.html").read_text()
    assert "What happened" in page
    assert "../index.html" not in page


def test_names_neither_leave_the_folder_nor_meet(tmp_path: Path) -> None:
    """The writer gives each submission its own files in the folder, whatever its name is, and the index links them."""
    reports = Reports(tmp_path / "out", NAMES, scenario="Releases")
    results = [judged(replace(EVIDENCE, name=name)) for name in NAMES]
    for result in results:
        reports.tell(result, replace(EVIDENCE, name=result.name))
    reports.conclude(run_of(*results))

    assert {each.name for each in tmp_path.iterdir()} == {"out"}
    pages = {each.name.casefold() for each in (tmp_path / "out" / "submissions").iterdir()}
    assert len(pages) == len(NAMES)
    records = (tmp_path / "out" / "evidence").glob("*.jsonl")
    assert {read_evidence(each).name for each in records} == set(NAMES)


def test_hostile_text_is_written_all_the_same(tmp_path: Path) -> None:
    """The writer writes all reports, whatever text a submission contains."""
    evidence = hostile_evidence()
    result = judged(evidence, failed=evidence.name)
    reports = Reports(tmp_path, [evidence.name, "other"], scenario="Releases")

    reports.tell(result, evidence)
    reports.conclude(run_of(result))

    assert (tmp_path / "index.html").is_file()
    assert len(list((tmp_path / "submissions").iterdir())) == 1


def test_an_error_takes_an_earlier_grade_back(tmp_path: Path) -> None:
    """The writer removes an earlier run's Gradescope file if this run ends with an error."""
    reports = Reports(tmp_path, ["shop"], scenario="Releases")
    reports.tell(judged(EVIDENCE), EVIDENCE)

    reports.tell(judged(EVIDENCE, error="etcd ended"), EVIDENCE)

    assert not list((tmp_path / "gradescope").rglob("*.json"))


def test_a_submission_that_was_not_tried_is_told_of(tmp_path: Path) -> None:
    """The writer's page and feedback for an untried submission state this, and there is no evidence file."""
    Reports(tmp_path, ["shop", "other"], scenario="Releases").tell(judged(None, error="no cluster"), None)

    assert files_in(tmp_path) == {"submissions/shop.html", "feedback/shop.md", "classroom/shop.json"}


def test_a_summary_is_added_to_what_others_wrote(tmp_path: Path) -> None:
    """The writer appends to the summary file, keeps its content, and stays within the size limit in total."""
    file = tmp_path / "summary"
    file.write_text("before\n")

    append_summary(file, run_of(judged(EVIDENCE)), scenario="Releases")

    assert file.read_text().startswith("before\n## Releases\n")
    file.write_text("x" * (LIMIT - 10))
    append_summary(file, run_of(judged(EVIDENCE)), scenario="Releases")
    assert file.stat().st_size == LIMIT - 10


def test_logs_do_not_move_a_cursor() -> None:
    """The writer removes control characters from logs and keeps the indentation.

    Files are named by container and run.
    """
    (log,) = hostile_evidence("bad \x1b[31mflag\r\n  bye").logs
    files = evidence_files(replace(EVIDENCE, logs=(replace(log, pod="one", container="app"),)))

    assert files["logs/one_app.previous.log"] == "bad  [31mflag\n  bye\n"


def test_evidence_goes_to_a_folder_of_the_submission(tmp_path: Path) -> None:
    """The writer puts the evidence into a folder beside the flight record, and leaves no temporary files."""
    keep_evidence(EVIDENCE, tmp_path / "evidence", "shop")

    assert sorted(each.name for each in (tmp_path / "evidence").iterdir()) == ["shop", "shop.jsonl"]


def test_a_file_is_replaced_as_a_whole(tmp_path: Path) -> None:
    """The writer replaces a file only after the new content is complete."""
    file = tmp_path / "a" / "results.json"
    write(file, b"old")

    write(file, "new")

    assert file.read_text() == "new"
    assert list(file.parent.iterdir()) == [file]


@pytest.fixture(params=[0o000, 0o022, 0o077])
def _umask(request: pytest.FixtureRequest) -> Iterator[None]:
    """Set the umask for the test, and restore the former one."""
    before = os.umask(request.param)
    yield
    os.umask(before)


@pytest.mark.usefixtures("_umask")
def test_only_the_owner_reads_grades(tmp_path: Path) -> None:
    """The writer makes new folders and all files private, and keeps the mode of an existing folder."""
    there = tmp_path / "there"
    there.mkdir()
    there.chmod(0o755)
    for folder in (there, tmp_path / "new" / "reports"):
        reports = Reports(folder, ["shop", "other"], scenario="Releases")
        reports.tell(judged(EVIDENCE), EVIDENCE)
        reports.conclude(run_of(judged(EVIDENCE)))

        assert {each.stat().st_mode & 0o777 for each in folder.rglob("*") if each.is_file()} == {0o600}
        assert {each.stat().st_mode & 0o777 for each in folder.rglob("*") if each.is_dir()} == {0o700}
    assert there.stat().st_mode & 0o777 == 0o755
    assert {each.stat().st_mode & 0o777 for each in (tmp_path / "new", tmp_path / "new" / "reports")} == {0o700}


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root")
def test_what_root_writes_belongs_to_the_owner_of_the_folder(tmp_path: Path) -> None:
    """The writer gives files written by root to the owner of the folder, so that a user of sudo can remove them."""
    home = tmp_path / "home"
    home.mkdir()
    os.chown(home, 1234, 1235)
    reports = Reports(home / "class" / "reports", ["shop", "other"], scenario="Releases")
    reports.tell(judged(EVIDENCE), EVIDENCE)
    reports.conclude(run_of(judged(EVIDENCE)))

    assert {(each.stat().st_uid, each.stat().st_gid) for each in home.rglob("*")} == {(1234, 1235)}


@pytest.mark.parametrize("planted", ["submissions", "evidence/shop/logs", "gradescope/shop", "feedback"])
def test_reports_follow_no_link_in_their_folder(tmp_path: Path, planted: str) -> None:
    """The writer follows no link within its folder."""
    elsewhere, folder = tmp_path / "elsewhere", tmp_path / "reports"
    elsewhere.mkdir()
    (folder / planted).parent.mkdir(parents=True)
    (folder / planted).symlink_to(elsewhere)

    with pytest.raises(OSError, match=r"Not a directory|symbolic links"):
        Reports(folder, ["shop", "other"], scenario="Releases").tell(judged(EVIDENCE), EVIDENCE)

    assert not list(elsewhere.iterdir())


def test_a_link_in_a_files_place_is_replaced(tmp_path: Path) -> None:
    """The writer replaces a link in place of a file, and leaves its target and any predictable temporary name alone."""
    (tmp_path / "secret").write_text("kept")
    folder = tmp_path / "reports"
    folder.mkdir()
    for name in ("results.json", f".{os.getpid()}.unfinished"):
        (folder / name).symlink_to(tmp_path / "secret")

    write(folder / "results.json", "new")

    assert (tmp_path / "secret").read_text() == "kept"
    assert not (folder / "results.json").is_symlink()
    assert (folder / "results.json").read_text() == "new"


def test_the_folder_itself_may_be_a_link(tmp_path: Path) -> None:
    """The writer accepts a link as the report folder, because the user chose it."""
    (tmp_path / "real").mkdir()
    (tmp_path / "link").symlink_to("real")

    Reports(tmp_path / "link", ["shop"], scenario="Releases").conclude(run_of(judged(EVIDENCE)))

    assert (tmp_path / "real" / "results.json").is_file()


def test_nothing_unfinished_is_left(tmp_path: Path) -> None:
    """The writer removes a temporary file that cannot replace its target."""
    (tmp_path / "taken").mkdir()

    with pytest.raises(OSError, match="directory"):
        write(tmp_path / "taken", "new")

    assert [each.name for each in tmp_path.iterdir()] == ["taken"]
