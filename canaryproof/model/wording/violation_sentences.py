"""The words for what a release did in the cluster that no submission may do; pure."""

from __future__ import annotations

from collections.abc import Mapping

from canaryproof.model.evidence import Violation, ViolationCode

SENTENCES: Mapping[ViolationCode, str] = {
    "unsafe-objects": "in the cluster the chart rendered to other objects than before, and they are unsafe: {0}",
    "quota-exceeded": "the release needs more objects than any chart may have: {0}",
    "unknown-record": "{1} has the labels of Helm's records of this release, and Helm did not write it",
    "missing-record": "{1} is missing: it is Helm's record of a revision, which only Helm may delete",
    "changed-record": "{1} was changed: it is Helm's record of a revision, which only Helm may write",
    "deep-record": "{1}, Helm's record of the release, has maps and lists that are nested too deep to be read",
}
"""What happened, by code; {0} is the detail, {1} the object."""

HINTS: Mapping[ViolationCode, str] = {
    "unsafe-objects": "look for lookup and other functions in the templates that depend on the cluster, and take out"
    " what they add",
    "quota-exceeded": "look for what makes pods or objects without end: Jobs, replicas, loops in the templates",
    "deep-record": "look for values that are nested hundreds of levels deep in values.yaml, and take them out",
}
RECORDS = "leave Secrets with the labels owner: helm out of the chart, and have its pods leave Helm's records alone"


def describe_violation(violation: Violation) -> str:
    """Return one sentence that says what the release did."""
    return SENTENCES[violation.code].format(violation.detail, violation.object)


def advise(violation: Violation) -> str:
    """Return what to look for in the chart."""
    return HINTS.get(violation.code, RECORDS)
