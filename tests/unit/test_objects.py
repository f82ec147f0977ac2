"""The accessors of Kubernetes objects work for content of any shape."""

from __future__ import annotations

import pytest

from canaryproof.model.objects import (
    Body,
    Container,
    ContainerPort,
    Manifest,
    ObjectKey,
    added,
    mapping_at,
    maps_at,
    pairs,
    picks,
    service_ports,
    text_at,
    value_at,
    values_at,
)
from canaryproof.model.rendered_yaml import parse
from tests.unit.stories import CANARY_SERVICE, STABLE


def workload(**spec: object) -> Manifest:
    """Return a Deployment with this pod spec."""
    body = {"kind": "Deployment", "apiVersion": "apps/v1", "metadata": {"name": "x"}}
    return Manifest(body | {"spec": {"template": {"spec": spec}}})


@pytest.mark.parametrize("body", [{}, {"kind": [], "metadata": "x", "spec": []}, {"kind": "Deployment", "spec": 1}])
def test_accessors_take_any_shape(body: dict[str, object]) -> None:
    """The accessors read a list in place of a map as empty."""
    manifest = Manifest(body)

    assert (manifest.name, manifest.labels, manifest.containers, manifest.selector) == ("", {}, (), {})
    assert (manifest.replicas, manifest.is_hook, manifest.is_going, manifest.pod_labels) == (1, False, False, {})


def test_containers_say_what_they_are() -> None:
    """A container states its role, ports, image and killing probes. Init containers must end, and sidecars need not."""
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
    """An object with Helm's hook annotation is a hook."""
    assert Manifest({"metadata": {"annotations": {"helm.sh/hook": "post-upgrade"}}}).is_hook


def test_empty_selectors_pick_nothing() -> None:
    """A Service without a selector selects no pods, and a selector with two labels requires both."""
    assert not picks({}, {"app": "x"})
    assert picks({"app": "x"}, {"app": "x", "tier": "web"})
    assert not picks({"app": "x", "tier": "db"}, {"app": "x", "tier": "web"})


@pytest.mark.parametrize(
    ("port", "target"),
    [({}, 80), ({"targetPort": 5003}, 5003), ({"targetPort": "http"}, 5003), ({"targetPort": "https"}, 0)],
)
def test_service_ports_lead_to_container_ports(port: dict[str, object], target: int) -> None:
    """A target port is a number, or the name of a container port, or by default the Service's own port."""
    containers = workload(containers=[{"name": "x", "ports": [{"containerPort": 5003, "name": "http"}]}]).containers
    service = Manifest({"kind": "Service", "spec": {"ports": [{"port": 80} | port]}})

    assert service_ports(service, containers) == ((80, target),)


def test_added_is_by_kind_and_name() -> None:
    """An object is added if its kind and name are new. Its namespace and content do not matter."""
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
    """A hook that only ``helm test`` runs differs from one that an upgrade runs, too."""
    assert Manifest({"metadata": {"annotations": {"helm.sh/hook": events}}}).is_test is is_test
    assert not Manifest({"metadata": {}}).is_test


CONTAINERS = {"containers": [{"name": "x"}]}


def service(**fields: object) -> Manifest:
    """Return a Service."""
    return Manifest({"kind": "Service", "apiVersion": "v1", "metadata": {"name": "x"}, **fields})


def test_an_object_says_what_it_is() -> None:
    """The accessors return kind, version, name, namespace, uid, labels and annotations of the API object."""
    metadata = {
        "name": "n",
        "namespace": "ns",
        "uid": "u",
        "labels": {"a": "b"},
        "annotations": {"c": "d"},
        "deletionTimestamp": "2026-01-01T00:00:00Z",
    }
    manifest = Manifest({"kind": "Service", "apiVersion": "v1", "metadata": metadata})

    assert (manifest.kind, manifest.api_version, manifest.name) == ("Service", "v1", "n")
    assert (manifest.namespace, manifest.uid, manifest.is_going) == ("ns", "u", True)
    assert (manifest.labels, manifest.annotations) == ({"a": "b"}, {"c": "d"})
    assert manifest.key == ObjectKey("Service", "n", "ns")


@pytest.mark.parametrize(
    ("kind", "spec"),
    [
        ("Deployment", {"template": {"metadata": {"labels": {"app": "a"}}, "spec": CONTAINERS}}),
        ("DaemonSet", {"template": {"metadata": {"labels": {"app": "a"}}, "spec": CONTAINERS}}),
        (
            "CronJob",
            {"jobTemplate": {"spec": {"template": {"metadata": {"labels": {"app": "a"}}, "spec": CONTAINERS}}}},
        ),
    ],
)
def test_a_workload_says_what_its_pods_look_like(kind: str, spec: Body) -> None:
    """The pod template is found for every kind of workload."""
    manifest = Manifest({"kind": kind, "metadata": {"name": "x", "labels": {"app": "b"}}, "spec": spec})

    assert manifest.pod_labels == {"app": "a"}
    assert [container.name for container in manifest.containers] == ["x"]


