"""What an experiment is given: the scenario, a cluster, and a share of what all experiments of a run have in common."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from canaryproof.experiment.baseline import Baseline
from canaryproof.experiment.capacity import Capacity
from canaryproof.experiment.isolation import Isolation
from canaryproof.experiment.vetting import Vetting
from canaryproof.helm.verbs import Helm
from canaryproof.kube.client import KubeClient
from canaryproof.kube.recorder import Recorder
from canaryproof.model.evidence import Setting
from canaryproof.model.registries import Registries
from canaryproof.redaction import Redactor
from canaryproof.scenario import Course
from canaryproof.system.sandbox import Sandbox
from canaryproof.timeouts import TimeLimits


@dataclass(frozen=True)
class Target:
    """The cluster on which experiments run, and what acts there."""

    client: KubeClient
    helm: Helm
    recorder: Recorder
    isolation: Isolation
    vetting: Vetting
    setting: Setting
    """What the evidence says it was recorded on; charts may ask for its version of Kubernetes."""
    registries: Registries | None = None
    """The only registries that images are pulled from; None where the cluster has rules of its own."""


@dataclass(frozen=True)
class Context:
    """What all experiments of a run are given."""

    course: Course
    baseline: Baseline
    target: Target
    capacity: Capacity
    time_limits: TimeLimits
    doomed: Callable[[], str | None]
    """Why no experiment can go on: the cluster failed, or the run is being ended."""
    sandbox: Sandbox
    """For the process that parses submissions."""
    redactor: Redactor
    """Removes the credentials of the cluster and of this process from what is kept."""
