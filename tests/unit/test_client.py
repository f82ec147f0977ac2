"""The client returns the API server's answers as values, or raises errors that name the responsible side."""

from __future__ import annotations

import gc
import json
import select
import socket
import struct
import threading
import time
import warnings
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import pytest

from canaryproof.errors import InfrastructureError, UsageError
from canaryproof.kube.client import ExpiredError, KubeClient
from canaryproof.kube.quantity import quantity
from canaryproof.kube.resources import PODS, Resource
from canaryproof.model.evidence import Unanswered
from canaryproof.timeouts import TimeLimits
from tests.unit.fake_api import FakeApi

SOON = 5.0
PROXY = "/api/v1/namespaces/lab/services/shop:5000/proxy/"


@pytest.fixture
def api(tmp_path: Path) -> Iterator[FakeApi]:
    """Serve a fake API."""
    with FakeApi().serve(tmp_path) as api:
        yield api


@pytest.fixture
def client(api: FakeApi) -> Iterator[KubeClient]:
    """A client of the fake API with short time limits."""
    client = KubeClient(api.kubeconfig, "lab", TimeLimits(request=2, probe_timeout=0.3, watch=7))
    yield client
    client.close()


def refusal(code: int, message: str) -> tuple[int, dict[str, object]]:
    """Return a refusal as the API server formats it."""
    return code, {"kind": "Status", "code": code, "message": message}


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("4", "4"),
        ("3920m", "3.92"),
        ("0.5", "0.5"),
        (".5", "0.5"),
        ("100n", "0.0000001"),
        ("250u", "0.00025"),
        ("2e3", "2000"),
        ("2E3", "2000"),
        ("1k", "1000"),
        ("1E", "1e18"),
        ("16384Ki", "16777216"),
        ("1Pi", str(2**50)),
        ("1Ei", str(2**60)),
    ],
)
def test_a_quantity_is_read_with_every_suffix(text: str, number: str) -> None:
    """The client reads quantities with decimal and binary suffixes, fractions and exponents without rounding."""
    assert quantity(text) == Decimal(number)


@pytest.mark.parametrize("text", ["", "many", "1mi", "1KiB"])
def test_a_text_that_is_no_quantity_is_the_clusters_fault(text: str) -> None:
    """The client reports an invalid quantity as a cluster fault that quotes the text."""
    with pytest.raises(InfrastructureError, match=f"'{text}', which is not a quantity"):
        quantity(text)


def test_an_object_comes_as_json(api: FakeApi, client: KubeClient) -> None:
    """The client returns an object as the API's JSON."""
    api.answers["GET", "/api/v1/namespaces/lab/pods/a"] = (200, {"metadata": {"name": "a"}})

    assert client.get(PODS, "a", "lab") == {"metadata": {"name": "a"}}


def test_an_object_that_is_not_there_is_none(api: FakeApi, client: KubeClient) -> None:
    """The client returns None for status 404."""
    api.answers["GET", "/api/v1/namespaces/lab/pods/a"] = refusal(404, "not found")

    assert client.get(PODS, "a", "lab") is None


def test_a_refusal_is_an_infrastructure_error_with_the_apis_words(api: FakeApi, client: KubeClient) -> None:
    """The client raises an infrastructure error for missing rights, with the API's message."""
    api.answers["GET", "/api/v1/pods"] = refusal(403, "pods is forbidden")

    with pytest.raises(InfrastructureError, match=r"refused GET /api/v1/pods: pods is forbidden \(HTTP 403\)"):
        client.list(PODS)


def test_an_api_that_is_not_there_is_an_infrastructure_error(api: FakeApi, tmp_path: Path) -> None:
    """The client raises an infrastructure error that names the server if the connection is refused."""
    dead = KubeClient(_aimed_at_nothing(api, tmp_path), "lab", TimeLimits())

    for ask in (lambda: dead.list(PODS), lambda: dead.visit("lab", "shop", 5000), lambda: dead.watch(PODS, "1")):
        with pytest.raises(InfrastructureError, match="cannot be reached"):
            ask()


