"""The GitHub Action checks a chart, as its workflow file says, with reports, a summary, points and an exit code.

The shell steps run here as on a runner. Only the upload of the reports does not run.
"""

from __future__ import annotations

import base64
import json
import shutil
from pathlib import Path

import pytest

from tests.product.composite_action import Action, Run

pytestmark = pytest.mark.product

REPOSITORY = Path(__file__).parents[2]
WRONG = "upcommerce without a canary"


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A repository with a correct chart in ``upcommerce``, and a chart without a canary."""
    folder = tmp_path_factory.mktemp("project")
    shutil.copytree(REPOSITORY / "upcommerce", folder / "upcommerce")
    shutil.copytree(REPOSITORY / "upcommerce", folder / WRONG / "upcommerce")
    for template in (folder / WRONG / "upcommerce" / "templates").glob("canary-*"):
        template.unlink()
    return folder


@pytest.fixture(scope="module")
def action(project: Path, tmp_path_factory: pytest.TempPathFactory) -> Action:
    """The action of this repository, in the project."""
    return Action(REPOSITORY / "action.yml", folder=project, temporary=tmp_path_factory.mktemp("runner"))


@pytest.fixture(scope="module")
def accepted(action: Action) -> Run:
    """The run on the correct chart, with all inputs at their defaults."""
    return action.run()


@pytest.fixture(scope="module")
def rejected(action: Action) -> Run:
    """The run on the wrong chart, whose path has spaces."""
    return action.run(path=f"\n{WRONG}\n", report_dir="out", artifact="reports-2")


def points(run: Run) -> dict[str, object]:
    """Return what the grading reporter of GitHub Classroom reads."""
    decoded = json.loads(base64.b64decode(run.outputs["classroom"]))
    assert isinstance(decoded, dict)
    return decoded


def test_an_accepted_chart_passes(accepted: Run, project: Path) -> None:
    """The step ends with 0. The job summary and the reports tell of the chart."""
    assert accepted.code == 0, accepted.text
    assert accepted.outputs["exit-code"] == "0"
    assert "| upcommerce | accepted | 13 of 13 |" in accepted.summary
    reports = project / "canaryproof-reports"
    assert {"index.html", "junit.xml", "results.json", "summary.md"} <= {each.name for each in reports.iterdir()}
    assert [(each["name"], each["path"]) for each in accepted.used] == [("canaryproof-reports", "canaryproof-reports")]


def test_an_accepted_chart_has_all_points(accepted: Run) -> None:
    """The grading reporter gets a passed test for each check, and all points."""
    told = points(accepted)

    assert (told["status"], told["max_score"]) == ("pass", 13)
    assert isinstance(told["tests"], list)
    assert len(told["tests"]) == 13
    assert sum(each["score"] for each in told["tests"]) == 13


def test_a_rejected_chart_fails_the_job_with_its_reports(rejected: Run, project: Path) -> None:
    """The exit code of canaryproof is that of the step, and the reports are uploaded all the same."""
    assert rejected.code == 1, rejected.text
    assert rejected.outputs["exit-code"] == "1"
    assert f"| {WRONG} | rejected |" in rejected.summary
    assert json.loads((project / "out" / "results.json").read_text())["submissions"][0]["outcome"] == "no-canary"
    assert [(each["name"], each["path"]) for each in rejected.used] == [("reports-2", "out")]


def test_a_rejected_chart_has_the_points_of_its_passed_checks(rejected: Run, project: Path) -> None:
    """The sum of the scores is the score in the results."""
    told = points(rejected)
    (row,) = json.loads((project / "out" / "results.json").read_text())["submissions"]

    assert (told["status"], told["max_score"]) == ("fail", row["max_score"])
    assert isinstance(told["tests"], list)
    assert sum(each["score"] for each in told["tests"]) == row["score"] < row["max_score"]


def test_an_input_is_no_code(action: Action, project: Path) -> None:
    """No input reaches the shell as code. A path that does not exist is an error of the command line."""
    run = action.run(path='$(touch owned)";touch owned;"', report_dir="$(touch owned)", scenario="`touch owned`")

    assert run.code == 4, run.text
    assert not (project / "owned").exists()
    assert run.outputs == {"exit-code": "4", "classroom": ""}
