"""Helm gets a copy of the chart as plain files in a temporary folder, or an error with the reason."""

from __future__ import annotations

import os
import zipfile
from collections.abc import Iterable
from pathlib import Path

import pytest

from canaryproof.errors import CanaryproofError, InfrastructureError, SubmissionError, UnsafeError
from canaryproof.model.chart_source import read_texts
from canaryproof.submissions import chart_copy
from canaryproof.submissions.chart_copy import clean_copy
from canaryproof.submissions.discovery import Submission
from canaryproof.submissions.limits import Member
from canaryproof.submissions.unpack import take_chart
from canaryproof.timeouts import TimeLimits
from tests.unit.packing import CHART, chart, pack_tar, pack_zip, write


def copied(source: Path, *, problem: str = "", unsafe: bool = False, doom: str = "", **seconds: float) -> list[str]:
    """Copy the submission, and return its files after the copy's removal."""
    submission = Submission("alice", str(source), source, problem, unsafe=unsafe)
    with clean_copy(submission, "upcommerce", TimeLimits(**seconds), lambda: doom or None) as place:
        files = sorted(str(each.relative_to(place)) for each in place.rglob("*") if each.is_file())
    assert not place.parent.exists()
    return files


def test_a_copy_is_lent_and_taken_back(tmp_path: Path) -> None:
    """The copy of a folder or an archive is removed after its use, and the submission stays unchanged."""
    folder = write(tmp_path / "folder", chart(""))

    for source in (folder, pack_zip(tmp_path / "a.zip", chart()), pack_tar(tmp_path / "a.tgz", chart())):
        assert copied(source) == sorted(CHART)
    assert sorted(each.name for each in folder.iterdir()) == ["Chart.yaml", "templates", "values.yaml"]


@pytest.mark.parametrize(
    ("unsafe", "error"), [(True, UnsafeError), (False, SubmissionError)], ids=["refused", "missing"]
)
def test_what_was_wrong_from_the_start_is_said(tmp_path: Path, *, unsafe: bool, error: type[CanaryproofError]) -> None:
    """The copy repeats the reason if intake has already refused the submission."""
    with pytest.raises(error, match="for this reason") as caught:
        copied(tmp_path, problem="for this reason", unsafe=unsafe)

    assert type(caught.value) is error


def test_each_refusal_keeps_its_kind(tmp_path: Path) -> None:
    """The copy raises the refusal with the same type as the process that found it."""
    with pytest.raises(UnsafeError, match="leads out of it"):
        copied(pack_zip(tmp_path / "a.zip", {"../a": ""}))
    with pytest.raises(SubmissionError, match=r"saw no Chart\.yaml") as caught:
        copied(pack_zip(tmp_path / "b.zip", {"a": ""}))
    assert type(caught.value) is SubmissionError


def test_time_and_memory_are_limited(tmp_path: Path) -> None:
    """The copy refuses an archive whose index exceeds the limits of time or memory."""
    archive = tmp_path / "many.zip"
    with zipfile.ZipFile(archive, "w") as packed:
        for number in range(60_000):
            packed.writestr(f"{number}", "")

    with pytest.raises(UnsafeError, match="more than 50000 files"):
        copied(archive)
    with pytest.raises(UnsafeError, match=r"unpacking it did not end within 0\.01 s; pack"):
        copied(archive, unpack=0.01)


def test_the_end_of_the_run_waits_for_no_copy(tmp_path: Path) -> None:
    """A copy that Ctrl-C interrupts is no fault of the submission."""
    with pytest.raises(InfrastructureError, match="the run was ended"):
        copied(pack_zip(tmp_path / "a.zip", chart()), doom="the run was ended")


def test_nothing_of_the_submission_is_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The copying process runs no code of the submission.

    This holds even if the submission's folder is the current one and its modules have the names of Python's own.
    """
    trap = "from pathlib import Path; Path(__file__).with_name('ran').touch()\n"
    modules = ("json.py", "tarfile.py", "sitecustomize.py", "usercustomize.py", "conftest.py", "canaryproof.py")
    folder = write(tmp_path / "folder", {**chart(""), **dict.fromkeys(modules, trap), "a.pth": f"import os; {trap}"})
    monkeypatch.chdir(folder)
    monkeypatch.setenv("PYTHONPATH", str(folder))

    assert "json.py" in copied(folder)

    assert not (folder / "ran").exists()


def test_the_users_environment_stays_at_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The copying process does not get the user's environment."""
    monkeypatch.setenv("PYTHONSTARTUP", "/nowhere")
    monkeypatch.setenv("PYTHONHOME", "/nowhere")

    assert copied(write(tmp_path / "folder", chart("")))
    assert os.environ["PYTHONHOME"] == "/nowhere"


@pytest.mark.parametrize("kind", ["folder", "archive"])
@pytest.mark.parametrize("swapped", ["work", "work/upcommerce", "work/upcommerce/templates"])
def test_a_folder_that_becomes_a_link_is_not_followed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str, swapped: str
) -> None:
    """The copy opens each part of a path separately, so that a folder that turns into a link is not followed."""
    secret = write(tmp_path / "secret", {**chart("upcommerce/"), "upcommerce/values.yaml": "of the teacher\n"})
    pack_zip(secret / "upcommerce" / "a.zip", chart())
    place = write(tmp_path / "class", chart("work/upcommerce/"))
    pack_zip(place / "work" / "upcommerce" / "a.zip", chart())
    source = place / "work" / "upcommerce"
    if kind == "archive":
        source /= "a.zip"
        if swapped.endswith("templates"):
            swapped = "work/upcommerce/a.zip"
    target = secret / Path(swapped).relative_to("work")

    def swap() -> None:
        (place / swapped).rename(place / "aside")
        (place / swapped).symlink_to(target)

    if kind == "folder" and swapped.endswith("templates"):

        def take(found: Iterable[Member], *names: str) -> object:
            members = list(found)
            swap()
            return take_chart(members, *names)

        monkeypatch.setattr(chart_copy, "take_chart", take)
    else:
        swap()

    with pytest.raises(SubmissionError, match=r"cannot be read: (Not a directory|Too many levels of symbolic links)"):
        copied(source)


def test_texts_are_read_through_no_link(tmp_path: Path) -> None:
    """The reader of texts leaves out links and pipes in a chart."""
    (tmp_path / "secret.yaml").write_text("of the teacher")
    folder = write(tmp_path / "chart", chart(""))
    (folder / "link.yaml").symlink_to(tmp_path / "secret.yaml")
    (folder / "linked").symlink_to(tmp_path)
    os.mkfifo(folder / "pipe.yaml")

    assert sorted(each.path for each in read_texts(folder)) == sorted(CHART)
