"""Declares the id, title, hint, points and needs of each acceptance criterion.  This module is pure.

Judges, the acceptance suite, observe mode, reports and the documentation take them from here.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal, TypeVar

Moment = Literal["start", "upgraded", "fate", "rollback", "rolled-back", "gone", "end"]
"""A moment of an experiment; `canaryproof.reports.chronology` finds its time."""
Value = TypeVar("Value")


@dataclass(frozen=True)
class Check:
    """One acceptance criterion as declared."""

    id: str
    title: str
    hint: str = ""
    """The hint for findings that have none of their own."""
    points: float = 1
    needs: tuple[str, ...] = ()
    """The ids of the checks that must hold for this one to be meaningful."""
    settled: Moment = "end"
    """The moment at which the last fact that the check needs is known."""


CHART_RENDERS = Check(
    "chart-renders",
    "Helm renders the chart, and its objects are well-formed",
    "Run `helm template` on the chart and correct what it reports.",
    settled="start",
)
CANARY_PRESENT = Check(
    "canary-present",
    "The upgrade adds the canary, or changes it in place",
    "Keep the stable templates as they are, and add the canary in files of its own.",
    needs=(CHART_RENDERS.id,),
    settled="start",
)
CANARY_REPLICAS = Check(
    "canary-replicas",
    "The canary asks for the number of replicas that the scenario states",
    "Correct spec.replicas of the canary's workload.",
    needs=(CANARY_PRESENT.id,),
    settled="start",
)
CANARY_PORT = Check(
    "canary-port",
    "A container of the canary declares the port that the scenario states",
    "Look at spec.template.spec.containers[].ports of the canary's workload.",
    needs=(CANARY_PRESENT.id,),
    settled="start",
)
CANARY_SERVICE = Check(
    "canary-service",
    "The Services that lead to the canary's pods are those that the scenario states",
    "A Service picks pods by their labels. Compare its selector with spec.template.metadata.labels of the workload.",
    needs=(CANARY_PRESENT.id,),
    settled="start",
)
STABLE_UNTOUCHED = Check(
    "stable-untouched",
    "The stable workloads and Services are still those of the stable chart",
    "Keep name, image, ports and selector. Limits and added labels may differ.",
    needs=(CHART_RENDERS.id,),
    settled="start",
)
UPGRADE_APPLIED = Check(
    "upgrade-applied",
    "Helm applied the canary's revision",
    "Run `helm upgrade` on a cluster of your own: Kubernetes refuses some objects that `helm template` accepts.",
    needs=(CHART_RENDERS.id,),
    settled="upgraded",
)
CANARY_OUTCOME = Check(
    "canary-outcome",
    "The canary has an outcome that the scenario expects",
    "Watch the canary with `kubectl get pods --watch`, and compare its image with the intended one.",
    needs=(CANARY_PRESENT.id, UPGRADE_APPLIED.id),
    settled="fate",
)
STABLE_SERVES_DURING_CANARY = Check(
    "stable-serves-during-canary",
    "The stable Service answered while the canary ran",
    "The selector of the stable Service must pick the pods of the stable app, and none of the canary's.",
    needs=(CANARY_PRESENT.id, UPGRADE_APPLIED.id),
    settled="rollback",
)
ROLLBACK_RECORDED = Check(
    "rollback-recorded",
    "The history shows the rollback to the stable revision, deployed, and no upgrade in disguise",
    "Look at `helm history`. Hooks of the chart may make the rollback fail.",
    needs=(CHART_RENDERS.id,),
    settled="rolled-back",
)
CANARY_GONE = Check(
    "canary-gone",
    "Nothing that the upgrade added is left",
    "Objects with hooks, finalizers or the annotation helm.sh/resource-policy survive a rollback.",
    needs=(ROLLBACK_RECORDED.id,),
    settled="gone",
)
STABLE_HEALTHY = Check(
    "stable-healthy",
    "The stable pods are Ready with the stable chart's images, without restarts, and stay so",
    "Look at `kubectl get pods` after the rollback.",
    needs=(ROLLBACK_RECORDED.id,),
)
STABLE_NEVER_DOWN = Check(
    "stable-never-down",
    "The stable app had no outage longer than the limit, from revision 1 to the end",
    "A changed pod template, or the strategy Recreate, replaces the stable pods and may interrupt the app.",
    needs=(CHART_RENDERS.id,),
)

CHECKS: tuple[Check, ...] = (
    CHART_RENDERS,
    CANARY_PRESENT,
    CANARY_REPLICAS,
    CANARY_PORT,
    CANARY_SERVICE,
    STABLE_UNTOUCHED,
    UPGRADE_APPLIED,
    CANARY_OUTCOME,
    STABLE_SERVES_DURING_CANARY,
    ROLLBACK_RECORDED,
    CANARY_GONE,
    STABLE_HEALTHY,
    STABLE_NEVER_DOWN,
)
"""All checks, in the order in which they are judged and reported."""
BY_ID: Mapping[str, Check] = {each.id: each for each in CHECKS}

FORMER_IDS: Mapping[str, str] = {"canary-crash-loop": CANARY_OUTCOME.id}
"""The present id of each check that had another one: scenario files and flight records may still have that."""


def current_id(check: str) -> str:
    """Return the current id of a check, given a current or former id."""
    return FORMER_IDS.get(check, check)


def by_current_id(values: Mapping[str, Value]) -> dict[str, Value]:
    """Return *values*, which are keyed by check ids, keyed by current ids."""
    return {current_id(check): value for check, value in values.items()}
