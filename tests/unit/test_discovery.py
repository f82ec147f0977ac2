"""Discovery finds the charts in the paths that the user names, and its errors use the user's terms."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from canaryproof.errors import UsageError
from canaryproof.submissions.discovery import find_submissions


def make_chart(folder: Path, name: str = "upcommerce") -> Path:
    """Make a minimal chart."""
    folder.mkdir(parents=True)
    (folder / "Chart.yaml").write_text(f"name: {name}\n")
    return folder


def test_a_chart_folder_is_a_submission(tmp_path: Path) -> None:
    """A chart folder is a submission with the folder's name."""
    chart = make_chart(tmp_path / "upcommerce")

    (found,) = find_submissions([chart])

    assert (found.name, found.source, found.chart, found.problem) == ("upcommerce", str(chart), chart, "")


def test_a_repository_is_named_after_itself(tmp_path: Path) -> None:
    """A repository gives its name to the chart in any of its folders. Discovery skips the folder ``.git``."""
    chart = make_chart(tmp_path / "alice" / "week-4" / "deploy" / "upcommerce")
    make_chart(tmp_path / "alice" / ".git" / "upcommerce")

    (found,) = find_submissions([tmp_path / "alice"])

    assert (found.name, found.chart) == ("alice", chart)


def test_subcharts_belong_to_their_chart(tmp_path: Path) -> None:
    """A chart inside a chart is no submission."""
    chart = make_chart(tmp_path / "upcommerce")
    make_chart(chart / "charts" / "postgres", "postgres")

    (found,) = find_submissions([chart])

    assert found.chart == chart


def test_of_several_charts_the_courses_is_meant(tmp_path: Path) -> None:
    """Discovery chooses the chart with the course's name if a repository holds several."""
    (tmp_path / ".git").mkdir()
    make_chart(tmp_path / "a" / "other", "other")
    chart = make_chart(tmp_path / "b" / "shop")

    (found,) = find_submissions([tmp_path], chart_name="upcommerce")

    assert found.chart == chart


def test_several_charts_that_could_be_meant_are_refused(tmp_path: Path) -> None:
    """Discovery refuses a folder of a repository with several possible charts."""
    (tmp_path / ".git").mkdir()
    make_chart(tmp_path / "src" / "a" / "upcommerce")
    make_chart(tmp_path / "src" / "b" / "upcommerce")

    with pytest.raises(UsageError, match=r"expected one Helm chart, saw 2: src/a/upcommerce, src/b/upcommerce"):
        find_submissions([tmp_path], chart_name="upcommerce")


@pytest.mark.parametrize("below", ["", "upcommerce"])
def test_a_class_may_be_a_repository(tmp_path: Path, below: str) -> None:
    """A teacher's folder under version control is a class: no one chart in it is meant."""
    (tmp_path / ".git").mkdir()
    for name in ("alice", "boris"):
        make_chart(tmp_path / name / below)

    found = find_submissions([tmp_path], chart_name="upcommerce")

    assert [(each.name, each.problem) for each in found] == [("alice", ""), ("boris", "")]


def test_clones_in_a_repository_are_a_class(tmp_path: Path) -> None:
    """Entries that are repositories themselves are submissions, even if only one chart has the name of the course's."""
    (tmp_path / ".git").mkdir()
    for name, chart in (("alice", "upcommerce"), ("boris", "mine")):
        make_chart(tmp_path / name / chart, chart)
        (tmp_path / name / ".git").mkdir()

    assert [each.name for each in find_submissions([tmp_path], chart_name="upcommerce")] == ["alice", "boris"]


def test_archives_in_a_repository_are_a_class(tmp_path: Path) -> None:
    """A repository with nothing but archives is a class; one with a chart and its package is the work of one person."""
    many, one = tmp_path / "many", tmp_path / "one"
    for folder in (many, one):
        (folder / ".git").mkdir(parents=True)
    for name in ("alice.zip", "boris.tar.gz"):
        (many / name).touch()
    chart = make_chart(one / "upcommerce")
    (one / "upcommerce-0.1.0.tgz").touch()

    assert [each.name for each in find_submissions([many])] == ["alice", "boris"]
    assert [each.chart for each in find_submissions([one])] == [chart]


