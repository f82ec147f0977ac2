"""The terms of an assignment are data, which is validated when it is read."""

from __future__ import annotations

from pathlib import Path

import pytest

from canaryproof.errors import UsageError
from canaryproof.scenario import UPCOMMERCE, load_course


def test_the_upcommerce_course_is_what_the_assignment_asks() -> None:
    """The default course has the assignment's release, namespace, port, replicas and expected outcome."""
    course = load_course()

    assert (course.release, course.namespace) == ("upcommerce", "sre")
    assert (course.canary.replicas, course.canary.port, course.canary.outcome) == (1, 5003, "crash-loop")
    assert (course.baseline / "templates" / "deployment.yaml").is_file()


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        ("port: 5003", "port: many"),
        ("release: upcommerce", "realease: upcommerce"),
        ("outcome: crash-loop", "outcome: explosion"),
        ("stand_ins:", "points: {canary-gone: -1}\nstand_ins:"),
        ("stand_ins:", "points: {canary-gone: .inf}\nstand_ins:"),
        ("stand_ins:", "points: {canary-gone: .nan}\nstand_ins:"),
    ],
)
def test_a_term_of_the_wrong_kind_is_refused_by_name(tmp_path: Path, change: str, complaint: str) -> None:
    """A course file with a misspelt key or a value of the wrong type is refused with the place of the fault."""
    file = tmp_path / "course.yaml"
    file.write_text(UPCOMMERCE.read_text(encoding="utf-8").replace(change, complaint), encoding="utf-8")

    with pytest.raises(UsageError, match=r"course file .*(port|realease|outcome|release|points)"):
        load_course(file)


def test_a_missing_course_file_is_named(tmp_path: Path) -> None:
    """The error about a missing course file names the path and the remedy."""
    with pytest.raises(UsageError, match=r"nowhere\.yaml: No such file or directory; give --course"):
        load_course(tmp_path / "nowhere.yaml")


def test_a_baseline_that_is_no_chart_is_refused(tmp_path: Path) -> None:
    """A course without its stable chart is refused when it is read."""
    file = tmp_path / "course.yaml"
    file.write_text(UPCOMMERCE.read_text(encoding="utf-8"), encoding="utf-8")

    with pytest.raises(UsageError, match=r"has no Chart\.yaml"):
        load_course(file)