def _aimed_at_nothing(api: FakeApi, folder: Path) -> Path:
    """Return a kubeconfig whose server does not listen."""
    kubeconfig = folder / "nothing"
    before, _, after = api.kubeconfig.read_text().partition("127.0.0.1:")
    kubeconfig.write_text(f"{before}127.0.0.1:1{after.lstrip('0123456789')}")
    return kubeconfig


def test_an_unknown_context_is_the_users_affair(api: FakeApi) -> None:
    """The client reports an unknown context as a user error that names the kubeconfig and the context."""
    with pytest.raises(UsageError, match=r"kubeconfig.*'typo'"):
        KubeClient(api.kubeconfig, "typo", TimeLimits())


def test_a_namespace_is_made_once(api: FakeApi, client: KubeClient) -> None:
    """The client creates a namespace with the requested labels, and returns a conflict instead of raising it."""
    api.answers["POST", "/api/v1/namespaces"] = (201, {"metadata": {"uid": "u-1"}})

    assert client.create_namespace("lab", {"canaryproof/run": "7"}) == "u-1"

    api.answers["POST", "/api/v1/namespaces"] = refusal(409, "exists")

    assert client.create_namespace("lab", {}) is None
    assert api.bodies[0]["metadata"] == {"name": "lab", "labels": {"canaryproof/run": "7"}}


@pytest.mark.parametrize("code", [200, 404, 409])
def test_a_namespace_may_be_gone_already(api: FakeApi, client: KubeClient, code: int) -> None:
    """The client deletes a namespace without an error if it is missing or already being deleted."""
    api.answers["DELETE", "/api/v1/namespaces/lab"] = (code, {})

    client.delete_namespace("lab", "u-1")

    assert api.asked == [("DELETE", "/api/v1/namespaces/lab")]
    assert api.bodies == [{"preconditions": {"uid": "u-1"}}]  # a namespace of that name from another user stays


def test_an_account_is_asked_for_its_rights(api: FakeApi, client: KubeClient) -> None:
    """The client asks for an account's rights by verb, group, kind and subresource. Only a clear yes counts."""
    assert not client.may("get", "", "pods/log")

    path = "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews"
    api.answers["POST", path] = (201, {"status": {"allowed": True}})

    assert client.may("get", "", "pods/log")
    asked = {"verb": "get", "group": "", "resource": "pods", "subresource": "log"}
    assert api.bodies[-1]["spec"]["resourceAttributes"] == asked


@pytest.mark.parametrize("code", [400, 403, 422])
def test_an_object_is_tried_out_as_somebody_else(api: FakeApi, client: KubeClient, code: int) -> None:
    """The client sends a dry run as another user, and returns the API server's refusal unchanged."""
    path = "/api/v1/namespaces/lab/pods"
    api.answers["POST", path] = refusal(code, "violates PodSecurity")

    assert client.refusal(PODS, {"kind": "Pod"}, "lab", user="canaryproof:lab") == "violates PodSecurity"
    assert api.queries[-1] == {"dryRun": ["All"]}
    assert api.users == ["canaryproof:lab"]

    api.answers["POST", path] = (201, {"kind": "Pod"})
    assert client.refusal(PODS, {"kind": "Pod"}, "lab") == ""
    assert api.users[-1] == ""


def test_a_server_that_cannot_answer_refuses_nothing(api: FakeApi, client: KubeClient) -> None:
    """The client raises an error if the server cannot answer a dry run, which is neither a refusal nor an admission."""
    api.answers["POST", "/api/v1/namespaces/lab/pods"] = refusal(500, "etcdserver: no leader")

    with pytest.raises(InfrastructureError, match="no leader"):
        client.refusal(PODS, {"kind": "Pod"}, "lab")


