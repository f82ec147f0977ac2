"""Under pytest-xdist there is one cluster, the controller's, and the same results, written once."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from canaryproof.evidence import Evidence
from canaryproof.flight import to_lines
from tests.unit.test_acceptance_plugin import ACCEPTED, CHECKS, CONFTEST, FAULT, INI, NO_CANARY

pytest.importorskip("xdist", reason="pytest-xdist is not needed to use the harness")

DISTRIBUTED = CONFTEST.replace('"fixtures.interrupting",', '"fixtures.interrupting", "fixtures.distributing",').replace(
    'Path("started").touch()',
    """import os
    with Path("started").open("a") as file:
        file.write(os.environ.get("PYTEST_XDIST_WORKER", "controller") + " ")""",
)
CLASS = {"good": ACCEPTED, "bad": NO_CANARY, "ill": FAULT, "fine": ACCEPTED}
DEADLY = """
@pytest.fixture(autouse=True)
def deadly(request):
    if "test_present[fatal]" in request.node.nodeid:
        import os
        os._exit(1)
"""
OWN = """
import pytest

pytestmark = [pytest.mark.e2e]

@pytest.mark.parametrize("number", range(4))
def test_it(cluster, number):
    assert cluster.kubernetes == "1.37.2"
"""
NAMESAKE = """
import pytest

@pytest.mark.parametrize("cluster", ["of grapes"])
def test_it(cluster):
    assert cluster == "of grapes"
"""
Run = Callable[..., pytest.RunResult]


@pytest.fixture
def run(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> Run:
    """Return how to run the checks on submissions, in processes of their own."""
    monkeypatch.setenv("COLUMNS", "100")
    monkeypatch.delenv("PYTEST_XDIST_WORKER", raising=False)

    def run(*arguments: str, conftest: str = DISTRIBUTED, **submissions: Evidence) -> pytest.RunResult:
        pytester.makeconftest(conftest)
        pytester.makeini(INI)
        pytester.makepyfile(test_checks=CHECKS.replace("SUBMISSIONS", str(len(submissions))))
        for name, evidence in submissions.items():
            chart = pytester.path / name
            chart.mkdir(exist_ok=True)
            (chart / "Chart.yaml").write_text(f"name: {name}\n")
            (chart / "evidence.jsonl").write_bytes(to_lines(replace(evidence, name=name)))
        paths = [argument for name in submissions for argument in ("--submissions", name)]
        return pytester.runpytest_subprocess("-m", "e2e", "--report-dir", "out", *arguments, *paths)

    return run


def results() -> dict[str, Any]:
    """Return what a run reported, by the name of the submission."""
    rows = json.loads(Path("out/results.json").read_text())["submissions"]
    return {row["name"]: row for row in rows}


@pytest.mark.parametrize("spread", ["load", "loadgroup"])
def test_the_results_are_those_of_one_process(run: Run, spread: str) -> None:
    """One cluster, started by the controller; every row complete, with the same verdicts, and the same exit code."""
    alone = run(**CLASS)
    expected = results()
    Path("started").unlink()
    Path("submitted").unlink()

    result = run("-n", "3", "--dist", spread, **CLASS)

    assert result.ret == alone.ret == 8
    assert results() == expected
    assert Path("started").read_text() == "controller "
    assert Path("submitted").read_text() == "good bad ill fine "
    result.stdout.fnmatch_lines(["*= submissions =*", "good   ACCEPTED *", "bad    REJECTED *", "ill    ERROR *"])
    result.stdout.no_fnmatch_line("*FAILURES*")


def test_a_cluster_that_does_not_start_is_an_error_for_all(run: Run) -> None:
    """Every worker hears of it, and none waits."""
    conftest = DISTRIBUTED.replace("return Laboratory()", "raise canaryproof.errors.ClusterError('kubelet ended')")

    result = run("-n", "2", conftest=conftest, one=ACCEPTED, two=ACCEPTED)

    assert result.ret == 8
    assert [row["reason"] for row in results().values()] == ["kubelet ended"] * 2


def test_the_checks_of_a_submission_stay_together(run: Run) -> None:
    """What needs another check sees how that ended, though there are more workers than submissions."""
    run("-n", "4", one=NO_CANARY, two=NO_CANARY)

    assert {row["checks"][2]["message"] for row in results().values()} == {"needs present, which failed"}


def test_a_worker_that_dies_takes_no_other_with_it(run: Run) -> None:
    """Its submission has no verdict, the others have theirs."""
    run("-n", "2", conftest=DISTRIBUTED + DEADLY, fatal=ACCEPTED, good=ACCEPTED, bad=NO_CANARY)

    found = results()
    assert (found["good"]["verdict"], found["bad"]["verdict"]) == ("accepted", "rejected")
    assert found["fatal"]["verdict"] == "error"


def test_tests_that_are_no_checks_share_the_cluster_too(run: Run, pytester: pytest.Pytester) -> None:
    """A test that asks for the cluster gets the controller's, and nothing is tried for it."""
    pytester.makepyfile(test_own=OWN)

    result = run("-n", "2", "test_own.py")

    result.assert_outcomes(passed=4)
    assert Path("started").read_text() == "controller "
    assert not Path("submitted").exists()


def test_a_parameter_called_cluster_stays_what_it_is(run: Run, pytester: pytest.Pytester) -> None:
    """A test's own parameter is not taken for the fixture of that name, and no cluster is started for it."""
    pytester.makepyfile(test_namesake=NAMESAKE)

    result = run("-n", "2", "-m", "", "test_namesake.py")

    result.assert_outcomes(passed=1)
    assert not Path("started").exists()
