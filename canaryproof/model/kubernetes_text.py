"""What texts of Kubernetes mean, where it says something in no other way; pure.

Each pattern names the part of Kubernetes that writes what it matches.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from canaryproof.model.causes import Why
from canaryproof.model.evidence import OutcomeName

MEANINGS: Mapping[OutcomeName, Mapping[Why, str]] = {
    "not-ready": {
        "readiness-probe": r"readiness probe",  # kubelet, prober/prober.go: "Readiness probe failed: ..."
    },
    "config-error": {
        "runs-as-root": r"runAsNonRoot|non-numeric user",  # kubelet, kuberuntime/security_context_others.go
        "missing-key": r"couldn't find key|references non-existent",  # kubelet_pods.go; volume/configmap, volume/secret
    },
    "unschedulable": {
        "node-choice": r"affinity|selector|taint",  # scheduler, plugins nodeaffinity and tainttoleration
        "volume-claim": r"persistentvolumeclaim",  # scheduler, plugin volumebinding
        "no-room": r"insufficient",  # scheduler, plugin noderesources/fit.go
    },
    "refused": {
        "no-service-account": r"service ?account",  # API server, admission plugin ServiceAccount
        "quota": r"exceeded quota",  # API server, admission plugin ResourceQuota
        "range": r"(maximum|minimum) (cpu|memory)",  # API server, admission plugin LimitRanger
        "priority-class": r"priority ?class",  # API server, admission plugin Priority
    },
}
"""Patterns by the outcome that the text goes with, the first one that matches counts; letters match in either case."""


def meaning(outcome: OutcomeName, text: str) -> Why | None:
    """Return what *text* of Kubernetes says about *outcome*; None where it is not known any closer."""
    patterns = MEANINGS.get(outcome, {})
    return next((why for why, pattern in patterns.items() if re.search(pattern, text, re.IGNORECASE)), None)