def test_the_server_tells_its_version_and_its_time(api: FakeApi, client: KubeClient) -> None:
    """The client returns the version and the clock of the server, which is the same for all machines."""
    api.answers["GET", "/version"] = (200, {"gitVersion": "v1.37.2-gke.1"})

    assert client.version() == "1.37.2-gke.1"
    assert abs(client.now() - datetime.now(tz=UTC)) < timedelta(seconds=5)


def test_a_command_that_gives_no_credentials_shows(api: FakeApi, client: KubeClient) -> None:
    """The client raises an error if the kubeconfig's command gives no credentials.

    The Kubernetes package only logs this, and would continue without a user.
    """
    assert client.connection.has_credentials
    kubeconfig = json.loads(api.kubeconfig.read_text())
    plugin = {"apiVersion": "client.authentication.k8s.io/v1", "command": "/no/such/plugin"}
    kubeconfig["users"][0]["user"] = {"exec": plugin}
    api.kubeconfig.write_text(json.dumps(kubeconfig))

    assert not KubeClient(api.kubeconfig, "lab", TimeLimits()).connection.has_credentials


def test_a_kind_is_discovered_once(api: FakeApi, client: KubeClient) -> None:
    """The client looks up the plural of a kind once, ignores subresources, and returns None for an unknown kind."""
    pods = {"name": "ingresses", "kind": "Ingress", "namespaced": True}
    status = {"name": "ingresses/status", "kind": "Ingress", "namespaced": True}
    api.answers["GET", "/apis/networking.k8s.io/v1"] = (200, {"resources": [pods, status]})
    api.answers["GET", "/apis/example.com/v1"] = refusal(404, "not found")

    found = [client.resource("networking.k8s.io/v1", "Ingress") for _ in range(2)]

    assert found == [Resource("Ingress", "/apis/networking.k8s.io/v1", "ingresses")] * 2
    assert client.resource("example.com/v1", "Widget") is None
    assert len(api.asked) == 2


def test_a_list_says_where_a_watch_goes_on(api: FakeApi, client: KubeClient) -> None:
    """The client returns a list with the version for the watch. An empty list may have no items field."""
    api.answers["GET", "/api/v1/pods"] = (200, {"metadata": {"resourceVersion": "42"}, "items": None})

    listing = client.list(PODS)

    assert (listing.version, listing.items) == ("42", ())


def test_a_watch_yields_whole_lines(api: FakeApi, client: KubeClient) -> None:
    """The client joins the parts of a watch's lines, and tells the server when to end the watch."""
    api.watched = ['{"type": "ADDED"}', '{"type": "DELETED"}']

    watch = client.watch(PODS, "42")
    lines = iter(watch)

    assert [next(lines), next(lines)] == [b'{"type": "ADDED"}', b'{"type": "DELETED"}']
    assert api.queries[0]["resourceVersion"] == ["42"]
    assert api.queries[0]["timeoutSeconds"] == ["7"]
    assert api.queries[0]["allowWatchBookmarks"] == ["true"]
    watch.close()
    assert list(lines) == []


def test_a_silent_watch_ends_at_once_from_another_thread(client: KubeClient) -> None:
    """Another thread closes a silent watch at once."""
    watch = client.watch(PODS, "42")
    reader = threading.Thread(target=lambda: list(watch))
    reader.start()
    began = time.monotonic()

    watch.close()
    reader.join(SOON)

    assert not reader.is_alive()
    assert time.monotonic() - began < 1


def test_a_watch_from_too_long_ago_has_expired(api: FakeApi, client: KubeClient) -> None:
    """The client raises its own error for 410 Gone, after which the watcher must list again."""
    api.answers["GET", "/api/v1/pods"] = refusal(410, "too old resource version")

    with pytest.raises(ExpiredError, match="too old"):
        client.watch(PODS, "1")


