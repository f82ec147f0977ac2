"""An object without the shapes that the API and the checks rely on is named, with the field at fault."""

from __future__ import annotations

import pytest

from canaryproof.model.objects import Manifest
from canaryproof.model.rendered_yaml import parse
from canaryproof.model.well_formed import problems
from canaryproof.model.wording.cause_sentences import describe
from tests.unit.stories import CANARY_DEPLOYMENT, STABLE


def workload(**spec: object) -> Manifest:
    """Return a Deployment with a pod spec."""
    body = {"kind": "Deployment", "apiVersion": "apps/v1", "metadata": {"name": "x"}}
    return Manifest(body | {"spec": {"template": {"spec": spec}}})


@pytest.mark.parametrize(
    ("manifest", "problem"),
    [
        (workload(), "its pods have no containers"),
        (workload(containers={"name": "x"}), "containers must be a list"),
        (workload(containers=["x"]), "containers must hold maps"),
        (workload(containers=[{"image": "x"}]), "has no name"),
        (workload(containers=[{"name": "x", "ports": [{"containerPort": "5003"}]}]), "must be a number, not '5003'"),
        (workload(containers=[{"name": "x", "ports": [{"containerPort": True}]}]), "must be a number, not True"),
        (Manifest({"kind": "Pod", "apiVersion": "v1", "metadata": ["name"]}), "without metadata.name"),
        (
            Manifest({"kind": "Service", "apiVersion": "v1", "metadata": {"name": "x", "labels": {"version": 0.1}}}),
            "metadata.labels.version must be text, not 0.1; put it in quotes",
        ),
        (
            Manifest(
                {"kind": "Service", "apiVersion": "v1", "metadata": {"name": "x"}, "spec": {"ports": {"port": 1}}}
            ),
            "spec.ports must be a list",
        ),
    ],
)
def test_misshapen_objects_are_named(manifest: Manifest, problem: str) -> None:
    """What the API would refuse, and what checks would stumble over, is a problem."""
    assert problem in " ".join(map(describe, problems(manifest)))


def test_whole_charts_have_no_problems() -> None:
    """What is well-formed has no problem, unknown kinds among it."""
    unknown = Manifest({"kind": "Rollout", "apiVersion": "example.com/v1", "metadata": {"name": "x"}, "spec": []})

    assert not [each for manifest in (*parse(STABLE + CANARY_DEPLOYMENT), unknown) for each in problems(manifest)]
