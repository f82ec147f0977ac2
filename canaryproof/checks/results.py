"""What a run says about each submission: check results in, verdicts out, and the contract of ``results.json``; pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Literal

import msgspec

from canaryproof.analysis.availability import Measured, measured
from canaryproof.checks.registry import Check, by_current_id
from canaryproof.checks.remarks import Remark, remarks_on
from canaryproof.model.causes import Cause, to_fields
from canaryproof.model.evidence import Canary, Evidence, OutcomeName, Setting, Timings, Way
from canaryproof.model.refusals import Refusal

SCHEMA = 1
NOT_RUN = "not run"

Status = Literal["passed", "failed", "skipped", "error"]
Verdict = Literal["accepted", "rejected", "error"]
Standing = Literal["accepted", "rejected", "error", "incomplete"]
SCENARIO_FAULT = "scenario-fault"
"""The code of a fault of the scenario: its setup or its stable chart cannot be installed, or never becomes ready."""
SCENARIO_NOTE = (
    "This submission could not be judged, and it is not at fault: the scenario's own setup or stable chart failed."
    " No points were given or taken; correct the scenario and run it again."
)
NOTES: Mapping[Standing, str] = {
    "accepted": "Every check holds.",
    "error": "This submission could not be judged, and it is not at fault: the cluster or a tool failed. "
    "No points were given or taken; it has to be tried again.",
    "incomplete": "Not every check was run, so there is no verdict and there are no points.",
}
"""Notes that explain verdicts that are unclear by themselves."""


@dataclass(frozen=True)
class Judgement:
    """The result of judging one check for one submission. *hint* and *where* are those of a finding."""

    status: Status
    message: str = ""
    hint: str = ""
    where: str = ""
    cause: Cause | None = None
    """The facts, or None if there are none."""
    hint_id: str = ""
    """The id of the hint, or the id of the check if the hint is the check's own."""

    @property
    def is_waived(self) -> bool:
        """Report whether the check is skipped because the scenario waives it. The cause says why."""
        return self.status == "skipped" and self.cause is not None


@dataclass(frozen=True)
class CheckResult:
    """A check and its result. *points* is the check's full worth, whether or not they were won."""

    check: Check
    judgement: Judgement
    counts: bool = True
    """Whether the check affects the verdict: the evidence allows it, and the scenario does not waive it."""

    @property
    def status(self) -> Status:
        """Return the status of the judgement."""
        return self.judgement.status

    @property
    def won(self) -> float | None:
        """Return the points won, or None if they are unknown: an error, a check not run, or no evidence."""
        if self.status == "error" or not self.was_run or not self.counts:
            return None
        return _tidy(self.check.points) if self.status == "passed" else 0

    @property
    def was_run(self) -> bool:
        """Report whether the check was judged or skipped because a check that it needs failed."""
        return self.judgement != UNRUN


UNRUN = Judgement("skipped", NOT_RUN)


