"""The rollback to the last stable revision, and the objects that it leaves in the cluster."""

from __future__ import annotations

from dataclasses import replace

from canaryproof.analysis.hook_failure import ROLLBACK_EVENTS
from canaryproof.experiment.cleanup_check import CleanupCheck
from canaryproof.experiment.experiment_tools import ExperimentTools
from canaryproof.experiment.stable_app import StableApp
from canaryproof.model.evidence import Step


def roll_back(tools: ExperimentTools) -> Step:
    """Roll back to the last stable revision, with no other records of Helm than those that were inspected.

    Raises ViolationError when there are other records, or a quota refused an object, and WaitError when the run ends
    first.
    """
    tools.require_room()
    tools.inspection.before_rollback()
    facts, evidence = tools.facts, tools.facts.evidence
    rollback = tools.helm.run(
        lambda: tools.release.roll_back(evidence.stable_revision),
        ROLLBACK_EVENTS,
        evidence.canary_revision + bool(tools.inspection.applied(evidence.canary_revision)),
    )
    facts.evidence = replace(facts.evidence, rollback=rollback)
    if rollback.error:
        facts.refuse_rollback(rollback)
    return rollback


def observe_cleanup(tools: ExperimentTools, rollback: Step, stable: StableApp) -> None:
    """Watch until the canary is gone and the stable app holds, or it is certain that something stays.

    Raises InfrastructureError when the run ends first, or a policy of the cluster keeps the stable app from recovery.
    """
    facts, generations = tools.facts, stable.generations()
    evidence = facts.evidence
    check = CleanupCheck(
        tools.target.client,
        tools.recording,
        tools.namespace,
        added=[each for each in evidence.chart.manifests if each.key in evidence.added],
        canary=evidence.canary,
        unready=lambda stuck: stable.unready(generations, stuck),
    )
    facts.evidence = replace(evidence, history=tools.release.history())
    cleanup = check.observe(tools.watcher)
    if cleanup.restored_at is None:
        tools.watcher.require_admission(evidence.chart.manifests, tools.recording.timeline.messages)
    facts.evidence = replace(
        facts.evidence,
        restored_at=cleanup.restored_at,
        leftovers=cleanup.leftovers,
        gone_at=None if cleanup.leftovers else max(rollback.ended, cleanup.last_deletion or 0.0),
    )
    stable.await_answer(rollback.ended)
