"""The terms of an assignment are data, which is validated when it is read."""

from __future__ import annotations

from pathlib import Path

import pytest

from canaryproof.errors import UsageError
from canaryproof.scenario.scenario_file import UPCOMMERCE, load_scenario


def test_the_upcommerce_course_is_what_the_assignment_asks() -> None:
    """The default course has the assignment's release, namespace, port, replicas and expected outcome."""
    scenario = load_scenario()

    assert (scenario.release, scenario.namespace) == ("upcommerce", "sre")
    expect = scenario.expect
    assert (expect.replicas, expect.container_port, expect.outcomes) == (1, 5003, ("crash-loop",))
    assert (scenario.stable_chart / "templates" / "deployment.yaml").is_file()


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        ("containerPort: 5003", "containerPort: many"),
        ("release: upcommerce", "realease: upcommerce"),
        ("outcome: crash-loop", "outcome: explosion"),
        ("images:", "checks: {canary-gone: -1}\nimages:"),
        ("images:", "checks: {canary-gone: .inf}\nimages:"),
        ("images:", "checks: {canary-gone: .nan}\nimages:"),
    ],
)
def test_a_term_of_the_wrong_kind_is_refused_by_name(tmp_path: Path, change: str, complaint: str) -> None:
    """A course file with a misspelt key or a value of the wrong type is refused with the place of the fault."""
    file = tmp_path / "course.yaml"
    file.write_text(UPCOMMERCE.read_text(encoding="utf-8").replace(change, complaint), encoding="utf-8")

    with pytest.raises(UsageError, match=r":\d+:\d+: .*(containerPort|realease|outcome|release|checks)"):
        load_scenario(file)


def test_a_missing_course_file_is_named(tmp_path: Path) -> None:
    """The error about a missing course file names the path and the remedy."""
    with pytest.raises(UsageError, match=r"nowhere\.yaml: No such file or directory; give --scenario"):
        load_scenario(tmp_path / "nowhere.yaml")


def test_a_baseline_that_is_no_chart_is_refused(tmp_path: Path) -> None:
    """A course without its stable chart is refused when it is read."""
    file = tmp_path / "course.yaml"
    file.write_text(UPCOMMERCE.read_text(encoding="utf-8"), encoding="utf-8")

    with pytest.raises(UsageError, match=r"but .*/upcommerce does not exist"):
        load_scenario(file)
