"""Judges the evidence of one experiment by all checks of the registry.  This module is pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from canaryproof.checks.judging import JUDGES, Finding
from canaryproof.checks.registry import CHECKS, Check, by_current_id
from canaryproof.checks.results import Judgement, SubmissionResult, gap_in, grade
from canaryproof.model.evidence import Evidence
from canaryproof.model.wording.cause_sentences import describe
from canaryproof.scenario.scenario_file import load_scenario
from canaryproof.scenario.terms import Scenario


def judge(evidence: Evidence, scenario: Scenario | None = None) -> SubmissionResult:
    """Return the verdict on the submission that *evidence* is about, as ``canaryproof check`` gives it.

    The default *scenario* is the UpCommerce course.
    """
    scenario = scenario or load_scenario()
    judgements: dict[str, Judgement] = {}
    for check in CHECKS:
        judgements[check.id] = _judgement(check, evidence, scenario, judgements)
    declared = [worth(each, scenario.points) for each in CHECKS]
    return grade(evidence.name, evidence.source, declared=declared, judgements=judgements, evidence=evidence)


def _judgement(check: Check, evidence: Evidence, scenario: Scenario, earlier: Mapping[str, Judgement]) -> Judgement:
    if cause := missing(check, earlier):
        return Judgement("skipped", cause)
    if evidence.fault:
        return Judgement("error", describe(evidence.fault), cause=evidence.fault)
    if gap := gap_in(evidence, check):
        return Judgement("skipped", describe(gap))
    if finding := JUDGES[check.id](evidence, scenario):
        return Judgement("skipped", consequence(finding)) if finding.follows else failure(finding, check)
    return Judgement("passed")


def missing(check: Check, judgements: Mapping[str, Judgement]) -> str:
    """Return why *check* cannot be judged, naming the check that failed; empty when it can.

    A needed check that was not run, or ended in an error, does not count as failed.
    """
    for need in check.needs:
        judgement = judgements.get(need)
        if judgement and judgement.status == "failed":
            return f"needs {need}, which failed"
        if judgement and judgement.status == "skipped":
            return judgement.message
    return ""


def consequence(finding: Finding) -> str:
    """Return why a check is skipped whose finding follows from that of another check."""
    return f"follows from {finding.follows}, which failed: {finding.message}"


def failure(finding: Finding, check: Check) -> Judgement:
    """Return the judgement of a check with a finding; the check's hint stands in where the finding has none."""
    hint, hint_id = (finding.advice, finding.hint.id) if finding.hint else (check.hint, check.id)
    return Judgement("failed", finding.message, hint, finding.where, finding.cause, hint_id)


def worth(check: Check, points: Mapping[str, float]) -> Check:
    """Return *check* with its points in the scenario, where *points* names it."""
    return replace(check, points=by_current_id(points).get(check.id, check.points))