def test_a_watch_that_breaks_off_is_an_infrastructure_error(api: FakeApi, client: KubeClient) -> None:
    """The client raises an infrastructure error if a watch's connection breaks, instead of ending the watch."""
    watch = client.watch(PODS, "42")
    api.released.set()

    with pytest.raises(InfrastructureError, match="broke off"):
        list(watch)


def test_a_service_that_answers_is_no_failure(api: FakeApi, client: KubeClient) -> None:
    """The client returns None if the Service answers."""
    api.answers["GET", PROXY] = (200, "welcome")

    assert client.visit("lab", "shop", 5000) is None


@pytest.mark.parametrize(
    ("answer", "error"),
    [
        (refusal(503, "no endpoints available for service"), "no endpoints available for service"),
        ((500, "oops"), "HTTP 500"),
        ((404, "<html>"), "HTTP 404"),
    ],
)
def test_a_service_that_fails_says_why(
    api: FakeApi, client: KubeClient, answer: tuple[int, object], error: str
) -> None:
    """The client returns the API's message, or the app's status, if a Service fails."""
    api.answers["GET", PROXY] = answer

    assert client.visit("lab", "shop", 5000, "/") == Unanswered(error)


def test_rights_that_are_missing_say_nothing_about_the_service(api: FakeApi, client: KubeClient) -> None:
    """A request that the API server does not forward is no failure of the Service."""
    api.answers["GET", PROXY] = refusal(403, "services/proxy is forbidden")

    with pytest.raises(InfrastructureError, match="forbidden"):
        client.visit("lab", "shop", 5000)


def test_an_app_may_say_forbidden(api: FakeApi, client: KubeClient) -> None:
    """The status 403 from the app itself is an answer of the app."""
    api.answers["GET", PROXY] = (403, "members only")

    assert client.visit("lab", "shop", 5000, "/") == Unanswered("HTTP 403")


def test_a_service_that_is_silent_is_given_up(api: FakeApi, client: KubeClient) -> None:
    """The client stops a request to a silent Service at its time limit, and the message states the limit."""
    api.silent.add(PROXY)

    assert client.visit("lab", "shop", 5000) == Unanswered("no answer within 0.3 s", timed_out=True)


@pytest.mark.parametrize(
    ("answer", "text"),
    [
        ((200, "it broke"), "it broke"),
        ((200, "unable to retrieve container logs for containerd://ab"), ""),
        (refusal(400, "previous terminated container not found"), ""),
        (refusal(404, "pods not found"), ""),
    ],
)
def test_a_log_that_is_not_there_is_empty(
    api: FakeApi, client: KubeClient, answer: tuple[int, object], text: str
) -> None:
    """The client returns an empty log if the container has none."""
    api.answers["GET", "/api/v1/namespaces/lab/pods/a/log"] = answer

    assert client.logs("lab", "a", "app", previous=True, lines=5, size=100) == text
    assert api.queries[0] == {"container": ["app"], "previous": ["true"], "tailLines": ["5"], "limitBytes": ["100"]}


@pytest.mark.parametrize("code", [200, 404, 409])
def test_an_object_is_deleted_without_grace(api: FakeApi, client: KubeClient, code: int) -> None:
    """The client deletes an object without a grace period, and without an error if it is missing.

    Its dependents stay.
    """
    api.answers["DELETE", "/api/v1/namespaces/lab/pods/a"] = (code, {"kind": "Status"})

    client.delete_now(PODS, "a", "lab")

    assert api.queries[-1] == {"gracePeriodSeconds": ["0"], "propagationPolicy": ["Background"]}


def test_finalizers_are_dropped(api: FakeApi, client: KubeClient) -> None:
    """The client's patch clears the finalizers and changes nothing else."""
    client.drop_finalizers(PODS, "a", "lab")

    assert api.asked == [("PATCH", "/api/v1/namespaces/lab/pods/a")]
    assert api.bodies == [{"metadata": {"finalizers": None}}]


