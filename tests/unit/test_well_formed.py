"""An object with an invalid structure is reported with the field at fault."""

from __future__ import annotations

import pytest

from canaryproof.model.objects import Manifest
from canaryproof.model.rendered_yaml import parse
from canaryproof.model.well_formed import problems
from canaryproof.model.wording.cause_sentences import describe
from tests.unit.stories import CANARY_DEPLOYMENT, STABLE


def workload(**spec: object) -> Manifest:
    """Return a Deployment with this pod spec."""
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
    """The check reports structures that the API would refuse, or that the checks cannot read."""
    assert problem in " ".join(map(describe, problems(manifest)))


def test_whole_charts_have_no_problems() -> None:
    """The check finds no fault in well-formed charts, including those with unknown kinds."""
    unknown = Manifest({"kind": "Rollout", "apiVersion": "example.com/v1", "metadata": {"name": "x"}, "spec": []})

    assert not [each for manifest in (*parse(STABLE + CANARY_DEPLOYMENT), unknown) for each in problems(manifest)]


def faults(manifest: Manifest) -> list[tuple[str, str, str, str]]:
    """Return the faults of an object: code, field, expected type and found type."""
    return [(each.code, each.field, each.expected, each.detail) for each in problems(manifest)]


def service(**fields: object) -> Manifest:
    """Return a Service."""
    return Manifest({"kind": "Service", "apiVersion": "v1", "metadata": {"name": "x"}, **fields})


WRONG = "field-of-wrong-type"
CONTAINERS = {"containers": [{"name": "x"}]}


@pytest.mark.parametrize(
    ("manifest", "found"),
    [
        (
            service(metadata={"name": "x", "labels": ["a"], "annotations": "b"}),
            [(WRONG, "metadata.labels", "a map", "['a']"), (WRONG, "metadata.annotations", "a map", "'b'")],
        ),
        (
            service(metadata={"name": "x", "annotations": {"port": 80}}),
            [("label-not-text", "metadata.annotations.port", "", "80")],
        ),
        (service(spec=["a"]), [(WRONG, "spec", "a map", "['a']")]),
        (service(spec={"selector": "app"}), [(WRONG, "spec.selector", "a map", "'app'")]),
        (service(spec={"selector": {"version": 1}}), []),
        (service(spec={"ports": [80]}), [("items-not-maps", "spec.ports", "", "80")]),
        (service(spec={"ports": [{"port": "80"}]}), [(WRONG, "spec.ports[].port", "a number", "'80'")]),
        (service(spec={"ports": [{"port": 1.5}]}), [(WRONG, "spec.ports[].port", "a number", "1.5")]),
        (service(spec={"ports": [{"port": 80.0, "targetPort": "http"}]}), []),
        (service(spec={"ports": [{"targetPort": True}]}), [(WRONG, "spec.ports[].targetPort", "a number", "True")]),
        (workload(containers=[{"name": "x"}], initContainers={}), [(WRONG, "initContainers", "a list", "{}")]),
        (workload(containers=[{"name": "x", "ports": 80}]), [(WRONG, "ports", "a list", "80")]),
        (
            workload(containers=[{"name": "x", "ports": [{"containerPort": "80"}]}]),
            [(WRONG, "ports[].containerPort", "a number", "'80'")],
        ),
        (
            workload(containers=[{"name": "x"}], initContainers=[{}]),
            [("container-unnamed", "initContainers", "", "")],
        ),
        (workload(initContainers=[{"name": "x"}]), [("no-containers", "", "", "")]),
        (workload(containers=["x" * 90]), [("items-not-maps", "containers", "", "'" + "x" * 59)]),
        (
            Manifest(
                {
                    "kind": "StatefulSet",
                    "apiVersion": "apps/v1",
                    "metadata": {"name": "x"},
                    "spec": {
                        "replicas": "1",
                        "template": {"metadata": {"labels": {"app": 1}}, "spec": CONTAINERS},
                    },
                }
            ),
            [(WRONG, "spec.replicas", "a number", "'1'"), ("label-not-text", "metadata.labels.app", "", "1")],
        ),
        (
            Manifest(
                {"kind": "CronJob", "apiVersion": "batch/v1", "metadata": {"name": "x"}, "spec": {"jobTemplate": {}}}
            ),
            [("no-containers", "", "", "")],
        ),
        (
            Manifest(
                {"kind": "Pod", "apiVersion": "v1", "metadata": {"name": "x"}, "spec": {"replicas": 1, **CONTAINERS}}
            ),
            [],
        ),
        (
            Manifest({"kind": "ConfigMap", "apiVersion": "v1", "metadata": {"name": "x"}, "spec": 1, "replicas": "1"}),
            [],
        ),
    ],
)
def test_each_wrong_field_is_named_with_what_belongs_there(
    manifest: Manifest, found: list[tuple[str, str, str, str]]
) -> None:
    """The check reports each field of a wrong type with the expected type. It ignores unknown kinds."""
    assert faults(manifest) == found


def test_a_fault_names_its_object_and_template() -> None:
    """A fault names its object and template."""
    body = {"kind": "Service", "apiVersion": "v1", "metadata": {"name": "x"}, "spec": 1}

    (fault,) = problems(Manifest(body, "shop/templates/x.yaml"))

    assert (fault.object, fault.file) == ("Service/x", "templates/x.yaml")


@pytest.mark.parametrize(
    ("body", "missing"),
    [
        ({}, "kind and apiVersion and metadata.name"),
        ({"kind": "Pod", "metadata": {"name": "x"}}, "apiVersion"),
        ({"apiVersion": "v1", "metadata": {"name": "x"}}, "kind"),
        ({"kind": "Pod", "apiVersion": "v1"}, "metadata.name"),
    ],
)
def test_what_every_object_needs_is_missed(body: dict[str, object], missing: str) -> None:
    """The check reports a missing kind, version or name with the template."""
    (fault,) = problems(Manifest(body, "shop/templates/x.yaml"))

    assert (fault.code, fault.field, fault.file) == ("object-incomplete", missing, "templates/x.yaml")
