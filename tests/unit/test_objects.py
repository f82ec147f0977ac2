"""Objects say what they are, whatever their shape."""

from __future__ import annotations

import pytest

from canaryproof.model.objects import Manifest, ObjectKey, added, picks, service_ports
from canaryproof.model.rendered_yaml import parse
from tests.unit.stories import CANARY_SERVICE, STABLE


def workload(**spec: object) -> Manifest:
    """Return a Deployment with a pod spec."""
    body = {"kind": "Deployment", "apiVersion": "apps/v1", "metadata": {"name": "x"}}
    return Manifest(body | {"spec": {"template": {"spec": spec}}})


@pytest.mark.parametrize("body", [{}, {"kind": [], "metadata": "x", "spec": []}, {"kind": "Deployment", "spec": 1}])
def test_accessors_take_any_shape(body: dict[str, object]) -> None:
    """A list where a map belongs reads as empty."""
    manifest = Manifest(body)

    assert (manifest.name, manifest.labels, manifest.containers, manifest.selector) == ("", {}, (), {})
    assert (manifest.replicas, manifest.is_hook, manifest.is_going, manifest.pod_labels) == (1, False, False, {})


def test_containers_say_what_they_are() -> None:
    """Init containers must end, sidecars need not; ports, images and killing probes are read."""
    manifest = workload(
        initContainers=[{"name": "setup", "image": "i"}, {"name": "side", "restartPolicy": "Always"}],
        containers=[{"name": "main", "ports": [{"containerPort": 5003, "name": "http"}], "startupProbe": {"exec": {}}}],
    )

    assert [(each.name, each.init, each.killing_probe) for each in manifest.containers] == [
        ("setup", True, False),
        ("side", False, False),
        ("main", False, True),
    ]
    assert manifest.containers[2].ports[0].number == 5003


def test_hooks_are_recognised() -> None:
    """An annotation makes an object a hook."""
    assert Manifest({"metadata": {"annotations": {"helm.sh/hook": "post-upgrade"}}}).is_hook


def test_empty_selectors_pick_nothing() -> None:
    """A Service without a selector picks no pods; one with two labels needs both."""
    assert not picks({}, {"app": "x"})
    assert picks({"app": "x"}, {"app": "x", "tier": "web"})
    assert not picks({"app": "x", "tier": "db"}, {"app": "x", "tier": "web"})


@pytest.mark.parametrize(
    ("port", "target"),
    [({}, 80), ({"targetPort": 5003}, 5003), ({"targetPort": "http"}, 5003), ({"targetPort": "https"}, 0)],
)
def test_service_ports_lead_to_container_ports(port: dict[str, object], target: int) -> None:
    """A number is taken as it is, a name is looked up, and nothing means the port itself."""
    containers = workload(containers=[{"name": "x", "ports": [{"containerPort": 5003, "name": "http"}]}]).containers
    service = Manifest({"kind": "Service", "spec": {"ports": [{"port": 80} | port]}})

    assert service_ports(service, containers) == ((80, target),)


def test_added_is_by_kind_and_name() -> None:
    """What differs only in its namespace or its content is not added."""
    changed = STABLE.replace("name: upcommerce-service", "name: upcommerce-service\n  namespace: sre")

    found = added(parse(STABLE), parse(changed + CANARY_SERVICE))

    assert found == (ObjectKey("Service", "upcommerce-canary-service"),)


@pytest.mark.parametrize(
    ("events", "is_test"),
    [
        ("test", True),
        ("test-success", True),
        ("Test , test-success", True),
        ("test,pre-upgrade", False),
        ("post-upgrade", False),
    ],
)
def test_hooks_for_tests_alone_are_told_from_those_of_upgrades(events: str, is_test: bool) -> None:  # noqa: FBT001  # a parameter
    """An upgrade runs a hook that is a test besides."""
    assert Manifest({"metadata": {"annotations": {"helm.sh/hook": events}}}).is_test is is_test
    assert not Manifest({"metadata": {}}).is_test
