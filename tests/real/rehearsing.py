"""Names the scenarios, and the function that rehearses one."""

from __future__ import annotations

from collections.abc import Callable

from canaryproof.checks.results import SubmissionResult
from canaryproof.model.evidence import Evidence
from tests.real.software import SCENARIOS

HELM_3 = "helm3"
"""The folder of the scenarios that Helm 3 runs, on a chart that it has created."""
Rehearsal = Callable[[str], tuple[Evidence, SubmissionResult]]


def names_in(folder: str) -> list[str]:
    """Return the names of the scenarios in a folder."""
    return [f"{folder}/{file.stem}" for file in sorted((SCENARIOS / folder).glob("*.yaml"))]
