"""Vets a rendered chart before anything is applied.  This package is pure.

A submission may contain objects of `ALLOWED_KINDS` in its own namespace. Pods must follow Kubernetes' Pod Security
Standard "baseline". The namespace enforces this standard in the cluster, too
(:mod:`canaryproof.experiment.isolation`), because a chart can render differently there. On a cluster that belongs to
others, additional rules apply (`shared_cluster`).
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from itertools import chain

from canaryproof.model.objects import Manifest
from canaryproof.model.refusals import Code, Policy, Refusal
from canaryproof.submissions.chart_safety.counts import check_counts, node_ports
from canaryproof.submissions.chart_safety.fields import check_object
from canaryproof.submissions.chart_safety.kinds import ALLOWED_KINDS, AllowedKind, check_kind
from canaryproof.submissions.chart_safety.pods import check_pod
from canaryproof.submissions.chart_safety.rbac import CLUSTER_ROLES, check_rbac

__all__ = [
    "ALLOWED_KINDS",
    "CLUSTER_ROLES",
    "AllowedKind",
    "Code",
    "Policy",
    "Refusal",
    "check_chart",
    "node_ports",
]


def check_chart(manifests: Iterable[Manifest], policy: Policy) -> tuple[Refusal, ...]:
    """Return a refusal for everything in the chart that must not be applied.

    Hooks and objects of subcharts are treated like all other objects.
    """
    manifests = tuple(manifests)
    checks = (check_kind, check_object, check_pod, check_rbac)
    found = [
        replace(refusal, key=manifest.key, template=manifest.template)
        for manifest in manifests
        for refusal in chain.from_iterable(check(manifest, policy) for check in checks)
    ]
    return (*dict.fromkeys(found), *check_counts(manifests, policy))
