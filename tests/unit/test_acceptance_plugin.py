"""Whole pytest runs with the plugins. A fake laboratory returns the evidence that the test supplies."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

import pytest

import canaryproof.pytest_plugin.cluster_choice
import canaryproof.pytest_plugin.grading
import canaryproof.pytest_plugin.parametrize
import canaryproof.pytest_plugin.reporting
import canaryproof.pytest_plugin.runloop
import canaryproof.pytest_plugin.shutdown
import canaryproof.pytest_plugin.terminal  # noqa: F401 - loaded once for all runs within this process
from canaryproof.acceptance import test_acceptance
from canaryproof.checks.judging import JUDGES
from canaryproof.checks.registry import CHECKS as CHECKS_OF_THE_REGISTRY
from canaryproof.model.causes import Cause
from canaryproof.model.evidence import Canary, ContainerLog, Decision, Evidence, Observed, Probe, Setting, Timings
from canaryproof.model.flight_record import to_lines
from canaryproof.pytest_plugin import runloop
from canaryproof.pytest_plugin.markers import criterion, declared_in
from canaryproof.pytest_plugin.settings import STEP_SUMMARY
from canaryproof.scenario.scenario_file import UPCOMMERCE
from tests.unit.reports.hostile import remarkable
from tests.unit.stories import because

CONFTEST = """
from concurrent.futures import Future
from pathlib import Path
import pytest
import canaryproof.errors
from canaryproof.kube.running_cluster import Cluster
from canaryproof.model.flight_record import from_lines

@pytest.fixture(scope="session")
def cluster():
    Path("started").touch()
    return Cluster("embedded", Path(), "", "1.37.2", 1, 2, "stand-in", 3.8)

@pytest.fixture(scope="session")
def canaryproof_helm_version():
    return "4.3.1"

class Laboratory:
    def submit(self, submission):
        with Path("submitted").open("a") as file:
            file.write(submission.name + " ")
        future = Future()
        future.set_result(from_lines((submission.chart / "evidence.jsonl").read_bytes()))
        return future

@pytest.fixture(scope="session")
def canaryproof_runner(cluster):
    return Laboratory()
"""

CHECKS = """
from pathlib import Path
import pytest
from canaryproof.checks.judging import Finding
from canaryproof.model.causes import Cause
from canaryproof.model.hints import Hint
from canaryproof.pytest_plugin.markers import accept, check

pytestmark = pytest.mark.e2e

@check("renders")
def test_renders(evidence):
    '''The chart renders.

    Render it by hand.
    '''
    assert len(Path("submitted").read_text().split()) == SUBMISSIONS
    error = Cause(code="told", detail=evidence.chart.error)
    accept(Finding(error, where="templates/a.yml:7") if evidence.chart.error else None)

@check("present", needs=["renders"])
def test_present(evidence):
    '''There is a canary.'''
    accept(None if evidence.canary else Finding(evidence.decision.cause, Hint(id="as-told", detail="add one")))

@check("replicas", needs=["present"], points=2)
def test_replicas(evidence):
    '''The canary asks for one replica.'''
    assert evidence.canary.replicas == 1, "two replicas"

@check("never-down")
def test_never_down(evidence):
    '''Stable is never down.'''
    assert not any(probe.error for probe in evidence.probes), "there was an outage"
"""

PLAIN = """
def test_arithmetic():
    assert 1 + 1 == 2