def test_a_pod_is_its_own_template_and_a_config_map_has_none() -> None:
    """A Pod is its own template, and a kind that runs no pods has no containers."""
    body = {"metadata": {"name": "x", "labels": {"app": "a"}}, "spec": CONTAINERS}

    assert Manifest({"kind": "Pod", **body}).pod_labels == {"app": "a"}
    assert Manifest({"kind": "ConfigMap", **body}).pod_template == {}


def test_selectors_of_services_and_workloads_are_read() -> None:
    """The selectors of Services and workloads are read. A Service of type ExternalName selects nothing."""
    labels = {"app": "a"}

    assert service(spec={"selector": labels}).selector == labels
    assert service(spec={"selector": labels, "type": "ExternalName"}).selector == {}
    assert Manifest({"kind": "Deployment", "spec": {"selector": {"matchLabels": labels}}}).selector == labels
    assert not Manifest({"kind": "Deployment", "spec": {"type": "ExternalName"}}).is_external_name


@pytest.mark.parametrize(("replicas", "number"), [(3, 3), (2.0, 2), (0, 0), ("3", 1), (True, 1), (None, 1), (1.5, 1)])
def test_replicas_are_a_number_or_one(replicas: object, number: int) -> None:
    """The number of replicas is one if it is not set, as in the API."""
    assert Manifest({"spec": {"replicas": replicas}}).replicas == number


def test_a_container_says_all_that_checks_ask() -> None:
    """A container returns image, ports, pull policy, command, arguments, and the ports of its probes."""
    body = {
        "name": "main",
        "image": "shop:2",
        "imagePullPolicy": "Never",
        "command": ["sh", "-c"],
        "args": ["exit", 1],
        "ports": [{"containerPort": 80.0}, {"containerPort": 81, "name": "admin"}, {"containerPort": "82"}, {}],
        "livenessProbe": {"httpGet": {"port": "http"}},
        "readinessProbe": {"tcpSocket": {"port": 81}},
        "startupProbe": {"grpc": {"port": 82}, "exec": {}},
    }

    assert workload(containers=[body]).containers == (
        Container(
            name="main",
            image="shop:2",
            ports=(ContainerPort(80), ContainerPort(81, "admin")),
            killing_probe=True,
            probes=(("startupProbe", 82), ("livenessProbe", "http"), ("readinessProbe", 81)),
            never_pulled=True,
            command=("sh", "-c", "exit", "1"),
        ),
    )


@pytest.mark.parametrize(
    ("probe", "kills"), [("livenessProbe", True), ("startupProbe", True), ("readinessProbe", False)]
)
def test_only_some_probes_kill(probe: str, *, kills: bool) -> None:
    """Only liveness and startup probes kill a container. A failed readiness probe only stops its traffic."""
    (container,) = workload(containers=[{"name": "x", probe: {"exec": {}}}]).containers

    assert container.killing_probe is kills


@pytest.mark.parametrize(
    ("source", "template"),
    [
        ("shop/templates/a.yaml", "templates/a.yaml"),
        ("shop/charts/db/templates/a.yaml", "charts/db/templates/a.yaml"),
        ("templates/a.yaml", "templates/a.yaml"),
        ("a.yaml", "a.yaml"),
        ("", ""),
    ],
)
def test_a_template_is_named_from_the_folder_of_its_chart(source: str, template: str) -> None:
    """The path of a template starts at the chart's folder, without the chart name that Helm adds."""
    assert Manifest({}, source).template == template


def test_labels_are_written_as_kubectl_does() -> None:
    """Labels are formatted with equals signs and commas, as in kubectl."""
    assert pairs({"app": "a", "tier": "web"}) == "app=a,tier=web"
    assert pairs({}) == "nothing"


def test_ports_of_other_protocols_and_without_a_number_do_not_count() -> None:
    """Only TCP ports with a number count."""
    ports = [
        {"port": 53, "protocol": "UDP"},
        {"port": "80"},
        {"targetPort": 80},
        {"port": 80, "protocol": "TCP", "targetPort": 8080.0},
        {"port": 0},
    ]

    assert service_ports(service(spec={"ports": ports}), ()) == ((80, 8080), (0, 0))


def test_values_of_objects_are_read_at_a_path() -> None:
    """A value at a path is read as empty if it is missing or has another type, and wrong list items are left out."""
    body = {"a": {"text": "x", "map": {"k": 1}, "list": [{"k": 1}, "y"]}}

    assert value_at(body, "a", "map", "k") == 1
    assert value_at(body, "a", "text", "k") is None
    assert (text_at(body, "a", "text"), text_at(body, "a", "map")) == ("x", "")
    assert (mapping_at(body, "a", "map"), mapping_at(body, "a", "list")) == ({"k": 1}, {})
    assert (maps_at(body, "a", "list"), maps_at(body, "a", "map")) == (({"k": 1},), ())
    assert (values_at(body, "a", "list"), values_at(body, "a", "map")) == (({"k": 1}, "y"), ())
