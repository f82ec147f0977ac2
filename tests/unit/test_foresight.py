"""What may take long is known from the chart: it is begun before what ends soon."""

from __future__ import annotations

import pytest

from canaryproof.analysis.foresight import may_take_long
from canaryproof.model.evidence import Rendering
from canaryproof.model.objects import Body, Manifest

STABLE = "course/app:v3"
CANARY = "course/canary:v1"
REF = {"secretKeyRef": {"name": "a", "key": "b"}}


def workload(name: str, container: Body, *, kind: str = "Deployment", hook: str = "", **pod: object) -> Manifest:
    """Return a workload with one container, and more in its pods' spec."""
    metadata = {"name": name, "annotations": {"helm.sh/hook": hook} if hook else {}}
    spec = {"containers": [{"name": "app", "image": CANARY, **container}], **pod}
    return Manifest({"kind": kind, "metadata": metadata, "spec": {"template": {"spec": spec}}})


BASELINE = Rendering((workload("app", {"image": STABLE, "readinessProbe": {}}),))


def foreseen(*more: Manifest) -> bool:
    """Say what is foreseen of the course's chart with something more in it."""
    return may_take_long(Rendering((*BASELINE.manifests, *more)), BASELINE)


@pytest.mark.parametrize(
    "container",
    [
        {},
        {"ports": [{"containerPort": 5003}], "imagePullPolicy": "Always", "resources": {"limits": {"cpu": 1}}},
        {"env": [{"name": "A", "value": "b"}], "securityContext": {"runAsUser": 1}},
    ],
)
def test_a_canary_that_only_runs_its_image_ends_soon(container: Body) -> None:
    """What it may take does not delay its crash; the course's own Deployment is not asked."""
    assert not foreseen(workload("canary", container))


@pytest.mark.parametrize(
    "canary",
    [
        workload("canary", {"command": ["sleep"]}),
        workload("canary", {"livenessProbe": {}}),
        workload("canary", {"envFrom": [{"secretRef": {"name": "a"}}]}),
        workload("canary", {"env": [{"name": "A", "valueFrom": REF}]}),
        workload("canary", {}, initContainers=[{"name": "first", "image": CANARY}]),
        workload("canary", {}, volumes=[{"name": "a"}]),
        workload("canary", {}, nodeSelector={"disk": "ssd"}),
        workload("canary", {"image": STABLE}),
        workload("migrate", {}, kind="Job", hook="pre-upgrade"),
    ],
    ids=["command", "probe", "config", "variable", "init", "volume", "node", "stable-image", "hook"],
)
def test_a_canary_that_has_more_to_do_may_take_long(canary: Manifest) -> None:
    """Each of these can keep it from crashing, or from starting."""
    assert foreseen(canary)


def test_nothing_is_foreseen_where_nothing_is_added() -> None:
    """A chart without a canary is done as soon as it is rendered, upgraded and rolled back."""
    assert not foreseen(Manifest({"kind": "Service", "metadata": {"name": "canary"}}))