"""

INI = """
[pytest]
addopts = --strict-markers -m "not e2e"
markers = e2e: acceptance
"""

CANARY = Canary("shop-canary", "shop/templates/canary.yaml", 1, (5003,), ("shop/canary:1",))
REPOSITORY = Path(__file__).parents[2]
ACCEPTED = Evidence(
    "shop",
    "shop",
    Setting("embedded", "1.37.2", 1, "4.3.1", "stand-in"),
    canary=CANARY,
    decision=Decision("crash-loop", because("shop-canary crash-loops: exit 1, twice")),
    probes=(Probe(1.0, 0.1), Probe(1.2, 0.1)),
    logs=(ContainerLog("shop-canary-1", "canary", previous=True, text="starting\nbad \x1b[31mflag\n"),),
    timings=Timings(install=1.0123456, upgrade=0.3, outcome=2.4, rollback=0.8, gone=0.6, total=5.4),
)
NO_CANARY = replace(
    ACCEPTED,
    canary=None,
    decision=Decision("no-canary", because("the chart adds no Deployment")),
    timings=Timings(total=3),
)
FAULT = replace(ACCEPTED, fault=Cause(code="cluster-fault", detail="etcd ended with code 2"))
REMARKED = remarkable(ACCEPTED)
"""The evidence of a submission that is accepted although its canary runs a program that the chart chooses."""

Run = Callable[..., pytest.RunResult]


@pytest.fixture
def run(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> Run:
    """Return a function that runs the checks on submissions. Keyword arguments map their names to their evidence."""
    for name in [each for each in os.environ if each.startswith("CANARYPROOF_") or each == STEP_SUMMARY]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("COLUMNS", "100")

    def run(
        *arguments: str, conftest: str = CONFTEST, checks: str = CHECKS, **submissions: Evidence
    ) -> pytest.RunResult:
        pytester.makeconftest(conftest)
        pytester.makeini(INI)
        pytester.makepyfile(test_plain=PLAIN, test_checks=checks.replace("SUBMISSIONS", str(len(submissions))))
        for name, evidence in submissions.items():
            chart = pytester.path / name
            chart.mkdir(exist_ok=True)
            (chart / "Chart.yaml").write_text(f"name: {name}\n")
            (chart / "evidence.jsonl").write_bytes(to_lines(replace(evidence, name=name, source=str(chart))))
        paths = [argument for name in submissions for argument in ("--canaryproof-submissions", name)]
        return pytester.runpytest_inprocess(*arguments, *paths, no_reraise_ctrlc=True)

    return run


def says_nothing_of(result: pytest.RunResult, *texts: str) -> None:
    """Assert that no line of the output matches any of the patterns."""
    for text in texts:
        result.stdout.no_fnmatch_line(text)


def results(file: Path = Path("out/results.json")) -> dict[str, Any]:
    """Return the parsed results.json of a run."""
    found: dict[str, Any] = json.loads(file.read_text())
    return found


def by_name(document: dict[str, Any]) -> dict[str, Any]:
    """Return the submissions of a report by name."""
    return {each["name"]: each for each in document["submissions"]}


CONTRACT = [
    *("chart-renders", "canary-present", "canary-replicas", "canary-port", "canary-service", "stable-untouched"),
    *("upgrade-applied", "canary-outcome", "stable-serves-during-canary", "rollback-recorded", "canary-gone"),
    *("stable-healthy", "stable-never-down"),
]


def test_the_acceptance_criteria_are_those_of_the_contract() -> None:
    """The acceptance suite declares the contract's thirteen checks in order.

    Each has one point, a title, a hint and a judge.
    """
    checks = declared_in([test_acceptance])

    assert [each.id for each in checks] == CONTRACT
    assert all(each.title and each.hint for each in checks)
    assert checks == CHECKS_OF_THE_REGISTRY
    assert [each.points for each in checks] == [1] * 13
    assert list(JUDGES) == CONTRACT
    assert test_acceptance.pytestmark.name == "e2e"


def test_nothing_else_is_marked_e2e() -> None:
    """No test outside of the acceptance suite has the marker e2e."""
    marked = [
        file
        for folder in ("canaryproof", "fixtures", "tests")
        for file in (REPOSITORY / folder).rglob("*.py")
        if re.search(r"^[^#\"']*mark\.e2e$", file.read_text(), re.MULTILINE)
    ]

    assert [file for file in marked if file != Path(__file__)] == [Path(test_acceptance.__file__)]


def test_plain_pytest_starts_nothing_and_says_nothing(run: Run) -> None:
    """A run starts no cluster and prints no summary if it selects no acceptance test, even with invalid options."""
    result = run("--canaryproof-parallel", "many")

    assert result.ret == 0
    result.assert_outcomes(passed=1, deselected=4)
    says_nothing_of(result, "*submission*", "*Kubernetes*")
    assert not Path("started").exists()


@pytest.mark.parametrize("arguments", [["-n", "2"], ["--dist", "each", "--tx", "2*popen"]])
def test_acceptance_tests_cannot_be_distributed(
    run: Run, monkeypatch: pytest.MonkeyPatch, arguments: list[str]
) -> None:
    """The run ends with a usage error before anything starts if pytest-xdist would distribute acceptance tests."""
    pytest.importorskip("xdist", reason="pytest-xdist is not needed to use the harness")
    monkeypatch.delenv("PYTEST_XDIST_WORKER", raising=False)

    result = run("-m", "e2e", *arguments, "--canaryproof-report-dir", "out", shop=ACCEPTED)

    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines(["ERROR: acceptance tests cannot be *: * already run in parallel. Leave out -n and *"])
    assert not Path("started").exists()
    assert not Path("out").exists()


def test_all_other_tests_can_be_distributed(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    """The workers of pytest-xdist run all other tests."""
    pytest.importorskip("xdist", reason="pytest-xdist is not needed to use the harness")
    monkeypatch.delenv("PYTEST_XDIST_WORKER", raising=False)

    result = run("-n", "2")

    assert result.ret == 0
    result.assert_outcomes(passed=1)
    assert not Path("started").exists()


def test_what_is_only_collected_starts_nothing(run: Run) -> None:
    """``--collect-only`` lists the tests by submission without a cluster."""
    result = run("-m", "e2e", "--collect-only", "-q", "--canaryproof-report-dir", "out", shop=ACCEPTED)

    assert result.ret == 0
    result.stdout.fnmatch_lines(["1 submission, cluster: *", "test_checks.py::test_renders[[]shop]"])
    assert not Path("started").exists()
    assert not Path("out").exists()


def test_an_accepted_submission_shows_what_was_seen(run: Run) -> None:
    """The summary shows the verdict, the phases and the canary's last log line without its escape codes."""
    result = run("-m", "e2e", shop=ACCEPTED)

    assert result.ret == 0
    result.stdout.fnmatch_lines(
        [
            "embedded Kubernetes 1.37.2, 1 node, ready in 3.8 s · Helm 4.3.1 · stand-in images",
            "*= submissions =*",
            "shop   ACCEPTED   5/5   5.4 s",
            "  1 install    1.0 s   stable ready",
            "  2 upgrade    0.3 s   shop-canary crash-loops: exit 1, twice",
            "                       | bad [[]31mflag",
            "  3 rollback   0.8 s   canary gone after 0.6 s; stable answered 2 of 2 requests",
            "*= 4 passed, 1 deselected in *",
        ]
    )


