"""``python -m tests.corpus.noise REPORTS``: judges flight records again, with noise in the place of every sentence.

REPORTS is the ``--report-dir`` of a run.  Texts of Helm and Kubernetes stay: they are observations.
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
from canaryproof.checks.remarks import codes, remarks_on
from canaryproof.model.causes import Cause
from canaryproof.model.evidence import Evidence
from canaryproof.model.flight_record import from_lines
from canaryproof.model.wording import cause_sentences, leftover_sentences, violation_sentences
from canaryproof.scenario import Course, load_course
from canaryproof.submissions.chart_safety import refusal_sentences as refusals

NOISE = "lorem ipsum"
CHECKS = (
    judging.chart_renders,
    judging.canary_present,
    judging.canary_replicas,
    judging.canary_port,
    judging.canary_service,
    judging.stable_untouched,
    judging.upgrade_applied,
    judging.canary_crash_loop,
    judging.stable_serves_during_canary,
    judging.rollback_recorded,
    judging.canary_gone,
    judging.stable_healthy,
    judging.stable_never_down,
)
OURS = frozenset({"chart-refused", "release-violation"})
"""Causes whose detail is a sentence of the rules for charts."""


@dataclass(frozen=True)
class Told:
    """What a check says, without its sentence: nothing where it holds."""

    check: str
    hint: str = ""
    where: str = ""
    follows: str = ""
    code: str = ""


def told(evidence: Evidence, course: Course) -> tuple[object, ...]:
    """Return everything that is decided about *evidence*, and no sentence."""
    canary = evidence.canary
    reached = bool(canary and out_of_reach(evidence.decision, canary, evidence.timeline))
    checks = tuple(_told(check.__name__, check(evidence, course)) for check in CHECKS)
    return (evidence.decision.outcome, reached, codes(remarks_on(evidence)), *checks)


def _told(name: str, finding: judging.Finding | None) -> Told:
    if finding is None:
        return Told(name)
    return Told(name, finding.hint, finding.where, finding.follows, finding.cause.code if finding.cause else "")


@contextmanager
def noise() -> Iterator[None]:
    """Have all wording say the same."""
    tables = (cause_sentences.SENTENCES, leftover_sentences.HOLDERS, violation_sentences.SENTENCES, refusals.SENTENCES)
    with ExitStack() as stack:
        for table in tables:
            stack.enter_context(mock.patch.dict(table, dict.fromkeys(table, NOISE)))
        yield


def noisy(evidence: Evidence) -> Evidence:
    """Return *evidence* without the sentences that the project has put into it."""
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
    """Judge all records twice; return 1 where noise changes anything."""
    (reports,) = arguments
    changed = 0
    for file in sorted(Path(reports, "evidence").glob("*.jsonl")):
        evidence = from_lines(file.read_bytes())
        before = told(evidence, load_course())
        with noise():
            after = told(noisy(evidence), load_course())
        changed += before != after
        sys.stdout.write(f"{file.stem}: {'the same' if before == after else f'{before} became {after}'}\n")
    return int(changed > 0)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
