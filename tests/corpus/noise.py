"""``python -m tests.corpus.noise REPORTS``: judges flight records again with noise in place of every sentence.

REPORTS is the ``--report-dir`` of a run. The messages of Helm and Kubernetes stay, because they are observations.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from unittest import mock

from canaryproof.analysis.infrastructure import out_of_reach
from canaryproof.checks import judging
from canaryproof.checks.registry import CHECKS, Check
from canaryproof.checks.remarks import codes, remark_sentences, remarks_on
from canaryproof.checks.results import Judgement, grade
from canaryproof.checks.verdict import failure, missing
from canaryproof.model.causes import Cause
from canaryproof.model.evidence import Evidence
from canaryproof.model.flight_record import from_lines
from canaryproof.model.wording import cause_sentences, hint_sentences, refusal_sentences
from canaryproof.scenario.scenario_file import load_scenario
from canaryproof.scenario.terms import Scenario

NOISE = "lorem ipsum"
OURS = frozenset({"chart-refused", "no-chart", "release-violation", "told"})
"""The causes whose detail is a sentence of the project."""


@dataclass(frozen=True)
class Told:
    """The result of one check without its sentence."""

    check: str
    status: str
    won: float | None
    hint: str
    """The id of the hint."""
    where: str
    codes: tuple[str, ...]
    """The codes of the cause, of its known cause, and of their parts."""


def told(evidence: Evidence, scenario: Scenario) -> tuple[object, ...]:
    """Return every decision about *evidence*, without sentences."""
    canary = evidence.canary
    reached = bool(canary and out_of_reach(evidence.decision, canary, evidence.timeline))
    judgements: dict[str, Judgement] = {}
    for check in CHECKS:
        judgements[check.id] = _judgement(check, evidence, scenario, judgements)
    result = grade(evidence.name, evidence.source, declared=CHECKS, judgements=judgements, evidence=evidence)
    checks = (
        Told(
            each.check.id,
            each.status,
            each.won,
            each.judgement.hint_id,
            each.judgement.where,
            tuple(_codes(each.judgement.cause)),
        )
        for each in result.checks
    )
    decided = (result.verdict, result.outcome, result.score, tuple(_codes(result.cause)))
    return (*decided, reached, codes(remarks_on(evidence)), *checks)


def _judgement(check: Check, evidence: Evidence, scenario: Scenario, judgements: dict[str, Judgement]) -> Judgement:
    if reason := missing(check, judgements):
        return Judgement("skipped", reason)
    finding = judging.JUDGES[check.id](evidence, scenario)
    if finding is None:
        return Judgement("passed")
    judgement = failure(finding, check)
    return replace(judgement, status="skipped", where=finding.follows) if finding.follows else judgement


def _codes(cause: Cause | None) -> Iterator[str]:
    if cause:
        yield cause.code
        for each in (cause.known, *cause.parts):
            yield from _codes(each)


@contextmanager
def noise() -> Iterator[None]:
    """Replace all wording by the same noise."""
    tables = (
        cause_sentences.SENTENCES,
        cause_sentences.HOLDERS,
        hint_sentences.HINTS,
        refusal_sentences.SENTENCES,
        remark_sentences.TITLES,
    )
    with ExitStack() as stack:
        for table in tables:
            stack.enter_context(mock.patch.dict(table, dict.fromkeys(table, NOISE)))
        yield


def noisy(evidence: Evidence) -> Evidence:
    """Return *evidence* without the sentences that the project has added."""
    chart, cause, violation = evidence.chart, evidence.decision.cause, evidence.violation
    ours = bool(chart.cause) or cause.code in OURS
    return replace(
        evidence,
        chart=replace(chart, error=NOISE) if chart.error and ours else chart,
        decision=replace(
            evidence.decision, cause=_without_sentence(cause), proof=tuple(NOISE for _ in evidence.decision.proof)
        ),
        violation=replace(violation, detail=NOISE) if violation else None,
        probes=tuple(replace(each, error=NOISE) if each.error else each for each in evidence.probes),
    )


def _without_sentence(cause: Cause) -> Cause:
    return replace(cause, detail=NOISE) if cause.code in {*OURS, "objects-malformed"} else cause


def main(arguments: list[str]) -> int:
    """Judge all records twice. Return 1 when the noise changes a result."""
    (reports,) = arguments
    changed = 0
    for file in sorted(Path(reports, "evidence").glob("*.jsonl")):
        evidence = from_lines(file.read_bytes())
        before = told(evidence, load_scenario())
        with noise():
            after = told(noisy(evidence), load_scenario())
        changed += before != after
        sys.stdout.write(f"{file.stem}: {'the same' if before == after else f'{before} became {after}'}\n")
    return int(changed > 0)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