def test_a_rejected_submission_shows_the_cause_first(run: Run) -> None:
    """The summary shows the failed check with its hint, its consequences in one line, and no traceback."""
    result = run("-m", "e2e", "--canaryproof-report-dir", "out", shop=NO_CANARY)

    assert result.ret == 1
    result.assert_outcomes(passed=2, failed=1, skipped=1, deselected=1)
    result.stdout.fnmatch_lines(
        [
            "shop   REJECTED   2/5   3.0 s   no-canary",
            "  x present   the chart adds no Deployment",
            "              try: add one",
            "  - skipped: replicas (needs present, which failed)",
            "reports: *out/index.html",
        ],
        consecutive=True,
    )
    says_nothing_of(result, "*FAILURES*", "*FAILED*", "*SKIPPED*", "*RejectionError*")


def test_rejections_survive_every_way_of_reporting(run: Run) -> None:
    """The summary stays complete with pytest's options ``-rA``, ``--tb=long`` and ``-v``, which do not repeat it."""
    result = run("-m", "e2e", "-rA", "--tb=long", "-v", shop=NO_CANARY)

    assert result.ret == 1
    result.stdout.fnmatch_lines(["*test_present[[]shop] FAILED*", "PASSED *", "  x present   the chart adds no*"])
    says_nothing_of(result, "*FAILURES*")


def test_results_have_one_row_for_each_check(run: Run) -> None:
    """results.json lists the checks in order, names the cause of each skip, and rounds times to milliseconds."""
    run("-m", "e2e", "--canaryproof-report-dir", "out", good=ACCEPTED, bad=NO_CANARY)

    document = results()
    good, bad = document["submissions"]
    assert list(document) == ["schema", "started", "seconds", "cluster", "helm", "images", "patience", "submissions"]
    assert document["cluster"] == {"provider": "embedded", "kubernetes": "1.37.2", "nodes": 1}
    assert (good["verdict"], good["score"], good["max_score"]) == ("accepted", 5, 5)
    assert good["timings"]["install"] == 1.012
    assert good["canary"]["image"] == "shop/canary:1"
    assert (bad["verdict"], bad["outcome"], bad["score"], bad["canary"]) == ("rejected", "no-canary", 2, None)
    assert [row["status"] for row in bad["checks"]] == ["passed", "failed", "skipped", "passed"]
    assert bad["checks"][2]["message"] == "needs present, which failed"
    assert bad["checks"][1]["title"] == "There is a canary"


def test_independent_faults_all_show(run: Run) -> None:
    """The plugin judges a check that does not depend on the failed one."""
    run("-m", "e2e", "--canaryproof-report-dir", "out", shop=replace(NO_CANARY, probes=(Probe(1, 1, "refused"),)))

    (shop,) = results()["submissions"]
    assert [row["status"] for row in shop["checks"]] == ["passed", "failed", "skipped", "failed"]


def test_the_advice_of_the_docstring_stands_in(run: Run) -> None:
    """A finding without its own hint shows the rest of the test's docstring, and its place in the chart."""
    result = run(
        "-m", "e2e", shop=replace(ACCEPTED, chart=replace(ACCEPTED.chart, error="line 7: expected a map " * 6))
    )

    result.stdout.fnmatch_lines(
        [
            "  x renders   line 7: expected a map * line 7: expected",
            "              a map line 7: *",
            "              templates/a.yml:7",
            "              try: Render it by hand.",
            "  - skipped: present, replicas (needs renders, which failed)",
        ]
    )