@dataclass(frozen=True)
class SubmissionResult:
    """The verdict on one submission, with all details."""

    name: str
    source: str
    verdict: Verdict
    outcome: OutcomeName
    reason: str
    checks: tuple[CheckResult, ...]
    cause: Cause | None = None
    """The cause of the outcome, or of the missing verdict. None if nothing was observed."""
    refusals: tuple[Refusal, ...] = ()
    """The objects that must not be applied, if they decided the outcome."""
    canary: Canary | None = None
    timings: Timings = field(default_factory=Timings)
    availability: tuple[Measured, ...] = ()
    """How each watched Service answered, from revision 1 to the end."""
    probed_through: Way | None = None
    """How requests reached the stable Service during the experiment. None if there were none."""
    remarks: tuple[Remark, ...] = ()
    """Observations for the reader. They change neither the verdict nor the points."""
    resumed: bool = False
    """Whether the evidence comes from the earlier run that this run resumes."""

    @property
    def is_complete(self) -> bool:
        """Report whether every check was run."""
        return all(result.was_run for result in self.checks)

    @property
    def standing(self) -> Standing:
        """Return the verdict as shown to people: incomplete if no check failed and not every check was run."""
        return "incomplete" if self.verdict == "error" and not self.ended("error") else self.verdict

    @property
    def note(self) -> str:
        """Return a note on the verdict in addition to its reason, or an empty string if the reason suffices."""
        return SCENARIO_NOTE if self.has_scenario_fault else NOTES.get(self.standing, "")

    @property
    def has_scenario_fault(self) -> bool:
        """Report whether the scenario itself is at fault."""
        return self.verdict == "error" and self.cause is not None and self.cause.code == SCENARIO_FAULT

    @property
    def score(self) -> float | None:
        """Return the points won, or None if a score would be unfair: an error, or checks that were not run."""
        if self.verdict == "error" or not self.is_complete:
            return None
        return _tidy(sum(result.won or 0 for result in self.checks))

    @property
    def max_score(self) -> float:
        """Return the points that could be won."""
        return _tidy(sum(result.check.points for result in self.checks if result.counts))

    def ended(self, status: Status) -> tuple[CheckResult, ...]:
        """Return the checks with *status*, in order. Checks that were not run have no status here."""
        return tuple(result for result in self.checks if result.status == status and result.was_run)


@dataclass(frozen=True)
class RunResults:
    """The results of a whole run. *setting* is None if no cluster was available."""

    started: str
    """The start time in ISO 8601, with its UTC offset."""
    seconds: float
    setting: Setting | None
    submissions: tuple[SubmissionResult, ...]

    @property
    def has_errors(self) -> bool:
        """Report whether the infrastructure failed for any submission."""
        return any(each.ended("error") and not each.has_scenario_fault for each in self.submissions)

    @property
    def has_scenario_faults(self) -> bool:
        """Report whether the scenario itself is at fault."""
        return any(each.has_scenario_fault for each in self.submissions)


def grade(
    name: str,
    source: str,
    *,
    declared: Sequence[Check],
    judgements: Mapping[str, Judgement],
    evidence: Evidence | None,
) -> SubmissionResult:
    """Return the verdict on one submission: one result for each check of *declared*, whatever became of it.

    Accepted is only what passed every check.  A check that ended in an error makes the whole verdict an error: its
    submission was not given a fair trial.  Nor was one with checks that were not run, unless another has failed.
    Checks that the evidence does not allow count for nothing.
    """
    checks = tuple(judged(check, judgements.get(check.id, UNRUN), evidence) for check in declared)
    verdict = _verdict([result for result in checks if result.counts or not result.was_run])
    result = SubmissionResult(name, source, verdict, "undecided", "", checks)
    if evidence:
        result = replace(
            result,
            outcome=evidence.decision.outcome,
            cause=evidence.fault or evidence.decision.cause,
            refusals=evidence.decision.refusals,
            canary=evidence.canary,
            timings=_rounded(evidence.timings),
            availability=measured(evidence.probes, evidence.time_limits),
            probed_through=evidence.probed_through if evidence.probes else None,
            remarks=remarks_on(evidence),
        )
    return replace(result, reason=_reason(result, evidence))


def judged(check: Check, judgement: Judgement, evidence: Evidence | None) -> CheckResult:
    """Return the result of *check*, and whether it counts."""
    allowed = not evidence or gap_in(evidence, check) is None
    return CheckResult(check, judgement, counts=allowed and not judgement.is_waived)


def gap_in(evidence: Evidence, check: Check) -> Cause | None:
    """Return why the evidence of a release that was handled by hand does not allow *check*; None where it does."""
    return by_current_id(evidence.observed.gaps).get(check.id) if evidence.observed else None


def _verdict(checks: Sequence[CheckResult]) -> Verdict:
    statuses = {result.status for result in checks}
    if "error" in statuses:
        return "error"
    if "failed" in statuses:
        return "rejected"
    return "accepted" if statuses == {"passed"} else "error"


