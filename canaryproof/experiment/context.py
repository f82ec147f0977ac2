"""The inputs of an experiment: the scenario, a cluster, and the resources that the experiments of a run share."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from canaryproof.experiment.baseline import Baseline
from canaryproof.experiment.capacity import Capacity
from canaryproof.experiment.isolation import Isolation
from canaryproof.experiment.vetting import Vetting
from canaryproof.helm.inputs import Inputs
from canaryproof.helm.verbs import Helm
from canaryproof.kube.client import KubeClient
from canaryproof.kube.recorder import Recorder
from canaryproof.kube.running_cluster import Dial, MeasureNodes, unmeasured
from canaryproof.model.evidence import Setting
from canaryproof.model.pull_answer import AskRegistry, nobody_asked
from canaryproof.model.registries import Registries
from canaryproof.redaction import Redactor
from canaryproof.scenario.terms import Scenario
from canaryproof.system.sandbox import Sandbox
from canaryproof.timeouts import TimeLimits


@dataclass(frozen=True)
class Target:
    """The cluster on which experiments run, and the tools that act on it."""

    client: KubeClient
    helm: Helm
    recorder: Recorder
    isolation: Isolation
    vetting: Vetting
    setting: Setting
    """The environment that the evidence records. Charts can read its Kubernetes version."""
    registries: Registries | None = None
    """The only registries that the cluster pulls images from, or None if the cluster has its own rules."""
    ask_registry: AskRegistry = nobody_asked
    """Asks the registry of an image whether it has the image."""
    dial: Dial | None = None
    """Connects to the addresses of Services, or None if only the API server reaches them."""
    exhausted: MeasureNodes = unmeasured
    """Measures the exhausted resources of the cluster's machine."""


@dataclass(frozen=True)
class Context:
    """The inputs that all experiments of a run share."""

    scenario: Scenario
    inputs: Inputs
    """The charts and values of the scenario."""
    baseline: Baseline
    target: Target
    capacity: Capacity
    time_limits: TimeLimits
    doomed: Callable[[], str | None]
    """Returns why no experiment can continue: the cluster failed, or the run is ending."""
    sandbox: Sandbox
    """The sandbox of the process that parses submissions."""
    redactor: Redactor
    """Removes the credentials of the cluster and of this process from the recorded data."""