def test_a_fault_of_the_infrastructure_rejects_nobody(run: Run) -> None:
    """A submission that met an infrastructure fault gets no score.

    Others keep their verdicts, and the exit code is 8.
    """
    result = run("-m", "e2e", "--canaryproof-report-dir", "out", ill=FAULT, good=ACCEPTED, bad=NO_CANARY)

    assert result.ret == 8
    verdicts = {each["name"]: (each["verdict"], each["score"]) for each in results()["submissions"]}
    assert verdicts == {"ill": ("error", None), "good": ("accepted", 5), "bad": ("rejected", 2)}
    result.stdout.fnmatch_lines(["ill    ERROR   not scored*", "  ! etcd ended with code 2"])
    says_nothing_of(result, "*InfrastructureError*", "*ERRORS*")


def test_a_cluster_that_does_not_start_is_an_error(run: Run) -> None:
    """Each submission ends with an error if the cluster does not start.

    The reason is printed once, and reports are written.
    """
    conftest = CONFTEST.replace("return Laboratory()", "raise canaryproof.errors.ClusterError('kubelet ended')")

    result = run("-m", "e2e", "--canaryproof-report-dir", "out", conftest=conftest, one=ACCEPTED, two=ACCEPTED)

    assert result.ret == 8
    assert results()["cluster"] is None
    assert [each["verdict"] for each in results()["submissions"]] == ["error", "error"]
    result.stdout.fnmatch_lines(
        ["one   ERROR   not scored", "  ! kubelet ended", "two   ERROR   not scored", "  ! as one"], consecutive=True
    )


def test_a_plain_assertion_rejects_too(run: Run) -> None:
    """A plain assertion rejects the submission, and the message leaves out pytest's explanation."""
    two = replace(CANARY, replicas=2)

    result = run("-m", "e2e", "--canaryproof-report-dir", "out", shop=replace(ACCEPTED, canary=two))

    assert result.ret == 1
    row = results()["submissions"][0]["checks"][2]
    assert (row["status"], row["message"]) == ("failed", "two replicas")


def test_a_cluster_that_does_not_end_well_is_nobodys_fault(run: Run) -> None:
    """A cluster that fails to stop changes no verdict, but the last lines report it, and the exit code is 8."""
    conftest = CONFTEST.replace(
        "    return Laboratory()", "    yield Laboratory()\n    raise canaryproof.errors.ClusterError('kubelet stays')"
    )

    result = run("-m", "e2e", "--canaryproof-report-dir", "out", conftest=conftest, shop=ACCEPTED)

    assert result.ret == 8
    assert results()["submissions"][0]["verdict"] == "accepted"
    result.stdout.fnmatch_lines(["shop   ACCEPTED *", "! after the last check: kubelet stays"])


def test_reports_that_cannot_be_written_are_told(run: Run, pytester: pytest.Pytester) -> None:
    """The plugin prints the summary and exits with code 8 if it cannot write the reports."""
    pytester.mkdir("out").joinpath("results.json").mkdir()

    result = run("-m", "e2e", "--canaryproof-report-dir", "out", shop=ACCEPTED)

    assert result.ret == 8
    result.stdout.fnmatch_lines(["shop   ACCEPTED *", "! the reports could not be written: *"])


def test_a_fault_of_the_harness_keeps_its_traceback(run: Run) -> None:
    """An unexpected exception in a check is an error of the harness and keeps pytest's traceback."""
    checks = CHECKS.replace('"two replicas"', '""').replace("assert evidence.canary.replicas == 1", "1 / 0")

    result = run("-m", "e2e", "--canaryproof-report-dir", "out", checks=checks, shop=ACCEPTED)

    assert result.ret == 8
    result.stdout.fnmatch_lines(["*= FAILURES =*", "*1 / 0*", "shop   ERROR   *", "  ! ZeroDivisionError: *"])
    assert [row["status"] for row in results()["submissions"][0]["checks"]] == ["passed", "passed", "error", "passed"]


def test_a_part_of_the_checks_accepts_nobody(run: Run) -> None:
    """The plugin reports unselected checks as not run. The submission gets neither a score nor an acceptance."""
    result = run("-m", "e2e", "-k", "never_down", "--canaryproof-report-dir", "out", shop=ACCEPTED)

    assert result.ret == 0
    (shop,) = results()["submissions"]
    assert [(row["status"], row["message"]) for row in shop["checks"]] == [("skipped", "not run")] * 3 + [
        ("passed", "")
    ]
    assert (shop["verdict"], shop["score"]) == ("error", None)
    assert shop["reason"] == "no verdict: 3 of 4 checks were not run"
    result.stdout.fnmatch_lines(["shop   INCOMPLETE   not scored*"])