def test_a_class_is_a_submission_per_folder(tmp_path: Path) -> None:
    """Each folder of a class is one submission, whether chart or repository, in name order."""
    make_chart(tmp_path / "bob")
    make_chart(tmp_path / "alice" / "src" / "upcommerce")

    assert [each.name for each in find_submissions([tmp_path])] == ["alice", "bob"]


def test_nobody_in_a_class_is_lost(tmp_path: Path) -> None:
    """A class folder without a chart or with several stays a submission, with the reason of its refusal."""
    for name in ("alice", "bob"):
        make_chart(tmp_path / name / "upcommerce")
    (tmp_path / "carol").mkdir()
    for name in ("one", "two"):
        make_chart(tmp_path / "dave" / name)

    problems = {each.name: each.problem for each in find_submissions([tmp_path], chart_name="upcommerce")}

    assert problems["alice"] == problems["bob"] == ""
    assert "saw no Chart.yaml" in problems["carol"]
    assert "saw 2: one, two" in problems["dave"]


def test_names_are_unique(tmp_path: Path) -> None:
    """Discovery gives submissions of the same name distinct names that collide with no other."""
    paths = [make_chart(tmp_path / place / "shop") for place in ("a", "b")]
    paths += [make_chart(tmp_path / "c" / "shop-2"), make_chart(tmp_path / "d" / "shop")]

    names = [each.name for each in find_submissions(paths)]

    assert names[0] == "shop"
    assert len(set(names)) == 4


@pytest.mark.parametrize(
    ("make", "seen"),
    [
        (lambda _: None, "there is no such path"),
        (lambda path: path.write_text(""), "it is something else"),
        (lambda path: path.mkdir(), r"saw no Chart\.yaml"),
    ],
    ids=["missing", "file", "empty"],
)
def test_a_path_without_a_chart_is_refused(tmp_path: Path, make: object, seen: str) -> None:
    """Discovery refuses a path without a chart. The error names the path as typed, the expectation and the content."""
    path = tmp_path / "typo"
    assert callable(make)
    make(path)

    with pytest.raises(UsageError, match=f"typo.*expected.*{seen}"):
        find_submissions([path])


def test_no_paths_are_refused() -> None:
    """Discovery refuses an empty list of paths."""
    with pytest.raises(UsageError, match="no submissions"):
        find_submissions([])


def test_an_unreadable_chart_file_still_counts_as_a_chart(tmp_path: Path) -> None:
    """A chart with an unreadable Chart.yaml is a submission, and Helm reports the fault."""
    chart = make_chart(tmp_path / "upcommerce")
    (chart / "Chart.yaml").write_text(": [")

    assert [each.chart for each in find_submissions([chart])] == [chart]


def test_an_archive_is_a_submission_of_its_name(tmp_path: Path) -> None:
    """An archive is a submission with the archive's name. Discovery does not open it."""
    archive = tmp_path / "alice.tar.gz"
    archive.write_text("anything")

    (found,) = find_submissions([archive])

    assert (found.name, found.source, found.chart, found.problem) == ("alice", str(archive), archive, "")


