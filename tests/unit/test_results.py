"""Verdicts and scores: a submission that could not be judged is neither accepted nor scored."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest

from canaryproof.checks.registry import Check
from canaryproof.checks.results import Judgement, RunResults, SubmissionResult, grade, to_json
from canaryproof.model.causes import Cause
from canaryproof.model.evidence import Canary, Decision, Evidence, ServiceRoute, Setting, Timings
from canaryproof.model.objects import ObjectKey
from canaryproof.submissions.chart_safety import Refusal
from tests.unit.reports.hostile import EVIDENCE as REPORTED
from tests.unit.reports.hostile import judged, remarkable
from tests.unit.stories import because

DECLARED = (Check("a", "A holds", points=2), Check("b", "B holds", needs=("a",)), Check("c", "C holds", points=0.5))
PASSED, FAILED, ERROR = Judgement("passed"), Judgement("failed", "b is\nwrong"), Judgement("error", "etcd ended")
EVIDENCE = Evidence("shop", "class/shop", decision=Decision("crash-loop", because("it crash-loops")))


def graded(a: Judgement | None, b: Judgement | None, c: Judgement | None) -> SubmissionResult:
    """Return the verdict from three judgements. None stands for a check that was not run."""
    judgements = {id_: judgement for id_, judgement in zip("abc", (a, b, c), strict=True) if judgement}
    return grade("shop", "class/shop", declared=DECLARED, judgements=judgements, evidence=EVIDENCE)


@pytest.mark.parametrize(
    ("judgements", "verdict", "score", "reason"),
    [
        ((PASSED, PASSED, PASSED), "accepted", 3.5, "it crash-loops"),
        ((PASSED, FAILED, PASSED), "rejected", 2.5, "b is wrong"),
        ((FAILED, Judgement("skipped", "needs a, which failed"), PASSED), "rejected", 0.5, "b is wrong"),
        ((PASSED, FAILED, ERROR), "error", None, "etcd ended"),
        ((PASSED, PASSED, None), "error", None, "no verdict: 1 of 3 checks were not run"),
        ((None, None, None), "error", None, "no verdict: 3 of 3 checks were not run"),
        ((PASSED, FAILED, None), "rejected", None, "b is wrong"),
        (
            (PASSED, PASSED, Judgement("skipped", "on my machine")),
            "error",
            None,
            "no verdict: 1 of 3 checks were not run",
        ),
    ],
    ids=[
        "all-pass",
        "one-fails",
        "one-waits",
        "fault",
        "one-unrun",
        "none-run",
        "fails-and-unrun",
        "skipped-by-itself",
    ],
)
def test_the_verdict_follows_from_the_checks(
    judgements: tuple[Judgement | None, Judgement | None, Judgement | None],
    verdict: str,
    score: float | None,
    reason: str,
) -> None:
    """Only a complete pass accepts and only a failed check rejects. A fault or an unrun check gives no score."""
    result = graded(*judgements)

    assert (result.verdict, result.score, result.reason) == (verdict, score, reason)
    assert result.max_score == 3.5
    assert [each.check.id for each in result.checks] == ["a", "b", "c"]


def document(*submissions: SubmissionResult, setting: Setting | None = None) -> dict[str, Any]:
    """Return the parsed results.json."""
    run = RunResults("2026-01-02T03:04:05+00:00", 12.34567, setting, submissions)
    found: dict[str, Any] = json.loads(to_json(run))
    return found


def test_the_file_follows_the_contract() -> None:
    """The file has the keys, the order and the types on which scripts rely."""
    written = document(graded(PASSED, FAILED, None), setting=Setting("kind", "1.37.2", 3, "4.3.1", "upstream", 8))

    assert list(written) == ["schema", "started", "seconds", "cluster", "helm", "images", "patience", "submissions"]
    assert (written["schema"], written["seconds"]) == (1, 12.346)
    assert written["cluster"] == {"provider": "kind", "kubernetes": "1.37.2", "nodes": 3}
    assert (written["helm"], written["images"], written["patience"]) == ("4.3.1", "upstream", 8)
    (submission,) = written["submissions"]
    assert list(submission) == [
        *("name", "source", "verdict", "outcome", "cause", "reason", "score", "max_score", "canary"),
        *("checks", "remarks", "timings", "availability", "probed_through"),
    ]
    assert list(submission["timings"]) == ["install", "upgrade", "outcome", "rollback", "gone", "total"]
    rows = (
        ("a", "A holds", "passed", 2, None, "", "", ""),
        ("b", "B holds", "failed", 1, None, "b is\nwrong", "", ""),
        ("c", "C holds", "skipped", 0.5, None, "not run", "", ""),
    )
    keys = ("id", "title", "status", "points", "cause", "message", "hint", "hint_id")
    assert submission["checks"] == [dict(zip(keys, row, strict=True)) for row in rows]
    assert [tuple(each) for each in submission["checks"]] == [keys] * 3


def test_causes_are_shown_as_facts() -> None:
    """A cause is a code with its non-empty fields. An infrastructure fault is the cause if there is one."""
    crashed = replace(
        EVIDENCE, decision=Decision("crash-loop", Cause(code="crash-looped", exit_codes=(1,), seconds=2.50004))
    )
    missing = Judgement("failed", "no port", cause=Cause(code="port-missing", ports=(80,), limit=5003))

    def shown(evidence: Evidence) -> dict[str, Any]:
        result = grade("shop", "", declared=(DECLARED[0],), judgements={"a": missing}, evidence=evidence)
        (submission,) = document(result)["submissions"]
        return dict(submission)

    assert shown(crashed)["cause"] == {"code": "crash-looped", "exit_codes": [1], "seconds": 2.5}
    assert shown(crashed)["checks"][0]["cause"] == {"code": "port-missing", "limit": 5003, "ports": [80]}
    assert (
        shown(replace(crashed, fault=Cause(code="cluster-fault", detail="etcd ended")))["cause"]["code"]
        == "cluster-fault"
    )


def test_refusals_are_shown_as_facts() -> None:
    """A refusal lists the facts about each refused object and its place."""
    refusal = Refusal("host-port", value="80", container="main", key=ObjectKey("Pod", "x"), template="templates/x.yaml")
    refused = replace(EVIDENCE, decision=Decision("unsafe-chart", Cause(code="chart-refused"), refusals=(refusal,)))

    (submission,) = document(grade("shop", "", declared=(), judgements={}, evidence=refused))["submissions"]

    assert submission["cause"]["refusals"] == [
        {"code": "host-port", "object": "Pod/x", "file": "templates/x.yaml", "container": "main", "value": "80"}
    ]


def test_the_canary_is_described_where_there_is_one() -> None:
    """The canary is described by Deployment, Services, replicas, ports and image, or is null."""
    route = ServiceRoute("shop-canary-service", "s.yaml", ((5003, 5003),))
    canary = Canary("shop-canary", "d.yaml", 1, (5003,), ("shop:canary",), (route,))
    found = grade("shop", "", declared=(), judgements={}, evidence=Evidence("shop", "", canary=canary))

    described, missing = (each["canary"] for each in document(found, graded(None, None, None))["submissions"])

    assert described == {
        "kind": "Deployment",
        "deployment": "shop-canary",
        "in_place": False,
        "services": ["shop-canary-service"],
        "replicas": 1,
        "ports": [5003],
        "image": "shop:canary",
    }
    assert missing is None


def test_remarks_are_facts_and_words_and_change_nothing() -> None:
    """A remark has its code, fields and sentence, and changes no verdict, score or check."""
    plain, remarked = judged(REPORTED), judged(remarkable())
    (before,), (after,) = document(plain)["submissions"], document(remarked)["submissions"]

    assert before["remarks"] == []
    assert after["remarks"][0] == {
        "cause": {
            "code": "program-replaced",
            "container": "false",
            "image": "false",
            "command": ["false", "a b"],
            "args": [],
            "working_dir": "",
        },
        "message": "container false starts a program that the chart chooses (command: false 'a b') instead of its"
        " image's own, so the outcome is no evidence about the image false",
    }
    same = ("verdict", "outcome", "reason", "score", "max_score", "checks")
    assert [before[key] for key in same] == [after[key] for key in same]


def test_times_are_whole_milliseconds() -> None:
    """Times are rounded to milliseconds, so that files stay comparable."""
    evidence = Evidence("shop", "", timings=Timings(install=1.23456, total=9.87654))

    result = grade("shop", "", declared=DECLARED, judgements={}, evidence=evidence)

    assert (result.timings.install, result.timings.total) == (1.235, 9.877)


def test_what_was_never_tried_is_undecided() -> None:
    """A submission without evidence is undecided, and has a row for every check."""
    result = grade("shop", "", declared=DECLARED, judgements={}, evidence=None)

    assert (result.outcome, result.verdict, len(result.checks)) == ("undecided", "error", 3)