def test_an_interrupted_run_reports_as_far_as_it_came(run: Run) -> None:
    """A run that Ctrl-C interrupts ends with pytest's exit code. results.json lists the checks that were not run."""
    checks = CHECKS.replace("assert evidence.canary.replicas == 1", "raise KeyboardInterrupt").replace(
        ', "two replicas"', ""
    )

    result = run("-m", "e2e", "--canaryproof-report-dir", "out", checks=checks, one=ACCEPTED, two=ACCEPTED)

    assert result.ret == pytest.ExitCode.INTERRUPTED
    one, two = results()["submissions"]
    assert [row["message"] for row in one["checks"]] == ["", "", "not run", "not run"]
    assert two["reason"] == "no verdict: 4 of 4 checks were not run"


def test_submissions_run_one_after_the_other(run: Run) -> None:
    """The tests of a submission run in one group. The plugin submits all submissions before it reads any evidence."""
    result = run("-m", "e2e", "-v", one=ACCEPTED, two=ACCEPTED)

    assert Path("submitted").read_text() == "one two "
    seen = [line.split("[")[1].split("]")[0] for line in result.outlines if "PASSED" in line]
    assert seen == ["one"] * 4 + ["two"] * 4


AS_THEY_END = """
import threading
from canaryproof.system.wait import Ticks, wait_for

class Laboratory:
    def submit(self, submission):
        with Path("submitted").open("a") as file:
            file.write(submission.name + " ")
        future = Future()
        seen = from_lines((submission.chart / "evidence.jsonl").read_bytes())
        threading.Thread(target=self.end, args=(future, seen)).start()
        return future

    def end(self, future, seen):
        if seen.name == "slow":
            wait_for("the others' verdicts", self.judged, within=20, changes=Ticks(), seen=lambda: "none")
        future.set_result(seen)

    def judged(self):
        return all(Path("out/submissions", f"{name}.html").exists() for name in ("quick", "ill")) or None
"""


def test_who_is_done_is_judged_first(run: Run) -> None:
    """The plugin judges and reports other submissions while a slow one runs.

    The results keep the order of the class.
    """
    before, after = CONFTEST[: CONFTEST.index("class Laboratory")], CONFTEST[CONFTEST.rindex("@pytest.fixture") :]

    result = run(
        "-m",
        "e2e",
        "--canaryproof-report-dir",
        "out",
        conftest=before + AS_THEY_END + after,
        slow=ACCEPTED,
        quick=NO_CANARY,
        ill=FAULT,
    )

    assert result.ret == 8
    assert [each["verdict"] for each in results()["submissions"]] == ["accepted", "rejected", "error"]


def test_a_class_makes_no_mark_for_each_test(run: Run) -> None:
    """The plugin prints no mark for each test of a class, and pytest's final counts are correct."""
    result = run("-m", "e2e", good=ACCEPTED, bad=NO_CANARY, ill=FAULT)

    result.assert_outcomes(passed=6, failed=1, skipped=1, errors=4, deselected=1)
    says_nothing_of(result, "test_checks.py*", "*100%*")