def _reason(result: SubmissionResult, evidence: Evidence | None) -> str:
    """Return the reason for the verdict in one sentence: the fault, the first failed check, or the canary's outcome."""
    for status in ("error", "failed"):
        if ended := result.ended(status):
            return " ".join(ended[0].judgement.message.split())
    if result.verdict == "error":
        unjudged = sum(it.status == "skipped" for it in result.checks)
        return f"no verdict: {unjudged} of {len(result.checks)} checks were not run"
    return evidence.decision.reason if evidence else ""


def to_json(results: RunResults) -> bytes:
    """Return the content of ``results.json``."""
    document = {
        "schema": SCHEMA,
        "started": results.started,
        "seconds": round(results.seconds, 3),
        "cluster": _cluster(results.setting),
        "helm": results.setting.helm if results.setting else "",
        "images": results.setting.images if results.setting else "",
        "patience": results.setting.patience if results.setting else 1,
        "submissions": [_submission(each) for each in results.submissions],
    }
    return msgspec.json.format(msgspec.json.encode(document), indent=2) + b"\n"


def _cluster(setting: Setting | None) -> dict[str, Any] | None:
    if setting is None:
        return None
    return {"provider": setting.provider, "kubernetes": setting.kubernetes, "nodes": setting.nodes}


def _submission(result: SubmissionResult) -> dict[str, Any]:
    return {
        "name": result.name,
        "source": result.source,
        "verdict": result.verdict,
        "outcome": result.outcome,
        "cause": _cause_fields(result),
        "reason": result.reason,
        "score": result.score,
        "max_score": result.max_score,
        "canary": _canary(result.canary),
        "checks": [_check(each) for each in result.checks],
        "remarks": [{"cause": each.cause, "message": each.message} for each in result.remarks],
        "timings": result.timings,
        "availability": result.availability,
        "probed_through": result.probed_through,
        **({"resumed": True} if result.resumed else {}),
    }


def _cause_fields(result: SubmissionResult) -> dict[str, Any] | None:
    if result.cause is None:
        return None
    refusals = [_refusal(each) for each in result.refusals]
    return to_fields(result.cause) | ({"refusals": refusals} if refusals else {})


def _refusal(refusal: Refusal) -> dict[str, Any]:
    """Return the non-empty fields of a refusal."""
    shown = {"code": refusal.code, "object": str(refusal.key or ""), "file": refusal.template}
    more = {"container": refusal.container, "field": refusal.field, "value": refusal.value}
    numbers = {"count": refusal.count, "limit": refusal.limit}
    return {name: value for name, value in (shown | more | numbers).items() if value}


def _canary(canary: Canary | None) -> dict[str, Any] | None:
    if canary is None:
        return None
    return {
        "kind": canary.kind,
        "deployment": canary.name,
        "in_place": canary.in_place,
        "services": [service.name for service in canary.services],
        "replicas": canary.replicas,
        "ports": canary.ports,
        "image": ", ".join(canary.images),
    }


def _check(result: CheckResult) -> dict[str, Any]:
    judgement = result.judgement
    return {
        "id": result.check.id,
        "title": result.check.title,
        "status": judgement.status,
        "points": _tidy(result.check.points),
        "cause": to_fields(judgement.cause) if judgement.cause else None,
        "message": "\n".join(filter(None, (judgement.message, judgement.where))),
        "hint": judgement.hint,
        "hint_id": judgement.hint_id,
    }


def _rounded(timings: Timings) -> Timings:
    """Return *timings* in whole milliseconds."""
    return Timings(**{name: round(it, 3) for name, it in msgspec.to_builtins(timings).items()})


def _tidy(points: float) -> float:
    """Return 13 for 13.0: a score reads as the scenario states its points."""
    points = round(points, 3)
    return int(points) if points == int(points) else points
