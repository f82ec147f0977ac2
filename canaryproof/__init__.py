"""canaryproof proves, on a real Kubernetes with the real Helm, that a canary release fails safely.

The names below are the public API for tests and programs. The documentation lists the fixtures of the pytest plugin.
Each name is imported on first use, because processes that have only the standard library import this package, too.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from canaryproof.checks.results import SubmissionResult
    from canaryproof.checks.verdict import judge
    from canaryproof.cluster.lending import ClusterOptions
    from canaryproof.errors import CanaryproofError
    from canaryproof.experiment.experiments import Experiments
    from canaryproof.helm.installed import Release
    from canaryproof.kube.running_cluster import Cluster
    from canaryproof.model.evidence import Evidence
    from canaryproof.pytest_plugin.markers import accept, check
    from canaryproof.scenario.scenario_file import load_scenario
    from canaryproof.scenario.terms import Scenario as Scenario

_MODULES = {
    "CanaryproofError": "errors",
    "Cluster": "kube.running_cluster",
    "ClusterOptions": "cluster.lending",
    "Evidence": "model.evidence",
    "Experiments": "experiment.experiments",
    "Release": "helm.installed",
    "Scenario": "scenario.terms:Scenario",
    "SubmissionResult": "checks.results",
    "accept": "pytest_plugin.markers",
    "check": "pytest_plugin.markers",
    "judge": "checks.verdict",
    "load_scenario": "scenario.scenario_file:load_scenario",
}
__all__ = [
    "CanaryproofError",
    "Cluster",
    "ClusterOptions",
    "Evidence",
    "Experiments",
    "Release",
    "Scenario",
    "SubmissionResult",
    "accept",
    "check",
    "judge",
    "load_scenario",
]


def __getattr__(name: str) -> Any:
    if name not in _MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    module, _, attribute = _MODULES[name].partition(":")
    return getattr(import_module(f"{__name__}.{module}"), attribute or name)
