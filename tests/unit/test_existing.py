"""The existing cluster is asked for its version and for the required rights before anything is created."""

from __future__ import annotations

import base64
import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import yaml
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from canaryproof.cluster.existing.account_rights import Right, missing, needed, roles
from canaryproof.cluster.existing.provider import ExistingProvider
from canaryproof.errors import CanaryproofError, ClusterError
from canaryproof.kube.kubeconfig import read, target_of
from canaryproof.timeouts import TimeLimits
from tests.unit.fake_api import FakeApi

REVIEWS = "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews"


@pytest.fixture
def api(tmp_path: Path) -> Iterator[FakeApi]:
    """Serve a fake API that allows everything, with two nodes of almost four cores."""
    with FakeApi().serve(tmp_path) as api:
        api.answers["GET", "/version"] = (200, {"gitVersion": "v1.37.2"})
        api.answers["POST", REVIEWS] = (201, {"status": {"allowed": True}})
        node = {"status": {"allocatable": {"cpu": "3920m"}}}
        api.answers["GET", "/api/v1/nodes"] = (200, {"metadata": {"resourceVersion": "1"}, "items": [node, node]})
        yield api


def provider(api: FakeApi, *, reading: bool = False) -> ExistingProvider:
    """Return a provider of the fake API."""
    return ExistingProvider(target_of(read([api.kubeconfig])), {"AWS_PROFILE": "me"}, TimeLimits(), reading=reading)


def test_it_is_asked_what_it_is(api: FakeApi) -> None:
    """The provider returns version, nodes and cores, creates nothing, and removes its kubeconfig afterwards."""
    with provider(api).lend() as cluster:
        assert (cluster.provider, cluster.kubernetes, cluster.nodes, cluster.cores) == ("existing", "1.37.2", 2, 7)
        assert (cluster.context, cluster.images) == ("lab", "upstream")
        assert cluster.credentials == {}  # no command in the kubeconfig needs the user's environment

    assert not cluster.kubeconfig.exists()
    assert {path for method, path in api.asked if method != "GET"} == {REVIEWS}


def test_nodes_may_be_none_of_our_business(api: FakeApi) -> None:
    """The provider runs fewer experiments in parallel if the account may not list nodes."""
    api.answers["GET", "/api/v1/nodes"] = (403, {"kind": "Status", "message": "forbidden"})

    with provider(api).lend() as cluster:
        assert (cluster.nodes, cluster.cores) == (0, 2)


def test_missing_rights_are_named_before_anything_is_made(api: FakeApi) -> None:
    """The error names the missing rights, and the command that prints the Role, before anything is created."""
    api.answers["POST", REVIEWS] = (201, {"status": {"allowed": False}})

    message = "may not create namespaces, delete namespaces, .* and [0-9]+ more: canaryproof rights"
    with pytest.raises(ClusterError, match=message), provider(api).lend():
        pytest.fail("it was lent")


def test_a_command_without_credentials_is_named(api: FakeApi) -> None:
    """The error names the command that gave no credentials, instead of missing rights."""
    target = target_of(read([api.kubeconfig]))
    target.document["users"][0]["user"] = {
        "exec": {"apiVersion": "client.authentication.k8s.io/v1", "command": "/no/such/plugin"}
    }

    with pytest.raises(ClusterError, match="gave no credentials"), ExistingProvider(target, {}, TimeLimits()).lend():
        pytest.fail("it was lent")


def test_who_only_looks_asks_for_no_rights(api: FakeApi) -> None:
    """The observer does not ask for its rights, and sends only GET requests."""
    with provider(api, reading=True).lend():
        assert {method for method, _ in api.asked} == {"GET"}


def test_the_role_is_what_is_asked_for() -> None:
    """The printed Role contains exactly the rights that the provider checks, without wildcards."""
    assert Right("create", "apps", "deployments") in needed()
    assert str(Right("get", "", "pods/log")) == "get pods/log"
    assert str(Right("create", "apps", "deployments")) == "create deployments.apps"
    assert "*" not in re.sub("#.*", "", roles())
    assert [each["metadata"]["name"] for each in yaml.safe_load_all(roles())] == ["canaryproof", "canaryproof-optional"]
    assert missing(lambda verb, _group, resource: (verb, resource) != ("delete", "secrets")) == (
        Right("delete", "", "secrets"),
    )


def with_user(api: FakeApi, **user: object) -> ExistingProvider:
    """Return a provider of the fake API with other credentials."""
    document = yaml.safe_load(api.kubeconfig.read_text())
    document["users"][0]["user"] = user
    api.kubeconfig.write_text(yaml.safe_dump(document))
    return provider(api)


def test_a_command_that_asks_on_the_terminal_is_refused(api: FakeApi) -> None:
    """Helm runs without a terminal, so the run ends before anything is made."""
    command = {"apiVersion": "client.authentication.k8s.io/v1", "command": "true", "interactiveMode": "Always"}

    with (
        pytest.raises(ClusterError, match=r"asks on the terminal \(interactiveMode: Always\)"),
        with_user(api, exec=command).lend(),
    ):
        pass

    assert api.asked == []


@pytest.mark.parametrize(
    ("minutes", "message"), [(-1, "lab expired at"), (5, "expires soon, and a run may take longer")]
)
def test_a_certificate_must_outlive_the_run(api: FakeApi, minutes: int, message: str) -> None:
    """A client certificate that has expired, or will during the run, is named before anything is made."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "me")])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder(name, name, key.public_key(), 1)
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(minutes=minutes))
        .sign(key, hashes.SHA256())
    )
    pem = certificate.public_bytes(serialization.Encoding.PEM)

    with (
        pytest.raises(ClusterError, match=message),
        with_user(api, **{"client-certificate-data": base64.b64encode(pem).decode()}).lend(),
    ):
        pass

    assert api.asked == []


def test_a_proxy_of_the_kubeconfig_is_used_for_any_address(api: FakeApi) -> None:
    """The proxy-url of a kubeconfig holds for the loopback address too, as it does for Helm; SOCKS is refused."""
    document = yaml.safe_load(api.kubeconfig.read_text())
    for proxy, message in (("http://127.0.0.1:9", "cannot be reached"), ("socks5://127.0.0.1:9", "saw socks5://")):
        document["clusters"][0]["cluster"]["proxy-url"] = proxy
        api.kubeconfig.write_text(yaml.safe_dump(document))
        with pytest.raises(CanaryproofError, match=message), provider(api).lend():
            pass