def connect_and_lose(*_: object, **__: object) -> socket.socket:
    """Return a connection that the server has already reset, as if the cluster had just died."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        client = socket.create_connection(server.getsockname())
        peer, _ = server.accept()
        peer.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        peer.close()
        select.select([client], [], [], SOON)
        return client


def kubeconfig_of(folder: Path, **cluster: object) -> Path:
    """Write a kubeconfig with the context ``lab``."""
    named = [{"name": "lab", "cluster": {"server": "https://127.0.0.1:1", **cluster}}]
    contexts = [{"name": "lab", "context": {"cluster": "lab", "user": "lab"}}]
    users = [{"name": "lab", "user": {"token": "secret"}}]
    file = folder / "kubeconfig"
    file.write_text(json.dumps({"clusters": named, "contexts": contexts, "users": users}))
    return file


def test_a_server_that_hangs_up_leaves_no_socket_open(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The client leaves no socket open if the server resets the connection before the TLS handshake.

    Python 3.11 loses such a socket, and its ResourceWarning appears at any later time.
    """
    monkeypatch.setattr("urllib3.util.connection.create_connection", connect_and_lose)
    client = KubeClient(kubeconfig_of(tmp_path, **{"insecure-skip-tls-verify": True}), "lab", TimeLimits())
    with warnings.catch_warnings(record=True) as seen:
        warnings.simplefilter("always", ResourceWarning)
        with pytest.raises(InfrastructureError, match="cannot be reached"):
            client.get(PODS, "a", "lab")
        client.close()
        gc.collect()

    assert not [str(each.message) for each in seen]


def test_certificates_that_cannot_be_read_are_refused_at_once(tmp_path: Path) -> None:
    """The client reports a kubeconfig with an invalid certificate file as a user error at once."""
    (tmp_path / "ca.crt").write_text("no certificate")
    kubeconfig = kubeconfig_of(tmp_path, **{"certificate-authority": str(tmp_path / "ca.crt")})

    with pytest.raises(UsageError, match="its certificates"):
        KubeClient(kubeconfig, "lab", TimeLimits())


def test_errors_of_the_api_do_not_repeat_the_token(api: FakeApi, tmp_path: Path) -> None:
    """The client's errors do not contain the kubeconfig's credentials, whatever the server returns."""
    kubeconfig = tmp_path / "with-token"
    token = "plain-static-token-7"  # noqa: S105  # must not appear in the output
    kubeconfig.write_text(api.kubeconfig.read_text().replace('"secret"', f'"{token}"'))
    client = KubeClient(kubeconfig, "lab", TimeLimits(request=2))
    api.answers["GET", "/api/v1/namespaces/lab/pods/a"] = refusal(401, f"no such account: {token}, of password: x1y2z3")

    with pytest.raises(InfrastructureError, match="no such account") as refused:
        client.get(PODS, "a", "lab")
    client.close()

    assert client.connection.credentials == {token}
    assert not any(each in str(refused.value) for each in (token, "x1y2z3"))


def test_a_command_for_credentials_that_fails_is_not_quoted(
    api: FakeApi, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """The client does not log the output of a failed credentials command, because logs are captured and reported."""
    command = tmp_path / "login"
    command.write_text("#!/bin/sh\necho 'refused: password=hidden-77 Bearer abc123def456' >&2\nexit 1\n")
    command.chmod(0o755)
    document = json.loads(api.kubeconfig.read_text())
    plugin = {"apiVersion": "client.authentication.k8s.io/v1", "command": str(command), "interactiveMode": "Never"}
    document["users"][0]["user"] = {"exec": plugin}
    kubeconfig = tmp_path / "with-command"
    kubeconfig.write_text(json.dumps(document))

    KubeClient(kubeconfig, "lab", TimeLimits(request=2)).close()

    assert "refused: password=[redacted]" in caplog.text
    assert not any(each in caplog.text for each in ("hidden-77", "abc123def456"))
