"""Judges the evidence of one experiment by all checks of the registry.  This module is pure."""

from __future__ import annotations

from collections.abc import Mapping

from canaryproof.checks.judging import JUDGES, Finding
from canaryproof.checks.registry import CHECKS, Check
from canaryproof.checks.results import Judgement, SubmissionResult, gap_in, grade
from canaryproof.checks.titles import in_scenario
from canaryproof.checks.waivers import waiver, waiver_by_terms
from canaryproof.model.causes import Cause
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
    declared = [in_scenario(each, scenario) for each in CHECKS]
    return grade(evidence.name, evidence.source, declared=declared, judgements=judgements, evidence=evidence)


def _judgement(check: Check, evidence: Evidence, scenario: Scenario, earlier: Mapping[str, Judgement]) -> Judgement:
    if waived := waiver_by_terms(check, scenario):
        return waive(waived)
    if cause := missing(check, earlier):
        return Judgement("skipped", cause)
    if evidence.fault:
        return Judgement("error", describe(evidence.fault), cause=evidence.fault)
    if gap := gap_in(evidence, check):
        return Judgement("skipped", describe(gap))
    return _by_evidence(check, evidence, scenario)


def _by_evidence(check: Check, evidence: Evidence, scenario: Scenario) -> Judgement:
    if waived := waiver(check, scenario, evidence):
        return waive(waived)
    if finding := JUDGES[check.id](evidence, scenario):
        return Judgement("skipped", consequence(finding)) if finding.follows else failure(finding, check)
    return Judgement("passed")


def missing(check: Check, judgements: Mapping[str, Judgement]) -> str:
    """Return why *check* cannot be judged, naming the check that failed; empty when it can.

    A needed check that was not run, ended in an error, or is waived by the scenario does not count as failed.
    """
    for need in check.needs:
        judgement = judgements.get(need)
        if judgement and judgement.status == "failed":
            return f"needs {need}, which failed"
        if judgement and judgement.status == "skipped" and not judgement.is_waived:
            return judgement.message
    return ""


def consequence(finding: Finding) -> str:
    """Return why a check is skipped whose finding follows from that of another check."""
    return f"follows from {finding.follows}, which failed: {finding.message}"


def failure(finding: Finding, check: Check) -> Judgement:
    """Return the judgement of a check with a finding; the check's hint stands in where the finding has none."""
    hint, hint_id = (finding.advice, finding.hint.id) if finding.hint else (check.hint, check.id)
    return Judgement("failed", finding.message, hint, finding.where, finding.cause, hint_id)


def waive(cause: Cause) -> Judgement:
    """Return the judgement of a check that the scenario waives."""
    return Judgement("skipped", describe(cause), cause=cause)