def test_an_interrupted_class_keeps_what_is_done(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    """After Ctrl-C during the experiments, the plugin reports finished submissions and marks the others as not run."""

    def interrupted(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(runloop, "wait", interrupted)
    conftest = CONFTEST.replace("future.set_result(", 'submission.name == "two" or future.set_result(')

    result = run(
        "-m", "e2e", "--canaryproof-report-dir", "out", conftest=conftest, one=ACCEPTED, two=ACCEPTED, three=NO_CANARY
    )

    assert result.ret == pytest.ExitCode.INTERRUPTED
    one, two, three = results()["submissions"]
    assert (one["verdict"], three["verdict"]) == ("accepted", "rejected")
    assert two["reason"] == "no verdict: 4 of 4 checks were not run"


def test_a_submission_that_is_not_selected_is_not_tried(run: Run) -> None:
    """The plugin tries only the submissions that ``-k`` selects."""
    checks = CHECKS.replace("== SUBMISSIONS", "== 1")

    run("-m", "e2e", "-k", "two", "--canaryproof-report-dir", "out", checks=checks, one=ACCEPTED, two=ACCEPTED)

    assert Path("submitted").read_text() == "two "
    assert [each["name"] for each in results()["submissions"]] == ["two"]


def test_junit_knows_outcome_and_points(run: Run) -> None:
    """Each JUnit test case has the outcome of its submission and the points of its check."""
    run("-m", "e2e", "--junitxml", "junit.xml", shop=NO_CANARY)

    cases = ET.parse("junit.xml").iter("testcase")  # noqa: S314 - this test wrote the file
    properties = {
        case.attrib["name"]: {each.attrib["name"]: each.attrib["value"] for each in case.iter("property")}
        for case in cases
    }
    replicas = {"check": "replicas", "outcome": "no-canary", "points": "0", "max_points": "2"}
    assert properties["test_replicas[shop]"] == replicas
    assert properties["test_renders[shop]"]["points"] == "1"


def test_junit_knows_the_remarks(run: Run) -> None:
    """Each JUnit test case of a submission with remarks lists their codes, and no other test case has the property."""
    run("-m", "e2e", "--junitxml", "junit.xml", shop=REMARKED, other=ACCEPTED)

    cases = ET.parse("junit.xml").findall(".//testcase")  # noqa: S314 - this test wrote the file
    remarks = {
        (case.attrib["name"].partition("[")[2], each.attrib["value"])
        for case in cases
        for each in case.iterfind(".//property[@name='remarks']")
    }
    assert remarks == {("shop]", "program-replaced program-mounted workloads-added")}


def test_remarks_outlive_a_fault_and_change_no_verdict(run: Run) -> None:
    """Remarks from before an infrastructure fault are reported, and remarks change no verdict."""
    result = run(
        "-m",
        "e2e",
        "--canaryproof-report-dir",
        "out",
        shop=REMARKED,
        ill=replace(REMARKED, fault=FAULT.fault),
    )

    rows = by_name(results())
    assert (rows["shop"]["verdict"], rows["ill"]["verdict"]) == ("accepted", "error")
    assert rows["shop"]["remarks"] == rows["ill"]["remarks"]
    assert rows["shop"]["remarks"][0]["cause"]["code"] == "program-replaced"
    assert Path("out/grades.csv").read_text().count('"program-replaced, program-mounted, workloads-added"') == 2
    result.stdout.fnmatch_lines(["*i remark: program-replaced: container false *"])


def test_junit_gives_no_points_for_an_error(run: Run) -> None:
    """A JUnit test case has empty points if the infrastructure failed."""
    run("-m", "e2e", "--junitxml", "junit.xml", shop=FAULT)

    points = ET.parse("junit.xml").iterfind(".//property[@name='points']")  # noqa: S314 - this test wrote the file
    assert {each.attrib["value"] for each in points} == {""}


def test_a_page_about_a_rejection_is_kept_without_reports(run: Run) -> None:
    """The plugin keeps the page and the evidence of a rejected submission without a report folder, and nothing else."""
    result = run("-m", "e2e", good=ACCEPTED, bad=NO_CANARY)

    (line,) = [line for line in result.outlines if "see:" in line]
    page = Path(line.removeprefix("  see: "))
    assert "the chart adds no Deployment" in page.read_text()
    evidence = page.parents[1] / "evidence"
    assert sorted(each.name for each in evidence.iterdir()) == ["bad", "bad.jsonl"]


def test_reports_are_written_as_submissions_are_judged(run: Run) -> None:
    """The plugin has written the reports of the first submission when it judges the second."""
    seen = "assert evidence.name == 'one' or Path('out/feedback/one.md').is_file()"
    checks = CHECKS.replace("    accept(None if", f"    {seen}\n    accept(None if")

    result = run("-m", "e2e", "--canaryproof-report-dir", "out", checks=checks, one=ACCEPTED, two=ACCEPTED)

    assert result.ret == 0
    assert Path("out/feedback/two.md").is_file()


def test_a_large_class_is_not_kept_in_memory(run: Run) -> None:
    """The plugin drops the evidence of each submission of a large class after its reports, and keeps the verdict."""
    letting_go = "assert len(ledger_of(pytestconfig).evidence) == 1"
    checks = CHECKS.replace("def test_present(evidence):", "def test_present(evidence, pytestconfig):").replace(
        "    accept(None if", f"    {letting_go}\n    accept(None if"
    )
    imports = "from canaryproof.pytest_plugin.run_state import ledger_of\n"

    result = run(
        "-m", "e2e", "--canaryproof-report-dir", "out", checks=imports + checks, **{f"s{n}": ACCEPTED for n in range(6)}
    )

    assert result.ret == 0
    assert [each["outcome"] for each in results()["submissions"]] == ["crash-loop"] * 6


def test_tests_that_cannot_be_collected_leave_earlier_reports_alone(run: Run) -> None:
    """The plugin leaves earlier reports unchanged if the collection of tests fails."""
    run("-m", "e2e", "--canaryproof-report-dir", "out", shop=ACCEPTED)
    Path("test_broken.py").write_text("import nothing_of_that_name")

    result = run("-m", "e2e", "--canaryproof-report-dir", "out", "--canaryproof-submissions", "shop")

    assert result.ret == pytest.ExitCode.INTERRUPTED
    assert results()["submissions"][0]["verdict"] == "accepted"
    says_nothing_of(result, "*INCOMPLETE*")


def test_github_shows_a_summary_where_it_runs_this(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    """The plugin appends a summary to the file that ``GITHUB_STEP_SUMMARY`` names."""
    monkeypatch.setenv(STEP_SUMMARY, "step.md")

    result = run("-m", "e2e", shop=NO_CANARY)

    assert result.ret == 1
    assert "| shop | rejected | 2 of 5 |" in Path("step.md").read_text()


def test_a_name_gives_no_commands_to_the_ci_system(run: Run) -> None:
    """A submission's name cannot inject a workflow command of the CI system into the output."""
    result = run("-m", "e2e", "--canaryproof-report-dir", "out", **{"::error::owned ##[error]": NO_CANARY})

    assert not [line for line in result.outlines if line.strip().startswith("::") or "##[" in line]
    result.stdout.fnmatch_lines([": :error::owned ## [[]error]   REJECTED *"])


def test_a_replay_gives_the_same_verdicts_without_a_cluster(run: Run) -> None:
    """A replay gives the same verdicts from the flight records, tries nothing and writes the reports again."""
    run("-m", "e2e", "--canaryproof-report-dir", "out", good=REMARKED, bad=NO_CANARY, ill=FAULT)
    Path("started").unlink()
    Path("submitted").write_text("1 2 3")

    result = run(
        "-m",
        "e2e",
        "--canaryproof-replay",
        "out",
        "--canaryproof-report-dir",
        "again",
        checks=CHECKS.replace("SUBMISSIONS", "3"),
    )

    assert result.ret == 8
    result.stdout.fnmatch_lines(["3 submissions, replayed: *", "good   ACCEPTED *"])
    assert not Path("started").exists()
    before, after = results(), results(Path("again/results.json"))
    assert by_name(after) == by_name(before)
    assert len(by_name(after)["good"]["remarks"]) == 3
    assert after["cluster"] == before["cluster"]
    assert Path("again/evidence/bad.jsonl").read_bytes() == Path("out/evidence/bad.jsonl").read_bytes()


RESUMABLE = CONFTEST.replace(
    'from_lines((submission.chart / "evidence.jsonl").read_bytes())',
    'replace(from_lines((submission.chart / "evidence.jsonl").read_bytes()), fingerprint=identity(submission))',
).replace(
    "class Laboratory",
    """from dataclasses import replace
from canaryproof.scenario.scenario_file import load_scenario
from canaryproof.model.evidence import Setting
from canaryproof.submissions.fingerprint import fingerprint

def identity(submission):
    return fingerprint(submission, load_scenario(), Setting("embedded", "1.37.2", 1, "4.3.1", "stand-in"))

class Laboratory""",
)


def test_a_run_that_goes_on_tries_only_what_it_must(run: Run) -> None:
    """A resumed run takes over unchanged submissions and marks them.

    It tries those that are changed, new or met a fault.
    """
    first = {"good": ACCEPTED, "bad": NO_CANARY, "ill": FAULT}
    run("-m", "e2e", "--canaryproof-report-dir", "out", conftest=RESUMABLE, **first)
    Path("submitted").unlink()
    second = {"good": ACCEPTED, "bad": ACCEPTED, "ill": ACCEPTED, "new": NO_CANARY}

    checks = CHECKS.replace("== SUBMISSIONS", "== 3")
    result = run(
        "-m",
        "e2e",
        "--canaryproof-report-dir",
        "out",
        "--canaryproof-resume",
        conftest=RESUMABLE,
        checks=checks,
        **second,
    )

    assert Path("submitted").read_text() == "bad ill new "
    rows = results()["submissions"]
    assert [each["verdict"] for each in rows] == ["accepted", "accepted", "accepted", "rejected"]
    assert [each.get("resumed") for each in rows] == [True, None, None, None]
    result.stdout.fnmatch_lines(
        ["1 of 4 submissions have not changed since the earlier run", "good   ACCEPTED * from the earlier run"]
    )


def test_without_resume_everything_is_tried(run: Run) -> None:
    """A run without ``--resume`` tries every submission, even with an earlier run's reports."""
    run("-m", "e2e", "--canaryproof-report-dir", "out", conftest=RESUMABLE, good=ACCEPTED)

    run(
        "-m",
        "e2e",
        "--canaryproof-report-dir",
        "out",
        conftest=RESUMABLE,
        checks=CHECKS.replace("SUBMISSIONS", "2"),
        good=ACCEPTED,
    )

    assert Path("submitted").read_text() == "good good "
    assert "resumed" not in results()["submissions"][0]


def test_a_replay_of_nothing_is_refused(run: Run, pytester: pytest.Pytester) -> None:
    """A replay of an empty folder is refused, and the error names the expected files."""
    pytester.mkdir("empty")

    result = run("-m", "e2e", "--canaryproof-replay", "empty")

    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines(["*empty should hold flight records, evidence/[*].jsonl, and has none; *"])


def scenario(points: str) -> None:
    """Write a course file with these points."""
    terms = UPCOMMERCE.read_text(encoding="utf-8")
    baseline = terms.replace("chart: upcommerce", f"chart: {UPCOMMERCE.parent / 'upcommerce'}")
    Path("canaryproof.yaml").write_text(f"{baseline}checks: {points}\n", encoding="utf-8")


def test_the_course_says_what_a_check_is_worth(run: Run) -> None:
    """A check is worth the points in the course file, else those in the test.

    The score is the sum of the points won.
    """
    scenario("{renders: 10, present: 0, never-down: 2.5}")

    run("-m", "e2e", "--canaryproof-report-dir", "out", "--canaryproof-scenario", "canaryproof.yaml", shop=NO_CANARY)

    (shop,) = results()["submissions"]
    assert (shop["score"], shop["max_score"]) == (12.5, 14.5)
    assert [row["points"] for row in shop["checks"]] == [10, 0, 2, 2.5]


RENAMED = """
import pytest
from canaryproof import check

pytestmark = pytest.mark.e2e

@check("canary-outcome")
def test_outcome(evidence):
    '''The canary crash-loops.'''

@check("later", needs=["canary-crash-loop"])
def test_later(evidence):
    '''It needs a check by its former id.'''
"""


def test_the_course_may_name_a_check_by_its_former_id(run: Run) -> None:
    """The plugin accepts a check's former id in the course file and in ``needs``, and reports the current id."""
    scenario("{canary-crash-loop: 5}")
    options = ("-m", "e2e", "--canaryproof-report-dir", "out", "--canaryproof-scenario", "canaryproof.yaml")

    run(*options, checks=RENAMED, shop=ACCEPTED)

    (shop,) = results()["submissions"]
    assert [(row["id"], row["status"], row["points"]) for row in shop["checks"]] == [
        ("canary-outcome", "passed", 5),
        ("later", "passed", 1),
    ]


def test_a_run_goes_on_with_records_that_have_a_former_id(run: Run) -> None:
    """A resumed run applies a gap in an older flight record that names a check by its former id."""
    options = ("-m", "e2e", "--canaryproof-report-dir", "out")
    gaps = {"canary-crash-loop": Cause(code="told", detail="no events")}
    seen = replace(ACCEPTED, observed=Observed(1, 2, 3, "superseded", gaps=gaps))
    run(*options, conftest=RESUMABLE, checks=RENAMED, shop=seen)
    record = Path("out/evidence/shop.jsonl")
    record.write_bytes(record.read_bytes().replace(b'"schema":5', b'"schema":3'))
    head, *lines = record.read_text().splitlines()
    old = json.loads(head)
    old["evidence"]["observed"]["gaps"] = {"canary-crash-loop": "no events"}
    old["evidence"]["canary"]["deployment"] = old["evidence"]["canary"].pop("name")
    record.write_text("\n".join((json.dumps(old), *lines)) + "\n")

    run(*options, "--canaryproof-resume", conftest=RESUMABLE, checks=RENAMED, shop=seen)

    assert Path("submitted").read_text() == "shop "
    (shop,) = results()["submissions"]
    row, _ = shop["checks"]
    assert (shop["resumed"], row["id"], row["status"], row["message"]) == (
        True,
        "canary-outcome",
        "skipped",
        "no events",
    )


def test_a_misspelt_id_of_the_registry_is_an_error_at_import() -> None:
    """A criterion with a misspelt id raises KeyError at import."""
    with pytest.raises(KeyError, match="canary-replcas"):
        criterion("canary-replcas")


@pytest.mark.parametrize("value", ["10", "skip"])
def test_points_for_no_check_are_refused(run: Run, value: str) -> None:
    """A scenario file that names an unknown check is refused before any start. The error names the nearest check."""
    scenario(f"{{rendres: {value}}}")

    result = run("-m", "e2e", "--canaryproof-scenario", "canaryproof.yaml", shop=ACCEPTED)

    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines(["*names the unknown check rendres in checks; did you mean renders?"])
    assert not Path("started").exists()


@pytest.mark.parametrize(
    ("declared", "complaint"),
    [
        ('"replicas", needs=["presence"]', "*check 'replicas' needs presence: no earlier check has this id"),
        ('"present"', "*two checks are called 'present'; give one of them another id"),
    ],
)
def test_checks_that_contradict_each_other_are_refused(run: Run, declared: str, complaint: str) -> None:
    """A duplicate id, or a need that no earlier check declares, is refused before anything starts."""
    checks = CHECKS.replace('"replicas", needs=["present"], points=2', declared)

    result = run("-m", "e2e", checks=checks, shop=ACCEPTED)

    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines([complaint])
    assert not Path("started").exists()