def test_a_class_may_be_mixed(tmp_path: Path) -> None:
    """A class may mix folders, repositories, archives and folders with one archive. Discovery ignores loose files."""
    make_chart(tmp_path / "alice")
    make_chart(tmp_path / "bob" / ".github" / "upcommerce")
    make_chart(tmp_path / "bob" / "deploy" / "upcommerce")
    for name in ("carol.zip", "dave.tgz", "erin_4711_file/upcommerce.zip", "README.md", "grades.csv", ".DS_Store"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    (tmp_path / "frank").mkdir()
    (tmp_path / "__MACOSX").mkdir()

    found = {each.name: each for each in find_submissions([tmp_path])}

    assert list(found) == ["alice", "bob", "carol", "dave", "erin_4711_file", "frank"]
    assert found["erin_4711_file"].chart == tmp_path / "erin_4711_file" / "upcommerce.zip"
    assert [name for name, each in found.items() if each.problem] == ["frank"]


def test_a_class_may_be_one_archive(tmp_path: Path) -> None:
    """A class may be a single archive."""
    (tmp_path / "alice.zip").touch()
    (tmp_path / "bob").mkdir()

    alice, bob = find_submissions([tmp_path])

    assert (alice.name, alice.problem) == ("alice", "")
    assert "saw no Chart.yaml" in bob.problem


def test_a_chart_and_its_package_are_one(tmp_path: Path) -> None:
    """Discovery prefers the chart folder to the archive that ``helm package`` leaves beside it."""
    chart = make_chart(tmp_path / "upcommerce")
    (tmp_path / "upcommerce-0.1.0.tgz").touch()

    assert [each.chart for each in find_submissions([tmp_path])] == [chart]


@pytest.mark.parametrize(
    ("files", "says", "advice"),
    [
        (["a.zip", "b.zip"], "saw 2 archives: a.zip, b.zip", "keep one"),
        (["a.rar"], "saw a.rar, which is not opened", "pack it as .zip or .tar.gz"),
    ],
)
def test_a_folder_of_archives_in_a_class_says_what_is_wrong(
    tmp_path: Path, files: list[str], says: str, advice: str
) -> None:
    """A class folder with several archives, or with an unsupported one, states its fault."""
    make_chart(tmp_path / "alice")
    (tmp_path / "carol.zip").touch()
    (tmp_path / "bob").mkdir()
    for name in files:
        (tmp_path / "bob" / name).touch()

    (bob,) = (each for each in find_submissions([tmp_path]) if each.name == "bob")

    assert says in bob.problem
    assert bob.advice == advice


def test_a_rar_is_somebodys_submission(tmp_path: Path) -> None:
    """A RAR archive is a submission, which is refused because it cannot be opened."""
    make_chart(tmp_path / "alice")
    make_chart(tmp_path / "carol")
    (tmp_path / "bob.rar").touch()

    problems = {each.name: each.problem for each in find_submissions([tmp_path])}

    assert "saw bob.rar, which is not opened" in problems["bob"]


@pytest.mark.timeout(10)
def test_one_bad_submission_spoils_no_other(tmp_path: Path) -> None:
    """Links that lead out, pipes and endless folders refuse only their own submission."""
    make_chart(tmp_path / "alice")
    for name in ("bob", "carol", "dave"):
        make_chart(tmp_path / name)
    (tmp_path / "bob" / "secret").symlink_to("/etc/passwd")
    os.mkfifo(tmp_path / "carol" / "pipe")
    (tmp_path / "dave").joinpath(*"a" * 70).mkdir(parents=True)
    (tmp_path / "dave").joinpath(*"a" * 70, "file").touch()
    os.mkfifo(tmp_path / "erin.zip")
    (tmp_path / "frank").symlink_to("/etc")

    found = {each.name: each for each in find_submissions([tmp_path])}

    says = {
        "bob": "secret is a link that leads out of the submission, to /etc/passwd",
        "carol": "pipe is neither a file nor a folder",
        "dave": "more than 64 folders",
        "erin": "neither a file nor a folder",
        "frank": "it is a link, to /etc",
    }
    assert list(found) == ["alice", *says]
    assert all(found[name].unsafe and reason in found[name].problem for name, reason in says.items())
    assert not found["alice"].problem


def test_a_single_submission_that_is_refused_is_no_wrong_path(tmp_path: Path) -> None:
    """A single refused submission is judged as in a class, instead of being reported as a wrong path."""
    (make_chart(tmp_path / "alice") / "secret").symlink_to("/etc/passwd")

    (found,) = find_submissions([tmp_path / "alice"])

    assert found.unsafe


def test_names_can_be_written(tmp_path: Path) -> None:
    """Discovery makes every folder name printable for reports and terminals."""
    name = os.fsdecode(b"\xff\n\x1b[31malice")
    make_chart(tmp_path / name)

    (found,) = find_submissions([tmp_path / name])

    assert (found.name.isprintable(), found.source.isprintable()) == (True, True)
    assert found.name == r"\udcff\n\x1b[31malice"
