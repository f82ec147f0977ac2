"""Charts are found in what the user named, and what cannot be found is said in the user's terms."""

from __future__ import annotations

from pathlib import Path

import pytest

from canaryproof.errors import UsageError
from canaryproof.intake import find_submissions


def make_chart(folder: Path, name: str = "upcommerce") -> Path:
    """Make a chart of hardly anything."""
    folder.mkdir(parents=True)
    (folder / "Chart.yaml").write_text(f"name: {name}\n")
    return folder


def test_a_chart_folder_is_a_submission(tmp_path: Path) -> None:
    """The folder of a chart is taken as it is, under its own name."""
    chart = make_chart(tmp_path / "upcommerce")

    (found,) = find_submissions([chart])

    assert (found.name, found.source, found.chart, found.problem) == ("upcommerce", str(chart), chart, "")


def test_a_repository_is_named_after_itself(tmp_path: Path) -> None:
    """The chart may lie anywhere in a repository; what git keeps for itself is not looked at."""
    chart = make_chart(tmp_path / "alice" / "week-4" / "deploy" / "upcommerce")
    make_chart(tmp_path / "alice" / ".git" / "upcommerce")

    (found,) = find_submissions([tmp_path / "alice"])

    assert (found.name, found.chart) == ("alice", chart)


def test_subcharts_belong_to_their_chart(tmp_path: Path) -> None:
    """A chart inside a chart is not another submission."""
    chart = make_chart(tmp_path / "upcommerce")
    make_chart(chart / "charts" / "postgres", "postgres")

    (found,) = find_submissions([chart])

    assert found.chart == chart


def test_of_several_charts_the_courses_is_meant(tmp_path: Path) -> None:
    """A repository that holds other charts too is no riddle when one has the course's name."""
    (tmp_path / ".git").mkdir()
    make_chart(tmp_path / "a" / "other", "other")
    chart = make_chart(tmp_path / "b" / "shop")

    (found,) = find_submissions([tmp_path], chart_name="upcommerce")

    assert found.chart == chart


def test_several_charts_that_could_be_meant_are_refused(tmp_path: Path) -> None:
    """Which of two charts is meant is for the user to say."""
    (tmp_path / ".git").mkdir()
    make_chart(tmp_path / "a" / "upcommerce")
    make_chart(tmp_path / "b" / "upcommerce")

    with pytest.raises(UsageError, match=r"expected one Helm chart, saw 2: a/upcommerce, b/upcommerce"):
        find_submissions([tmp_path], chart_name="upcommerce")


def test_a_class_is_a_submission_per_folder(tmp_path: Path) -> None:
    """Each folder of a class is one submission, charts and repositories alike, in the order of their names."""
    make_chart(tmp_path / "bob")
    make_chart(tmp_path / "alice" / "src" / "upcommerce")

    assert [each.name for each in find_submissions([tmp_path])] == ["alice", "bob"]


def test_nobody_in_a_class_is_lost(tmp_path: Path) -> None:
    """A folder without a chart, or with two, stays a submission, with what is wrong with it."""
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
    """Two submissions of the same name can be told apart, and no number collides with a name that exists."""
    paths = [make_chart(tmp_path / place / "shop") for place in ("a", "b")]
    paths += [make_chart(tmp_path / "c" / "shop-2"), make_chart(tmp_path / "d" / "shop")]

    names = [each.name for each in find_submissions(paths)]

    assert names[0] == "shop"
    assert len(set(names)) == 4


@pytest.mark.parametrize(
    ("make", "seen"),
    [
        (lambda _: None, "there is no such path"),
        (lambda path: path.write_text(""), "it is a file"),
        (lambda path: path.mkdir(), r"saw no Chart\.yaml"),
    ],
    ids=["missing", "file", "empty"],
)
def test_a_path_without_a_chart_is_refused(tmp_path: Path, make: object, seen: str) -> None:
    """The error names the path as it was typed, what was expected and what was seen."""
    path = tmp_path / "typo"
    assert callable(make)
    make(path)

    with pytest.raises(UsageError, match=f"typo.*expected.*{seen}"):
        find_submissions([path])


def test_no_paths_are_refused() -> None:
    """A run of nothing does not pass for a run."""
    with pytest.raises(UsageError, match="no submissions"):
        find_submissions([])


def test_an_unreadable_chart_file_still_counts_as_a_chart(tmp_path: Path) -> None:
    """What is wrong inside a chart is for Helm to say."""
    chart = make_chart(tmp_path / "upcommerce")
    (chart / "Chart.yaml").write_text(": [")

    assert [each.chart for each in find_submissions([chart])] == [chart]
