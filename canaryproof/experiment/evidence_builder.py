"""Collects the facts of one experiment while it runs, and gives them as frozen evidence at its end."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from canaryproof.analysis.applied import as_applied
from canaryproof.analysis.canary import find_canary
from canaryproof.analysis.outcome import with_last_words, with_program_checked
from canaryproof.errors import SubmissionError, UnsafeError
from canaryproof.experiment.vetting import RefusedError
from canaryproof.model.causes import Cause, Code
from canaryproof.model.evidence import (
    ContainerLog,
    Decision,
    Evidence,
    OutcomeName,
    Probe,
    Rendering,
    Step,
    Timings,
    Violation,
    rendering_failure,
    upgrade_failure,
)
from canaryproof.model.evidence_redaction import SecretValues, bodies_of, without_secrets, without_secrets_in_log
from canaryproof.model.kubernetes_text import meaning
from canaryproof.model.objects import Body, Manifest
from canaryproof.model.timeline import Timeline
from canaryproof.redaction import Redactor
from canaryproof.scenario.terms import Scenario


class EvidenceBuilder:
    """Holds the evidence so far, and the Secrets found so far, whose data the evidence must not contain."""

    def __init__(self, evidence: Evidence, redactor: Redactor, scenario: Scenario) -> None:
        """Start with *evidence*; *redactor* knows the credentials of the cluster and of this process."""
        self.evidence = evidence
        self._redactor = redactor
        self._scenario = scenario
        self._secrets = SecretValues()

    @property
    def redactor(self) -> Redactor:
        """Return what removes all secrets that are known so far."""
        return self._secrets.redactor(self._redactor)

    def learn_secrets(self, manifests: Iterable[Manifest]) -> None:
        """Learn the Secrets of a rendering."""
        self._secrets.learn(bodies_of(manifests))

    def learn_live_secrets(self, secrets: Iterable[Body], among: Iterable[Manifest] = ()) -> None:
        """Learn the Secrets of a namespace; what identifies an object of *among* is no secret."""
        self._secrets.learn(secrets, among=bodies_of(among))

    def refuse(self, error: SubmissionError) -> None:
        """Record that nothing of the submission is applied, and the reason."""
        outcome: OutcomeName = "unsafe-chart" if isinstance(error, UnsafeError) else "broken-chart"
        refusals = error.refusals if isinstance(error, RefusedError) else ()
        code: Code = "chart-refused" if outcome == "unsafe-chart" else "no-chart"
        decision = Decision(outcome, Cause(code=code, detail="" if refusals else error.message), refusals=refusals)
        self.evidence = replace(self.evidence, chart=Rendering(error=error.message, hint=error.hint), decision=decision)

    def take_rendering(self, namespace: str, chart: Rendering) -> None:
        """Record the rendering of the chart in the namespace of the experiment."""
        self.evidence = replace(self.evidence, namespace=namespace, chart=chart)
        if chart.error:
            self._decide("broken-chart", rendering_failure(chart), at=None)

    def compare(self, baseline: Rendering) -> None:
        """Record the objects that the upgrade adds to the stable ones, and the canary among them."""
        found = find_canary(baseline, self.evidence.chart, self._scenario, self.evidence.namespace)
        self.learn_secrets(baseline.manifests)
        self.evidence = replace(
            self.evidence,
            baseline=baseline,
            added=found.added,
            canary=found.canary,
            decision=found.decision or self.evidence.decision,
        )

    def take_applied(self, applied: Rendering) -> None:
        """Continue with the objects that Helm applied, because a template may render differently in the cluster."""
        self.learn_secrets(applied.manifests)
        self.evidence = as_applied(self.evidence, applied, self._scenario)

    def refuse_upgrade(self, upgrade: Step) -> None:
        """Note that the upgrade failed, which decides what becomes of a canary."""
        if upgrade.cause and upgrade.cause.code == "hook-failed":
            self._decide("hook-failed", upgrade.cause, upgrade.ended)
        elif self.evidence.canary:
            why = None if upgrade.cause else meaning("refused", upgrade.error)
            self._decide("refused", replace(upgrade_failure(upgrade), why=why), upgrade.ended)

    def refuse_rollback(self, rollback: Step) -> None:
        """Record that a hook made the rollback fail, which is the outcome if the scenario expects that of a hook.

        Otherwise, the outcome stays that of the canary, and the check of the rollback tells of the hook.
        """
        expected = "hook-failed" in self._scenario.expect.outcomes
        if expected and rollback.cause and rollback.cause.code == "hook-failed":
            self._decide("hook-failed", rollback.cause, rollback.ended)

    def take_logs(self, logs: Iterable[ContainerLog], *, own_image: bool = True) -> None:
        """Note the last lines of the canary's containers: the decision quotes them.

        The decision also depends on them, unless the container has its *own image*, whose program is not the
        submission's.
        """
        clean = tuple(without_secrets_in_log(each, self.redactor) for each in logs)
        decided = self.evidence.decision
        decision = with_last_words(decided if own_image else with_program_checked(decided, clean), clean)
        self.evidence = replace(self.evidence, logs=clean, decision=decision)

    def stop(self, violation: Violation, cause: Cause | None, at: float) -> None:
        """Record a violation by the release, which ends the experiment."""
        self.evidence = replace(self.evidence, violation=violation)
        self._decide("unsafe-chart", Cause(code="release-violation", known=cause), at)

    def fail(self, reason: Cause) -> None:
        """Record a fault: the experiment is no evidence about the submission."""
        self.evidence = replace(self.evidence, fault=reason)

    def end(self, timeline: Timeline, probes: tuple[Probe, ...], at: float) -> None:
        """Record everything observed until the end of the experiment, however it ended."""
        self.evidence = replace(self.evidence, timeline=timeline, probes=probes, ended_at=at)
        self.evidence = replace(self.evidence, timings=timings_of(self.evidence))

    def build(self) -> Evidence:
        """Return the evidence, without secrets."""
        return without_secrets(self.evidence, self.redactor)

    def _decide(self, outcome: OutcomeName, cause: Cause, at: float | None) -> None:
        self.evidence = replace(self.evidence, decision=Decision(outcome, cause, at=at, proven_at=at))


def timings_of(evidence: Evidence) -> Timings:
    """Return the seconds of each phase that *evidence* reached."""
    install, upgrade, rollback = evidence.install, evidence.upgrade, evidence.rollback
    return Timings(
        install=_between(install.began if install else None, evidence.settled_at),
        upgrade=upgrade.seconds if upgrade else 0.0,
        outcome=_between(upgrade.ended if upgrade else None, evidence.decision.at),
        rollback=rollback.seconds if rollback else 0.0,
        gone=_between(rollback.ended if rollback else None, evidence.gone_at),
        total=evidence.ended_at or 0.0,
    )


def _between(began: float | None, ended: float | None) -> float:
    """Return the seconds between two times; 0 where one of them never was."""
    return 0.0 if began is None or ended is None else max(0.0, ended - began)
